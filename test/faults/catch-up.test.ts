import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cronledger, type Loose, scratch } from '../support/cli.ts'
import { hasPostgres, startPostgres } from '../support/postgres.ts'
import { eventsOf } from '../support/processes/crowd.ts'
import { type FaultyProxy, startFaultyProxy } from '../support/proxy.ts'
import { awsEnv, startDynalite } from '../support/servers.ts'
import { startOfToday } from '../support/today.ts'
import { awsError } from './faults.ts'

// Real processes whose runs have ranges, or catch up, on each store. The slots are days before today.

const DAY_MS = 86_400_000
const TODAY = startOfToday()
const CATCH_UP = ['--catch-up', '31d']

const slotBefore = (days: number) =>
  new Date(TODAY - (days + 1) * DAY_MS + 3 * 3_600_000).toISOString().replace('.000', '')

const folder = scratch()

interface Ledger {
  readonly store: string
  readonly env: Readonly<Record<string, string>>
  readonly proxy?: FaultyProxy
  stop?(): Promise<void>
}

const LEDGERS = {
  file: async () => ({ store: `file:${join(folder, 'ledger.db')}`, env: {} }),
  async dynalite() {
    const server = await startDynalite()
    const proxy = await startFaultyProxy(server.endpoint)
    const env = awsEnv({ endpoint: proxy.url })
    return { store: 'dynamodb:ledger', env, proxy, stop: () => server.stop().finally(proxy.close) }
  },
  async postgres() {
    const server = await startPostgres()
    return { store: server.address(), env: {}, stop: server.remove }
  },
} satisfies Record<string, () => Promise<Ledger>>

for (const [name, open] of Object.entries(LEDGERS)) {
  describe.skipIf(name === 'postgres' && !hasPostgres)(`real processes on ${name}`, () => {
    let ledger: Ledger
    beforeAll(async () => {
      ledger = await open()
      await on(['setup'])
    })
    afterAll(() => ledger.stop?.())

    const env = () => ({ ...ledger.env, CRONLEDGER_STORE: ledger.store })
    const on = (args: readonly string[]) => cronledger(args, { env: env() })
    const commandOf = (task: string, slot: string, options: readonly string[], batch: readonly string[]) => {
      const schedule = ['--schedule', '0 3 * * *', '--event-time', slot, '--ledger-timeout', '5m']
      return ['run', '--task', task, ...schedule, ...options, '--', ...batch]
    }
    const run = (task: string, slot: string, options: readonly string[] = [], batch = ['true']) =>
      on(commandOf(task, slot, options, batch))
    const historyOf = async (task: string, ...options: readonly string[]): Promise<Loose[]> =>
      JSON.parse((await on(['history', task, ...options, '--json'])).stdout)
    const rowsOf = (task: string) => historyOf(task, '--status', 'recorded')

    // promise: since-last-success
    test('four triggers at once whose runs have ranges: together they do the work of each slot once', async () => {
      await run('ranges', slotBefore(6))
      const batch = ['sh', '-c', 'echo "$CRONLEDGER_RUN_SINCE $CRONLEDGER_RUN_SLOT"']
      const start = (days: number) => run('ranges', slotBefore(days), ['--since-last-success'], batch)
      const ended = await Promise.all([4, 1, 3, 2].map(start))
      expect(ended.map(({ code, stderr }) => (code === 0 ? '' : `${code}: ${stderr}`)).join('')).toBe('')
      const ranges = ended.flatMap(({ stdout }) => stdout.split('\n').filter(Boolean)).sort()
      const [since, slots] = [0, 1].map((part) => ranges.map((range) => range.split(' ')[part]))
      expect(since).toEqual([slotBefore(6), ...(slots ?? []).slice(0, -1)])
      expect(slots?.at(-1)).toBe(slotBefore(1))
    })

    if (name !== 'dynalite') return

    // promise: catch-up-unreadable
    test('a role that may not query: 77, nothing starts, and the message names the action and the option', async () => {
      await run('denied', slotBefore(2))
      const denied = awsError(400, 'com.amazon.coral.service#AccessDeniedException', 'not authorized', 'Message')
      ledger.proxy?.treat(({ action }) => (action === 'Query' ? denied : 'pass'))
      const ended = await run('denied', slotBefore(0), CATCH_UP, ['echo', 'started'])
      ledger.proxy?.treat(() => 'pass')
      expect([ended.code, ended.stdout]).toEqual([77, ''])
      const why = /^not started: catch-up cannot find the missed slots: dynamodb:Query on table "ledger" .* was denied/
      const said = { event: 'unusable', slot: slotBefore(0), message: expect.stringMatching(why) }
      expect(eventsOf(ended)).toMatchObject([said])
      expect(await rowsOf('denied')).toHaveLength(1)
    })
  })
}
