import { describe, expect, test } from 'vitest'
import { type Attempt, createLedger, type RunOptions } from '../../src/index.ts'
import { ancestorsText } from '../../src/process/surrounding-runs.ts'
import { cronledger, newStore, scratch } from '../support/cli.ts'
import { gate } from '../support/gate.ts'

const folder = scratch()
const open = () => createLedger({ store: newStore(folder) })
const NIGHT: RunOptions = { task: 'nightly', schedule: '0 3 * * *', eventTime: '2026-11-23T03:00:05Z' }
const OTHER: RunOptions = { ...NIGHT, task: 'other' }
const never = () => expect.fail('it was started')
const insideOf = (runId: string) => ({
  kind: 'usage',
  message: expect.stringContaining(`cronledger was called inside run ${runId} of the same task and slot`),
})

function commandLine(store: string, { task, schedule, eventTime }: RunOptions, ...batch: [string, ...string[]]) {
  const options = ['--store', store, '--task', task, '--schedule', String(schedule), '--event-time', String(eventTime)]
  return ['run', ...options, '--', ...batch]
}

// promise: run-inside-run
describe('a run that the function of a run of the same slot calls', () => {
  test.each([
    ['through the same ledger object', false],
    ['through another ledger object', true],
  ])('a run inside of a run of the same slot is a usage error, not recorded: %s', async (_, another) => {
    const store = newStore(folder)
    const ledger = createLedger({ store })
    const innerLedger = another ? createLedger({ store }) : ledger
    const outer = await ledger.run(NIGHT, async ({ runId }) => {
      await expect(innerLedger.run(NIGHT, never)).rejects.toMatchObject(insideOf(runId))
    })
    expect(outer).toMatchObject({ status: 'completed' })
    expect(await ledger.get({ task: 'nightly', slot: outer.slot })).toMatchObject({ rejections: { count: 0 } })
  })

  test('a run that the function of a run of the same slot calls is a usage error, also where a run of another task is in between', async () => {
    const ledger = open()
    const outer = await ledger.run(NIGHT, async ({ runId }) => {
      const between = await ledger.run(OTHER, async () => {
        await expect(ledger.run(NIGHT, never)).rejects.toMatchObject(insideOf(runId))
      })
      expect(between).toMatchObject({ status: 'completed' })
    })
    expect(outer).toMatchObject({ status: 'completed' })
  })

  test('64: a child process that gets the variables of the attempt calls the command line', async () => {
    const store = newStore(folder)
    const ledger = createLedger({ store })
    const outer = await ledger.run(NIGHT, ({ env }) => cronledger(commandLine(store, NIGHT, 'echo', 'ran'), { env }))
    expect(outer).toMatchObject({ value: { code: 64, stdout: '' } })
  })
})

test('an attempt has the variables that a command gets', async () => {
  const ledger = open()
  const { value } = (await ledger.run(NIGHT, ({ runId, env }) => ({ runId, env }))) as {
    value: Pick<Attempt, 'runId' | 'env'>
  }
  expect(value.env).toEqual({
    CRONLEDGER_RUN_TASK: 'nightly',
    CRONLEDGER_RUN_SLOT: '2026-11-23T03:00:00Z',
    CRONLEDGER_RUN_DATE: '2026-11-23',
    CRONLEDGER_RUN_LOCAL: '2026-11-23T03:00:00+00:00',
    CRONLEDGER_RUN_TIMEZONE: 'UTC',
    CRONLEDGER_RUN_KEY: 'a6a0e187-e9dc-593d-be44-ec1bf18571eb',
    CRONLEDGER_RUN_WINDOW_END: '2026-11-24T03:00:00Z',
    CRONLEDGER_RUN_ATTEMPT: '1',
    CRONLEDGER_RUN_ID: value.runId,
    CRONLEDGER_RUN_ANCESTORS: value.runId,
  })
})

test('a command gets at most the latest 16 run ids, so that its environment does not become too large', () => {
  const insideOf = Array.from({ length: 20 }, (_, index) => `run${index}`)
  const ids = ancestorsText(insideOf, 'own').split(' ')
  expect(ids).toHaveLength(16)
  expect(ids.slice(-2)).toEqual(['run19', 'own'])
})

// promise: run-beside-run
describe('a run beside a run of the same slot', () => {
  test('duplicate: it was started outside of the function', async () => {
    const ledger = open()
    const [started, done] = [gate(), gate()]
    const first = ledger.run(NIGHT, async () => {
      started.open()
      await done.opened
    })
    await started.opened
    expect(await ledger.run(NIGHT, never)).toMatchObject({ status: 'duplicate', cause: 'running' })
    done.open()
    expect(await first).toMatchObject({ status: 'completed' })
  })

  test('duplicate: two runs at once do not see each other', async () => {
    const ledger = open()
    const started = { nightly: gate(), other: gate() }
    const asked = { nightly: gate(), other: gate() }
    const runs = ([NIGHT, OTHER] as const).map((options, index) =>
      ledger.run(options, async ({ env, runId }) => {
        const [own, another] = index === 0 ? (['nightly', 'other'] as const) : (['other', 'nightly'] as const)
        started[own].open()
        await started[another].opened
        const result = await ledger.run(index === 0 ? OTHER : NIGHT, never)
        asked[own].open()
        await asked[another].opened
        expect(env).toMatchObject({ CRONLEDGER_RUN_ANCESTORS: runId })
        return result
      }),
    )
    const duplicate = { status: 'completed', value: { status: 'duplicate', cause: 'running' } }
    expect(await Promise.all(runs)).toMatchObject([duplicate, duplicate])
  })
})

// promise: run-beside-run
describe('a function that left work behind', () => {
  test('duplicate: it calls cronledger for the same slot after its run has ended', async () => {
    const ledger = open()
    const ended = gate()
    let late: Promise<unknown> = Promise.resolve()
    await ledger.run(NIGHT, () => {
      late = ended.opened.then(() => ledger.run(NIGHT, never))
    })
    ended.open()
    expect(await late).toMatchObject({ status: 'duplicate', cause: 'completed' })
  })

  test('the runs that it starts later are not inside of the run that has ended', async () => {
    const ledger = open()
    const ended = gate()
    let late: Promise<unknown> = Promise.resolve()
    await ledger.run(NIGHT, () => {
      late = ended.opened.then(() => ledger.run(OTHER, ({ env, runId }) => [env['CRONLEDGER_RUN_ANCESTORS'], runId]))
    })
    ended.open()
    const { value } = (await late) as { value: [string, string] }
    expect(value[0]).toBe(value[1])
  })
})
