import { expect, test } from 'vitest'
import { works, world } from '../support/simulated/world.ts'

const MINUTE_MS = 60_000
const TWO = { maxAttempts: 2 }

/** A slot whose supervisor was killed after some minutes, at a time when its lease is over. */
async function staleSlot() {
  const all = world()
  all.trigger('a', works(60 * MINUTE_MS), { settings: TWO, time: { crashMs: all.time.now() + 5 * MINUTE_MS } })
  await all.time.run(all.time.clock().wait(30 * MINUTE_MS))
  return all
}

test('a run that takes the slot over before the word arrives is left alone', async () => {
  const { time, trigger, resolve, row } = await staleSlot()
  const word = resolve('word', 'COMPLETED', {
    fateOf: ({ verb }) => ({ kind: 'answered', afterMs: verb === 'put' ? 5_000 : 5 }),
  })
  await time.run(time.clock().wait(1_000))
  const b = trigger('b', works(60 * MINUTE_MS), { settings: TWO })
  expect(await time.run(word)).toMatchObject({ kind: 'refused', cause: 'running', row: { owner: 'b' } })
  expect(await time.run(b.result)).toMatchObject({ status: 'completed', attempt: 2 })
  expect((await row()).resolutions).toEqual([])
})

test('a lease that is over by less than the skew may still be trusted by its owner', async () => {
  const { time, trigger, resolve, row } = world()
  trigger('a', works(60 * MINUTE_MS), { time: { crashMs: time.now() + 30_000 } })
  await time.run(time.clock().wait(10 * MINUTE_MS + 10_000))
  expect((await row()).leaseUntil).toBeLessThan(time.now())
  expect(await time.run(resolve('word', 'FAILED'))).toMatchObject({ kind: 'refused', cause: 'running' })
  await time.run(time.clock().wait(30_000))
  expect(await time.run(resolve('again', 'FAILED'))).toMatchObject({ kind: 'resolved', row: { state: 'FAILED' } })
})

test('a resolution that goes unanswered is not called recorded', async () => {
  const { time, resolve, row } = await staleSlot()
  const word = resolve('word', 'FAILED', { fateOf: ({ verb }) => ({ kind: verb === 'put' ? 'dropped' : 'answered' }) })
  expect(await time.run(word)).toMatchObject({ kind: 'unanswered', cause: { kind: 'unreachable' } })
  expect(await row()).toMatchObject({ state: 'PENDING', resolutions: [] })
})

test('a resolution whose answer is lost is recorded once', async () => {
  const { time, resolve, row } = await staleSlot()
  let lost = 0
  const word = resolve('word', 'FAILED', {
    fateOf: ({ verb }) => ({ kind: verb === 'put' && lost++ === 0 ? 'answerLost' : 'answered' }),
  })
  expect(await time.run(word)).toMatchObject({ kind: 'resolved' })
  expect(await row()).toMatchObject({ state: 'FAILED', resolutions: [{ reason: 'word', afterAttempt: 1 }] })
})
