import { type Running, start } from '../cli.ts'

export interface Served {
  readonly url: string
  readonly running: Running
  /** Ends `serve` as Ctrl-C does, and returns its exit code. */
  stop(): Promise<number | null>
}

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

/** A page that is asked for with it is whole, also on a busy machine, unless it takes half a minute. */
export const WHOLE = { headers: { prefer: 'wait' } }

/** The first pages of a busy server show the findings of the tasks that were read so far. */
export async function untilChecked({ url }: Served): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}needs`)
    if (!(await answer.text()).includes('checked so far.')) return
  }
}
