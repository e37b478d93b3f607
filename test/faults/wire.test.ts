import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Attempt } from '../../src/function-work.ts'
import type { RunSettings } from '../../src/run/settings.ts'
import { cronledger, type Loose, pasted } from '../support/cli.ts'
import { inProcess, openTable } from '../support/in-process.ts'
import { expectOneRan } from '../support/processes/crowd.ts'
import { type FaultyProxy, type Passing, startFaultyProxy } from '../support/proxy.ts'
import { CALL, DAY_MS, HOUR_MS } from '../support/rows.ts'
import { awsEnv, hasMoto, type Server, startDynalite, startMoto } from '../support/servers.ts'
import { standingClock } from '../support/standing-clock.ts'
import { awsError } from './faults.ts'

/** The result is tried to be recorded for half of the lease. */
const SHORT_FINISH = ['--lease', '4s', '--heartbeat', '500ms', '--skew', '0s', '--kill-after', '500ms']
const EXPIRED = awsError(400, 'com.amazon.coral.service#ExpiredTokenException', 'The security token is expired')
const isClaim = ({ action, state }: Passing) => action === 'PutItem' && state === 'PENDING'
const isRenewal = ({ action, state }: Passing) => action === 'UpdateItem' && state === 'PENDING'
const isFinish = ({ action, state }: Passing) => action === 'UpdateItem' && state === 'COMPLETED'

