import { expect, test } from 'vitest'
import type { RunSettings } from '../../src/run/settings.ts'
import type { Call, Fate } from '../support/simulated/faulty-store.ts'
import { failsAfter, fates, isFinish, isRenewal, works, world } from '../support/simulated/world.ts'

const MINUTE_MS = 60_000
const TWO = { maxAttempts: 2 }

const slowPut =
  (afterMs = 5_000) =>
  ({ verb }: Call): Fate => ({ kind: 'answered', afterMs: verb === 'put' ? afterMs : 5 })

async function killed(settings: RunSettings = {}, waitMs = 2 * MINUTE_MS) {
  const all = world()
  all.trigger('a', works(60 * MINUTE_MS), { settings, time: { crashMs: all.time.now() + MINUTE_MS } })
  await all.time.run(all.time.clock().wait(waitMs))
  return all
}
const staleSlot = () => killed(TWO, 30 * MINUTE_MS)

test('a slot that was only resolved is listed with its task', async () => {
  const { time, resolve, ledger } = world()
  expect(await time.run(resolve('word', 'SKIPPED'))).toMatchObject({ kind: 'resolved' })
  const call = { signal: new AbortController().signal }
  expect(await ledger.listTasks(call)).toEqual(['nightly'])
})

// promise: resolve-answer-lost
test('a resolution whose answer is lost does not replace what another operator decided since', async () => {
  const { time, resolve, row } = await staleSlot()
  let lost = 0
  const fateOf = ({ verb }: Call): Fate =>
    verb === 'put' && lost++ === 0 ? { kind: 'answerLost', afterMs: 5_000 } : { kind: 'answered' }
  const word = resolve('word', 'SKIPPED', { fateOf })
  await time.run(time.clock().wait(1_000))
  expect(await time.run(resolve('later', 'FAILED'))).toMatchObject({ kind: 'resolved', row: { state: 'FAILED' } })
  expect(await time.run(word)).toMatchObject({ kind: 'resolved' })
  expect(await row()).toMatchObject({ state: 'FAILED', resolutions: [{ reason: 'word' }, { reason: 'later' }] })
})

test('an earlier resolution with the same words does not count as this one', async () => {
  const { time, resolve, row } = await staleSlot()
  await time.run(resolve('word', 'SKIPPED'))
  const again = resolve('word', 'SKIPPED', { fateOf: slowPut() })
  await time.run(time.clock().wait(1_000))
  await time.run(resolve('later', 'FAILED'))
  expect(await time.run(again)).toMatchObject({ kind: 'resolved', row: { state: 'SKIPPED' } })
  expect((await row()).resolutions.map(({ reason }) => reason)).toEqual(['word', 'later', 'word'])
})

test('the slot of a run that the operator knows to have ended is resolved while its lease holds', async () => {
  const { time, trigger, resolve, row } = await killed()
  expect(await time.run(resolve('word', 'COMPLETED'))).toMatchObject({ kind: 'refused', cause: 'running' })
  expect(await time.run(resolve('word', 'COMPLETED', { endedRun: 'a' }))).toMatchObject({ kind: 'resolved' })
  expect(await row()).toMatchObject({
    state: 'COMPLETED',
    leaseUntil: null,
    attempts: [{ runId: 'a', outcome: 'abandoned' }],
    resolutions: [{ reason: 'word', afterAttempt: 1 }],
  })
  expect(await time.run(trigger('b', works(1)).result)).toMatchObject({ status: 'duplicate', cause: 'completed' })
})

test('the slot of a run that the operator knows to have ended is refused if a process of the run is alive on this host', async () => {
  const { time, resolve, row } = await killed()
  const survivor = { pid: 4711, command: 'batch' }
  const refused = await time.run(resolve('word', 'COMPLETED', { endedRun: 'a', survivor }))
  expect(refused).toMatchObject({ kind: 'refused', cause: 'survivor', survivor })
  expect(await row()).toMatchObject({ state: 'PENDING', resolutions: [] })
})

test('the slot of a run that the operator knows to have ended is resolved if only a process of an earlier run is alive on this host', async () => {
  const { time, trigger, resolve } = await staleSlot()
  const b = trigger('b', works(60 * MINUTE_MS), { settings: TWO, time: { crashMs: time.now() + MINUTE_MS } })
  await time.run(time.clock().wait(2 * MINUTE_MS))
  const survivor = { pid: 4711, command: 'batch' }
  const word = resolve('word', 'COMPLETED', { endedRun: 'b', survivor, survivorOf: 'a' })
  expect(await time.run(word)).toMatchObject({ kind: 'resolved', row: { state: 'COMPLETED' } })
  expect(b.starts()).toBe(1)
})

