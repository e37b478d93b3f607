import type { Instant } from '../../../src/core/types.ts'
import { cronledger, type Running, start } from '../cli.ts'
import { awsEnv, openTestStore, startDynalite } from '../servers.ts'
import { fillStore, type PlannedTask } from './ledger.ts'

export interface Served {
  /** The URL of the pages, with a slash at its end. */
  readonly url: string
  readonly running: Running
  /** Ends `serve` as Ctrl-C does, and returns its exit code. */
  stop(): Promise<number | null>
}

/** Starts `cronledger serve` on a free port. */
export async function serve(
  store: string,
  { env = {}, args = [] }: { readonly env?: Readonly<Record<string, string>>; readonly args?: readonly string[] } = {},
): Promise<Served> {
  const running = start(['serve', '--store', store, '--port', '0', ...args], { env })
  const url = await new Promise<string>((resolve, reject) => {
    let text = ''
    running.child.stdout?.on('data', (chunk) => {
      text += chunk
      if (text.includes('\n')) resolve(text.trim())
    })
    void running.ended.then(({ stderr }) => reject(new Error(`serve ended: ${stderr}`)))
  })
  return {
    url,
    running,
    async stop() {
      running.child.kill('SIGINT')
      return (await running.ended).code
    },
  }
}

/**
 * Asks for the findings until those of all tasks are read. Without it, the first pages of a busy server show the findings
 * of the tasks that were read so far.
 */
export async function untilChecked({ url }: Served): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}needs`)
    if (!(await answer.text()).includes('The others are still being checked.')) return
  }
}

/** Returns a table with these tasks, on a server of its own. */
export async function fillTable(plans: readonly PlannedTask[], now: Instant) {
  const server = await startDynalite()
  const env = awsEnv(server)
  const made = await cronledger(['setup', '--store', 'dynamodb:ledger'], { env })
  if (made.code !== 0) throw new Error(made.stderr)
  const store = openTestStore(server.endpoint)
  await fillStore(store, plans, now)
  store.close()
  return { store: 'dynamodb:ledger', env, close: () => server.stop() }
}