for (const [name, startServer] of [
  ['dynalite', startDynalite],
  ['moto', startMoto],
] as const) {
  if (name === 'moto' && !hasMoto) {
    test.skip('moto_server is not installed here: its tests are skipped', () => {})
    continue
  }

  describe(`real processes before ${name}`, () => {
    let server: Server
    let proxy: FaultyProxy
    let table: ReturnType<typeof openTable>
    let slots = 0
    let eventTime = ''

    beforeAll(async () => {
      server = await startServer()
      proxy = await startFaultyProxy(server.endpoint, { oneByOne: name === 'moto' })
      await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: environment() })
      table = openTable(proxy.url)
    })
    afterAll(async () => {
      table.store.close()
      proxy.close()
      await server.stop()
    })
    beforeEach(() => {
      // Each test has a slot of its own.
      nextSlot()
      proxy.treat(() => 'pass')
      proxy.seen.length = 0
    })

    const nextSlot = () => {
      eventTime = new Date(Date.parse('2026-01-01T03:00:00Z') + ++slots * DAY_MS).toISOString()
    }
    const environment = () => ({
      ...awsEnv({ endpoint: proxy.url }),
      CRONLEDGER_STORE: 'dynamodb:ledger',
      CRONLEDGER_TASK: 'nightly',
      CRONLEDGER_SCHEDULE: '0 3 * * *',
    })
    const run = (command: readonly string[], options: readonly string[] = []) =>
      cronledger(['run', '--event-time', eventTime, ...options, '--', ...command], { env: environment() })
    const trigger = (settings: RunSettings = {}, batch?: (attempt: Attempt) => unknown, on = table) =>
      on.run({ task: 'nightly', schedule: '0 3 * * *', eventTime, ...settings }, batch)
    const row = async (): Promise<Loose> =>
      Object(await table.store.get({ task: 'nightly', slot: Date.parse(eventTime) }, CALL))

    test('requests: three for a run (four if its schedule is new), two for a duplicate (three where the server does not return the row found)', async () => {
      const asked = async () => {
        proxy.seen.length = 0
        const { code, stdout } = await run(['echo', 'paid'])
        return { code, stdout, actions: proxy.seen.map(({ action }) => action) }
      }
      const ran = { code: 0, stdout: 'paid\n' }
      expect(await asked()).toEqual({ ...ran, actions: ['PutItem', 'GetItem', 'PutItem', 'UpdateItem'] })
      nextSlot()
      expect(await asked()).toEqual({ ...ran, actions: ['PutItem', 'GetItem', 'UpdateItem'] })
      const actions = name === 'dynalite' ? ['PutItem', 'GetItem', 'UpdateItem'] : ['PutItem', 'UpdateItem']
      expect(await asked()).toEqual({ code: 0, stdout: '', actions })
    })

    test('requests: seven for a run after 24 slots of another task, seven with a range, and five to eight for a slot that is run again', async () => {
      const first = Date.parse(eventTime)
      const at = (slot: number) => ['--event-time', new Date(slot).toISOString()]
      async function asked(name: string, task: string, options: readonly string[], batch = 'true') {
        proxy.seen.length = 0
        const { code } = await cronledger([name, task, ...options, '--', batch], { env: environment() })
        return { code, actions: proxy.seen.map(({ action }) => action.replace('Item', '')).join(' ') }
      }
      const feed = (slot: number) =>
        table.run({ task: 'feed', schedule: '0 * * * *', eventTime: new Date(slot) }, () => {})
      await feed(first)
      const after = ['--after', 'feed']
      await asked('run', 'report', [...at(first), ...after])
      for (let hour = 1; hour <= 24; hour++) await feed(first + hour * HOUR_MS)
      const whole = 'Get Get Put Query Update Get Update'
      expect(await asked('run', 'report', [...at(first + DAY_MS), ...after])).toEqual({ code: 0, actions: whole })
      const range = ['--since-last-success']
      await asked('run', 'ranged', [...at(first), ...range])
      const locked = 'Get Query Put Update'
      const actions = `Put Get ${locked} Update`
      expect(await asked('run', 'ranged', [...at(first + DAY_MS), ...range])).toEqual({ code: 0, actions })

      const again = (task: string) =>
        asked('rerun', task, ['--slot', new Date(first + 2 * DAY_MS).toISOString(), '--reason', 'r'])
      for (const [task, options] of [
        ['plain', []],
        ['ranged', range],
      ] as const)
        await asked('run', task, [...at(first + 2 * DAY_MS), ...options], 'false')
      expect(await again('plain')).toEqual({ code: 0, actions: 'Get Get Get Update Update' })
      expect(await again('ranged')).toEqual({ code: 0, actions: `Get Get Update ${locked} Update` })
    })

    // promise: delivered-twice
    describe('a request that the network delivers twice: counted once', () => {
      /** A run, two duplicates of it, a force and an operator's decision. Each is a request or two. */
      async function all() {
        expect(await trigger({ overlap: 'skip' })).toMatchObject({ code: 0, started: 1 })
        for (const _ of [1, 2]) expect(await trigger()).toMatchObject({ code: 0, started: 0 })
        const force = { slot: eventTime, status: ['completed'], reason: 'again', by: 'ada' } as const
        const fail = () => Promise.reject(new Error('no'))
        const forced = await table.run({ task: 'nightly', schedule: '0 3 * * *', force }, fail)
        expect(forced).toMatchObject({ code: 1, started: 1 })
        const word = ['--slot', eventTime, '--state', 'skipped', '--reason', 'looked', '--by', 'ada']
        expect(await cronledger(['resolve', ...word], { env: environment() })).toMatchObject({ code: 0 })
      }
      const attempts = [{ outcome: 'succeeded' }, { outcome: 'failed' }]
      const ONCE = { state: 'SKIPPED', attempts, rejections: { count: 2 }, resolutions: [{ state: 'SKIPPED' }] }

      test('the second time after everything else', async () => {
        proxy.treat(() => 'twice')
        await all()
        const before = await row()
        expect(before).toMatchObject(ONCE)
        await proxy.release()
        expect(await row()).toEqual(before)
      })

      test('at once: the answer is that of the second delivery, which finds the first', async () => {
        proxy.treat(() => 'twiceAtOnce')
        await all()
        expect(await row()).toMatchObject(ONCE)
      })
    })

    /** What is left of a claim that was withdrawn, after the next trigger. */
    async function expectWithdrawn() {
      proxy.treat(() => 'pass')
      expect(await trigger()).toMatchObject({ code: 0, started: 1 })
      expect((await row())['attempts']).toMatchObject([{ outcome: 'notStarted' }, { outcome: 'succeeded' }])
    }

    // promise: claim-then-refused
    test('a claim that was applied, its answer lost, and then credentials expire (77): withdrawn, the slot is free', async () => {
      let claims = 0
      proxy.treat((passing) => (!isClaim(passing) ? 'pass' : claims++ === 0 ? 'cutAnswer' : EXPIRED))
      expect(await trigger()).toMatchObject({ code: 77, started: 0 })
      await expectWithdrawn()
    })

    test('a claim that was applied, its answer lost, and the look at what is there is denied: withdrawn, the slot is free', async () => {
      const denied = awsError(400, 'com.amazon.coral.service#AccessDeniedException', 'no GetItem', 'Message')
      let claims = 0
      proxy.treat((passing) => {
        if (passing.action === 'GetItem' && !passing.taskRecord) return denied
        return isClaim(passing) && claims++ === 0 ? 'cutAnswer' : 'pass'
      })
      const { code, started } = await trigger()
      // A server that returns the row found is asked for nothing more: the run happens.
      expect({ code, started }).toEqual(name === 'moto' ? { code: 0, started: 1 } : { code: 77, started: 0 })
      if (name === 'dynalite') await expectWithdrawn()
    })

    // What the second server answers differently is the row that made a condition fail. The rest has no need of it.
    if (name === 'moto') return

    // The claim is answered so late that the rest of its lease is less than the kill-after: no start is safe without a
    // renewal.
    const LATE = { leaseMs: 100_000, heartbeatMs: 10_000, skewMs: 0, killAfterMs: 50_000 }
    const NO_RENEWAL = awsError(400, 'com.amazon.coral.service#AccessDeniedException', 'no UpdateItem', 'Message')

    // promise: claim-then-refused
    test.each(['denied', 'denied, and then not answered until the deadline'])(
      'a claim that took longer than a heartbeat, and whose renewal is %s: withdrawn, the slot is free',
      async (how) => {
        const time = standingClock()
        let renewals = 0
        proxy.treat((passing) => {
          if (isClaim(passing)) time.pass(60_000)
          if (!isRenewal(passing)) return 'pass'
          if (++renewals === 2) time.endLimits()
          return how === 'denied' || renewals === 1 ? NO_RENEWAL : 'hold'
        })
        const on = inProcess(table.store, time.clock)
        expect(await trigger(LATE, undefined, on)).toMatchObject({ code: 77, started: 0 })
        await expectWithdrawn()
      },
    )

    test('a resolution that is not answered: 75, and never reported as recorded', async () => {
      proxy.treat(({ state }) => (state === 'FAILED' ? 'stall' : 'pass'))
      const word = ['--slot', eventTime, '--state', 'failed', '--reason', 'looked', '--ledger-timeout', '3s']
      const ended = await cronledger(['resolve', ...word], { env: environment() })
      expect(ended).toMatchObject({
        code: 75,
        stdout: '',
        stderr: expect.stringMatching(/^cronledger: no answer .*\n$/),
      })
    })

    // promise: unrecorded-success
    test('an unrecorded success begins with "The batch SUCCEEDED", and its first command records it at once', async () => {
      proxy.treat((passing) => (isFinish(passing) ? 'cutRequest' : 'pass'))
      const ended = await run(['echo', 'paid'], [...SHORT_FINISH, '--log', 'text'])
      expect(ended).toMatchObject({ code: 74, stdout: 'paid\n' })
      const lines = ended.stderr.split('\n')
      const [line = '', step = ''] = lines.slice(lines.findIndex((one) => one.includes('The batch SUCCEEDED')))
      expect(line).toMatch(/: The batch SUCCEEDED, but its result may not be recorded: .* Do not run it again\.$/)
      // The lease of the run still holds.
      expect(await row()).toMatchObject({ state: 'PENDING' })
      proxy.treat(() => 'pass')
      expect(await pasted(step.replace(/^.*?: +/, ''), environment())).toMatchObject({ code: 0 })
      expect(await row()).toMatchObject({
        state: 'COMPLETED',
        attempts: [{ outcome: 'abandoned' }],
        resolutions: [{ state: 'COMPLETED', reason: expect.stringMatching(/ succeeded, but could not record it$/) }],
      })
      expect(await run(['echo', 'no'])).toMatchObject({ code: 0, stdout: '' })
    })

    // promise: two-triggers
    test('50 processes at once: one child runs, 49 are recorded as duplicates', async () => {
      const ended = await Promise.all(
        Array.from({ length: 50 }, () => run(['echo', 'paid'], ['--ledger-timeout', '5m'])),
      )
      expectOneRan(ended, await row())
    })
  })
}
