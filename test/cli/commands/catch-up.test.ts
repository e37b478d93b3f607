import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cronledger, type Ended, type Loose, NIGHTLY, newStore, scratch } from '../../support/cli.ts'
import { eventsOf } from '../../support/processes/crowd.ts'
import { slotOn } from '../../support/today.ts'

// Real processes, so the slots are days before today.

const folder = scratch()

/** Returns the slot so many days before the one of yesterday. */
const slotBefore = (days: number) => slotOn(days + 1)

/** A ledger whose task ran so many days ago, and was missed since. */
async function missedFor(days: number) {
  const store = newStore(folder)
  const run = (slot: string, options: readonly string[], batch: readonly string[]) =>
    cronledger(['run', '--store', store, ...NIGHTLY, '--event-time', slot, '--log', 'json', ...options, '--', ...batch])
  const rows = async (): Promise<Loose[]> => {
    const { stdout } = await cronledger(['history', 'nightly', '--store', store, '--status', 'recorded', '--json'])
    return JSON.parse(stdout).reverse()
  }
  await run(slotBefore(days + 1), [], ['true'])
  return { store, run, rows }
}

const CATCH_UP = ['--catch-up', '31d']
const PRINT_SLOT = ['sh', '-c', 'echo $CRONLEDGER_RUN_SLOT $CRONLEDGER_RUN_ATTEMPT $CRONLEDGER_RUN_ID']
/** A batch that fails in this slot, with this exit code. */
const failsIn = (slot: string, code: number) => ['sh', '-c', `test $CRONLEDGER_RUN_SLOT != ${slot} || exit ${code}`]
const slotsOf = ({ stdout }: Ended) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0])
const eventNames = (ended: Ended) => eventsOf(ended).map(({ event, slot }) => `${event} ${slot}`)

test('each missed slot runs before the slot of the trigger, with its own environment, log lines and metrics', async () => {
  const { store, run, rows } = await missedFor(2)
  const ended = await run(slotBefore(0), [...CATCH_UP, '--metrics', 'cronledger'], PRINT_SLOT)
  expect(ended.code, ended.stderr).toBe(0)
  const slots = [2, 1, 0].map(slotBefore)
  expect(slotsOf(ended)).toEqual(slots)
  const ids = ended.stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
  expect(ids.map(([, attempt]) => attempt)).toEqual(['1', '1', '1'])
  expect(new Set(ids.map(([, , id]) => id)).size).toBe(3)
  const events = eventsOf(ended).filter(({ event }) => event !== undefined)
  expect(events.map(({ event, slot }) => `${event} ${slot}`)).toEqual([
    `catch-up ${slots[2]}`,
    ...slots.flatMap((slot) => [`claimed ${slot}`, `completed ${slot}`]),
  ])
  expect(events[0]).toMatchObject({ count: 2, oldest: slots[0], newest: slots[1], left: 0, source: 'event-time' })
  expect(events[1]).toMatchObject({
    source: 'catch-up',
    eventTime: slots[0],
    message: expect.stringMatching(/^starting attempt 1 \(missed slot, \S+ \S+ after/),
  })
  const metrics = eventsOf(ended).filter(({ _aws: aws }) => aws !== undefined)
  expect(metrics.map(({ Slot, Completed }) => [Slot, Completed])).toEqual(slots.map((slot) => [slot, 1]))
  expect(await rows()).toMatchObject([
    {},
    ...slots.map((slot) => ({ slot, state: 'COMPLETED', rejections: { count: 0 } })),
  ])
  const { stdout } = await cronledger(['show', '--store', store, '--task', 'nightly', '--slot', slotBefore(1)])
  expect(stdout).toMatch(/attempt 1 started .*caught up by a run of a later slot, because the slot was missed\)/)
})

test('the event time in the environment is for the own slot only, so a batch of a missed slot does not get it', async () => {
  const { store } = await missedFor(1)
  const env = { CRONLEDGER_EVENT_TIME: slotBefore(0) }
  const print = ['sh', '-c', 'echo $CRONLEDGER_RUN_SLOT $CRONLEDGER_EVENT_TIME']
  const { stdout } = await cronledger(['run', '--store', store, ...NIGHTLY, ...CATCH_UP, '--', ...print], { env })
  expect(stdout).toBe(`${slotBefore(1)}\n${slotBefore(0)} ${slotBefore(0)}\n`)
})

test('a caught-up slot that fails does not stop the rest, and the exit code is that of the own slot, or else of the first that failed', async () => {
  const { run, rows } = await missedFor(3)
  const ended = await run(slotBefore(0), CATCH_UP, [
    'sh',
    '-c',
    `case $CRONLEDGER_RUN_SLOT in ${slotBefore(2)}) exit 4;; ${slotBefore(1)}) exit 5;; esac`,
  ])
  expect(ended.code).toBe(4)
  expect((await rows()).map(({ state }) => state)).toEqual(['COMPLETED', 'COMPLETED', 'FAILED', 'FAILED', 'COMPLETED'])
  // A failed slot stays for an operator.
  const again = await run(slotBefore(0), CATCH_UP, ['true'])
  expect([again.code, eventNames(again)]).toEqual([0, [`duplicate ${slotBefore(0)}`]])

  const other = await missedFor(1)
  const both = ['sh', '-c', `test $CRONLEDGER_RUN_SLOT = ${slotBefore(1)} && exit 4; exit 6`]
  expect((await other.run(slotBefore(0), CATCH_UP, both)).code).toBe(6)
})

test('a forced run does not catch up: with both flags a usage error, else the variable of one is ignored', async () => {
  const { store, run } = await missedFor(1)
  const force = ['--force-slot', slotBefore(0), '--reason', 'again']
  const forced = (options: readonly string[], env = {}) =>
    cronledger(['run', '--store', store, ...NIGHTLY, '--log', 'json', ...options, '--', ...PRINT_SLOT], { env })
  const both = await forced([...force, ...CATCH_UP])
  expect(both.code).toBe(64)
  expect(both.stderr).toContain('--catch-up and --force-slot cannot be used together')
  expect(slotsOf(await forced(force, { CRONLEDGER_CATCH_UP: '31d' }))).toEqual([slotBefore(0)])
  // As by aws ecs run-task, whose task definition has the flag.
  const byVariable = {
    CRONLEDGER_FORCE_SLOT: slotBefore(0),
    CRONLEDGER_STATUS: 'completed',
    CRONLEDGER_REASON: 'again',
  }
  expect(slotsOf(await forced(CATCH_UP, byVariable))).toEqual([slotBefore(0)])
  expect(slotsOf(await run(slotBefore(0), CATCH_UP, PRINT_SLOT))).toEqual([slotBefore(1)])
})

test('a notification about a failed missed slot names that slot', async () => {
  const { run } = await missedFor(1)
  const file = join(folder, 'notice.json')
  const script = join(folder, 'notify.sh')
  writeFileSync(script, `cat >> ${file}; echo "$CRONLEDGER_RUN_SLOT"`)
  await run(
    slotBefore(0),
    [...CATCH_UP, '--notify', `sh ${script}`, '--notify-on', 'failed'],
    failsIn(slotBefore(1), 4),
  )
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    event: 'failed',
    slot: slotBefore(1),
    source: 'catch-up',
  })
})