// promise: resolve-wrong-run
test('a slot is left to a run that takes it over before the resolution arrives', async () => {
  const { time, trigger, resolve, row } = await staleSlot()
  const word = resolve('word', 'COMPLETED', { endedRun: 'a', fateOf: slowPut() })
  await time.run(time.clock().wait(1_000))
  const b = trigger('b', works(60 * MINUTE_MS), { settings: TWO })
  expect(await time.run(word)).toMatchObject({ kind: 'refused', cause: 'otherRun', row: { ownerRunId: 'b' } })
  expect(await time.run(b.result)).toMatchObject({ status: 'completed', attempt: 2 })
  expect((await row()).resolutions).toEqual([])
})

test('the slot of a run that the operator knows to have ended is resolved on top of a late renewal of the run, and a late finish makes it unneeded', async () => {
  for (const [lands, workMs, kind] of [
    [isRenewal, 60 * MINUTE_MS, 'resolved'],
    [isFinish, 70_000, 'refused'],
  ] as const) {
    const { time, trigger, resolve, row } = world()
    // The write lands while the word of the operator is on its way, and its answer is lost.
    const late = fates(lands, { kind: 'held', forMs: 9_000 })
    trigger('a', works(workMs), { fateOf: late, time: { crashMs: time.now() + 75_000 } })
    await time.run(time.clock().wait(lands === isRenewal ? 62_000 : 72_000))
    const word = resolve('word', 'COMPLETED', { endedRun: 'a', fateOf: slowPut(20_000) })
    expect(await time.run(word)).toMatchObject({ kind })
    await time.run(time.clock().wait(MINUTE_MS))
    expect(await row()).toMatchObject({ state: 'COMPLETED', attempts: [{}] })
  }
})

// promise: resolve-alive
test('no attempt follows if the run waits for its retry', async () => {
  const { time, trigger, resolve, row } = world()
  const settings = { maxAttempts: 3, retryDelayMs: 30 * MINUTE_MS }
  const a = trigger('a', failsAfter(MINUTE_MS), { settings })
  await time.run(time.clock().wait(5 * MINUTE_MS))
  expect(await time.run(resolve('word', 'SKIPPED', { endedRun: 'a' }))).toMatchObject({ kind: 'resolved' })
  expect(await time.run(a.result)).toMatchObject({ status: 'failed', outcome: 'notStarted', recorded: false })
  expect(a.starts()).toBe(1)
  expect(await row()).toMatchObject({ state: 'SKIPPED', attempts: [{ outcome: 'failed' }, { outcome: 'notStarted' }] })
})

// promise: resolve-alive
test('a run whose slot is resolved is stopped with its next heartbeat, and records nothing on top of the resolution', async () => {
  const { time, trigger, resolve, row } = world()
  const a = trigger('a', works(60 * MINUTE_MS))
  await time.run(time.clock().wait(90_000))
  expect(await time.run(resolve('word', 'COMPLETED', { endedRun: 'a' }))).toMatchObject({ kind: 'resolved' })
  const resolvedMs = time.now()
  expect(await time.run(a.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost', recorded: false })
  expect(time.now() - resolvedMs).toBeLessThan(MINUTE_MS)
  expect(a.events).toContainEqual({ event: 'lease-lost', cause: 'resolved' })
  expect(a.events.at(-1)).toMatchObject({ event: 'ended', finish: 'resolved' })
  expect(await row()).toMatchObject({ state: 'COMPLETED', attempts: [{ outcome: 'abandoned' }], version: 3 })
})

// promise: resolve-alive
test('a run whose slot is resolved and that succeeds before its next heartbeat says that its result is not recorded', async () => {
  const { time, trigger, resolve, row } = world()
  const a = trigger('a', works(100_000))
  await time.run(time.clock().wait(90_000))
  await time.run(resolve('word', 'FAILED', { endedRun: 'a' }))
  expect(await time.run(a.result)).toMatchObject({ status: 'unrecorded', attempt: 1 })
  expect(a.events.at(-1)).toMatchObject({ event: 'ended', ending: { outcome: 'succeeded' }, finish: 'resolved' })
  expect(await row()).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'abandoned' }] })
  // Its own command still names the run of the row.
  expect(await time.run(resolve('again', 'COMPLETED', { endedRun: 'a' }))).toMatchObject({ kind: 'resolved' })
  expect(await row()).toMatchObject({ state: 'COMPLETED', resolutions: [{}, { state: 'COMPLETED' }] })
})

test('a run that is alive although the operator says that it has ended has lost the overlap lock too: another slot may run at once', async () => {
  const settings = { overlap: 'skip' } as const
  const { time, trigger, resolve } = await killed(settings)
  await time.run(resolve('word', 'COMPLETED', { endedRun: 'a' }))
  expect(await time.run(trigger('b', works(1), { day: 1, settings }).result)).toMatchObject({ status: 'completed' })
})
