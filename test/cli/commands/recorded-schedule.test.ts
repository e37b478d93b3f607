import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cronledger, scratch } from '../../support/cli.ts'

// The schedule in the environment is not the recorded one: it was changed, and no run has recorded the new one yet.

const folder = scratch()
let ledgers = 0

/** A ledger in which a run of this schedule failed in the slot. The environment has another schedule. */
async function changed(recorded: string, slot: string, schedule: string) {
  const store = `file:${join(folder, `ledger-${++ledgers}.db`)}`
  const env = { CRONLEDGER_STORE: store, CRONLEDGER_TASK: 'nightly', CRONLEDGER_SCHEDULE: schedule }
  const ran = await cronledger([
    ...['run', '--store', store, '--task', 'nightly', '--schedule', recorded, '--timezone', 'Europe/Berlin'],
    ...['--event-time', slot, '--', 'false'],
  ])
  expect(ran.code).toBe(1)
  return {
    show: (named: string) => cronledger(['show', '--slot', named], { env }),
    resolve: (named: string) =>
      cronledger(['resolve', '--slot', named, '--state', 'completed', '--reason', 'looked', '--by', 'ada'], { env }),
    rerun: (named: string, ...more: string[]) =>
      cronledger(['rerun', '--slot', named, ...more, '--reason', 'again', '--by', 'ada', '--', 'echo', 'ran'], { env }),
    rows: async () =>
      (await cronledger(['history', '--no-missed', '--json'], { env })).stdout.match(/"slot":/g)?.length,
  }
}

test('a slot of the recorded schedule, and one that only the schedule of the environment has', async () => {
  const { show, resolve, rerun, rows } = await changed('0 3 * * *', '2025-11-24T02:00:00Z', '0 5 * * *')
  expect((await show('2025-11-24')).stdout).toMatch(/^nightly 2025-11-24T02:00:00Z\n/)
  expect((await show('2025-11-25T05:00:00Z')).stdout).toMatch(/nightly 2025-11-25T05:00:00Z\n +status +missed\n/)
  expect((await rerun('2025-11-25T05:00:00Z', '--only', 'missed')).stdout).toBe('ran\n')
  expect((await resolve('2025-11-24')).code).toBe(0)
  expect((await rerun('2025-11-24', '--only', 'failed')).code).toBe(65)
  expect(await rows()).toBe(2)
})

test('a date or a local time that means several slots of the recorded schedule: 64, nothing is written', async () => {
  for (const { named, schedule, first, message } of [
    { named: '2025-11-24', schedule: '0 * * * *', first: '2025-11-24T02:00:00Z', message: /several slots on that day/ },
    // The clocks of Berlin show 02:30 twice on that day.
    { named: '2025-10-26T02:30', schedule: '*/30 * * * *', first: '2025-10-26T00:00:00Z', message: /occurs twice/ },
  ]) {
    const { show, resolve, rerun, rows } = await changed(schedule, first, '30 2 * * *')
    for (const command of [show, resolve, rerun]) {
      const { code, stdout, stderr } = await command(named)
      expect({ code, stdout, stderr }).toEqual({ code: 64, stdout: '', stderr: expect.stringMatching(message) })
    }
    expect(await rows()).toBe(1)
  }
})
