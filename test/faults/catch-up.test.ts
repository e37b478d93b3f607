import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cronledger, type Loose, scratch, start } from '../support/cli.ts'
import { eventsOf } from '../support/processes/crowd.ts'
import { type FaultyProxy, startFaultyProxy } from '../support/proxy.ts'
import { awsEnv, type Server, startDynalite } from '../support/servers.ts'
import { startOfToday } from '../support/today.ts'
import { awsError } from './faults.ts'

// Real processes that catch up at the same time, on each store. The slots are days before today.

const DAY_MS = 86_400_000
const TODAY = startOfToday()
const CATCH_UP = ['--catch-up', '31d']
const PROCESSES = 10
const MISSED = 5

/** Returns the slot so many days before the one of yesterday. */
const slotBefore = (days: number) =>
  new Date(TODAY - (days + 1) * DAY_MS + 3 * 3_600_000).toISOString().replace('.000', '')

const folder = scratch()

for (const name of ['file', 'dynalite'] as const) {
  describe(`real processes on ${name}`, () => {
    let server: Server | null = null
    let proxy: FaultyProxy | null = null

    beforeAll(async () => {
      if (name === 'file') return
      server = await startDynalite()
      proxy = await startFaultyProxy(server.endpoint)
      await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: environment() })
    })
    afterAll(async () => {
      proxy?.close()
      await server?.stop()
    })

    const store = name === 'file' ? `file:${join(folder, 'ledger.db')}` : 'dynamodb:ledger'
    const environment = () => (proxy === null ? {} : awsEnv({ endpoint: proxy.url }))
    const commandOf = (task: string, slot: string, options: readonly string[], batch: readonly string[]) => {
      const schedule = ['--schedule', '0 3 * * *', '--event-time', slot, '--ledger-timeout', '5m']
      return ['run', '--store', store, '--task', task, ...schedule, ...options, '--', ...batch]
    }
    const run = (task: string, slot: string, options: readonly string[] = [], batch = ['true']) =>
      cronledger(commandOf(task, slot, options, batch), { env: environment() })
    async function rowsOf(task: string): Promise<Loose[]> {
      const args = ['history', '--store', store, '--task', task, '--status', 'recorded', '--json']
      return JSON.parse((await cronledger(args, { env: environment() })).stdout)
    }

    test('two triggers that catch up at once: each missed slot runs once', async () => {
      await run('crowd', slotBefore(MISSED + 1))
      const batch = ['sh', '-c', 'echo $CRONLEDGER_RUN_SLOT']
      const crowd = Array.from({ length: PROCESSES }, () => run('crowd', slotBefore(0), CATCH_UP, batch))
      const ended = await Promise.all(crowd)
      expect(ended.map(({ code, stderr }) => (code === 0 ? '' : `${code}: ${stderr}`)).join('')).toBe('')
      const slots = Array.from({ length: MISSED + 1 }, (_, days) => slotBefore(days)).reverse()
      const ran = ended.map(({ stdout }) => stdout.split('\n').filter(Boolean))
      expect(ran.flat().sort()).toEqual(slots)
      for (const own of ran) expect(own).toEqual([...own].sort())
      // Only the own slot was asked for by a scheduler, so only it has duplicates.
      const duplicates = ended.flatMap(eventsOf).filter(({ event }) => event === 'duplicate')
      expect(new Set(duplicates.map(({ slot }) => slot))).toEqual(new Set([slotBefore(0)]))
      expect(duplicates).toHaveLength(PROCESSES - 1)
      const rows = await rowsOf('crowd')
      expect(rows).toHaveLength(MISSED + 2)
      expect(rows.filter(({ state, attempts }) => state === 'COMPLETED' && attempts.length === 1)).toEqual(rows)
      expect(rows.slice(1).every(({ rejections }) => rejections.count === 0)).toBe(true)
    })

    test('20 processes that catch up the same ten slots once, some killed: each slot is covered by one run, and has its status', async () => {
      await run('once', slotBefore(12))
      const missed = Array.from({ length: 10 }, (_, index) => slotBefore(index + 2))
      const batch = ['sh', '-c', 'echo "$CRONLEDGER_RUN_SINCE"']
      const crowd = Array.from({ length: 20 }, (_, index) =>
        start(commandOf('once', slotBefore(index % 2), [...CATCH_UP, '--catch-up-mode', 'once'], batch), {
          env: environment(),
        }),
      )
      for (const { child } of crowd.filter((_, index) => index % 4 < 2)) {
        const kill = setTimeout(() => child.kill('SIGKILL'), 300 + 3_000 * Math.random())
        child.once('exit', () => clearTimeout(kill))
      }
      await Promise.all(crowd.map(({ ended }) => ended))
      const late = await Promise.all(missed.map((slot) => run('once', slot, [], ['echo', 'started'])))
      const history = await cronledger(['history', '--store', store, '--task', 'once', '--json'], {
        env: environment(),
      })
      const rows = new Map<string, Loose>(JSON.parse(history.stdout).map((row: Loose) => [row['slot'], row]))
      for (const [index, slot] of missed.entries()) {
        const { coveredBy, status, attempts, rejections } = rows.get(slot) ?? {}
        expect(late[index]).toMatchObject({ code: 0, stdout: coveredBy === undefined ? 'started\n' : '' })
        if (coveredBy === undefined) continue
        expect({ status, attempts, rejections }).toMatchObject({
          status: rows.get(coveredBy)?.['status'],
          attempts: [],
          rejections: { count: 1 },
        })
        // What counts as done is in the range of the run that did it.
        const success = rows.get(coveredBy)?.['attempts'].find(({ outcome }: Loose) => outcome === 'succeeded')
        if (status === 'completed') expect(success.since < slot).toBe(true)
      }
    })

    if (name === 'file') return

    /** Runs a trigger, and returns its exit code and the requests that it sent. */
    async function requestsOf(task: string, slot: string, options: readonly string[] = []) {
      const before = proxy?.seen.length
      const { code } = await run(task, slot, options)
      return { code, actions: proxy?.seen.slice(before).map(({ action }) => action) }
    }

    test('a catch-up of three sends 17 requests, and one of none sends two more than a run', async () => {
      await run('counted', slotBefore(4))
      const missed = ['GetItem', 'PutItem', 'GetItem', 'UpdateItem']
      const own = ['PutItem', 'GetItem', 'UpdateItem']
      expect(await requestsOf('counted', slotBefore(0), CATCH_UP)).toEqual({
        code: 0,
        actions: ['GetItem', 'Query', ...missed, ...missed, ...missed, ...own],
      })
      await run('none', slotBefore(1))
      expect(await requestsOf('none', slotBefore(0), CATCH_UP)).toEqual({
        code: 0,
        actions: ['GetItem', 'Query', ...own],
      })
    })

    test('a role that may not query: 77, nothing starts, and the message names the action and the option', async () => {
      await run('denied', slotBefore(2))
      const denied = awsError(400, 'com.amazon.coral.service#AccessDeniedException', 'not authorized', 'Message')
      proxy?.treat(({ action }) => (action === 'Query' ? denied : 'pass'))
      const ended = await run('denied', slotBefore(0), CATCH_UP, ['echo', 'started'])
      proxy?.treat(() => 'pass')
      expect([ended.code, ended.stdout]).toEqual([77, ''])
      expect(eventsOf(ended)).toMatchObject([
        {
          event: 'unusable',
          slot: slotBefore(0),
          message:
            /^not started: catch-up cannot find the missed slots: dynamodb:Query on table "ledger" .* was denied/,
        },
      ])
      expect(await rowsOf('denied')).toHaveLength(1)
    })
  })
}
