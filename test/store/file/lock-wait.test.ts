import { expect, test } from 'vitest'
import { PATIENT, untilUnlocked } from '../../../src/store/file/lock-wait.ts'

const busy = () => Object.assign(new Error('database is locked'), { rawCode: 5 })

// promise: busy-file
test('a process that waits for the lock tries a few times a second, so hundreds of them leave the CPU to its holder', async () => {
  let tries = 0
  const work = () => {
    tries += 1
    throw busy()
  }
  await expect(untilUnlocked('x.db', { signal: AbortSignal.timeout(2_000) }, work)).rejects.toMatchObject({
    kind: 'unreachable',
    message: expect.stringContaining('"x.db" is busy, because other processes held its lock for the whole time'),
  })
  // The waits are at least 12, 25, 50, 100 and then 125 ms each.
  expect(tries).toBeLessThan(20)
  tries = 0
  await expect(untilUnlocked('x.db', { signal: AbortSignal.timeout(2_000) }, work, PATIENT)).rejects.toThrow('busy')
  expect(tries).toBeLessThan(10)
})

test('an error that is not about the lock ends the wait at once', async () => {
  const work = () => {
    throw new Error('disk I/O error')
  }
  await expect(untilUnlocked('x.db', { signal: AbortSignal.timeout(20_000) }, work)).rejects.toThrow('disk I/O error')
})

test('a patient write is tried at least once, also where a stop has used its time up; a claim is not', async () => {
  const call = { signal: AbortSignal.abort() }
  expect(await untilUnlocked('x.db', call, () => 'written', PATIENT)).toBe('written')
  await expect(untilUnlocked('x.db', call, () => 'written')).rejects.toMatchObject({
    changedNothing: true,
    message: expect.stringContaining('"x.db" was not asked, because the time was over before its turn'),
  })
})
