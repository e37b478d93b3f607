import { expect, test } from 'vitest'
import { judgedSlots } from '../../../src/audit/walk.ts'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { slotAfter } from '../../../src/core/schedule/slot.ts'
import { isNewerRecord } from '../../../src/core/task/task-record.ts'
import type { Instant } from '../../../src/core/types.ts'
import { readRecord } from '../../../src/run/task/task-record.ts'
import { factsOf } from '../../../src/verdict/found.ts'
import { runs } from '../../support/random.ts'
import { CALL, HOUR_MS } from '../../support/rows.ts'
import { slotOf, triggers } from '../../support/simulated/triggers.ts'
import { TASK, works } from '../../support/simulated/world.ts'

const EXPRESSIONS = ['0 * * * *', '30 */2 * * *', '0 12 * * *', '30 12 * * *', '0 */6 * * *', '15 3,15 * * *']

function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0
    return ((Math.imul(state ^ (state >>> 13), 0x297a2d39) ^ state) >>> 0) / 2 ** 32
  }
}

interface Slot {
  readonly at: Instant
  readonly schedule: string
}

/** Returns the slots that the scheduler of this history had, under schedules that were each in force for some time. */
function historyOf(random: () => number): readonly Slot[] {
  const expressions = EXPRESSIONS.map((text) => ({ text, key: random() })).sort((one, other) => one.key - other.key)
  const slots: Slot[] = []
  let from = slotOf(0)
  for (const { text } of expressions.slice(0, 4)) {
    // A schedule that is in force for a short time may have no slot at all.
    const until = from + Math.floor(random() * 30 * 60) * 60_000
    const schedule = parseSchedule({ expression: text, zone: 'UTC' })
    for (let at = slotAfter(schedule, from); at !== null && at < until; at = slotAfter(schedule, at))
      slots.push({ at, schedule: text })
    from = until
  }
  return slots
}

async function play(seed: number) {
  const random = randomOf(seed)
  const due = historyOf(random)
  const { time, ledger, trigger } = triggers()
  const lost = 0.2 + random() * 0.6
  const delivered = due
    .filter(() => random() >= lost)
    .map((slot) => ({ ...slot, deliveredAt: slot.at + 10_000 + (random() < 0.2 ? random() * 5 * HOUR_MS : 0) }))
    .sort((one, other) => one.deliveredAt - other.deliveredAt)
  const caughtUp: Instant[] = []
  const clock = time.clock()
  for (const { at, schedule, deliveredAt } of delivered) {
    await time.run(clock.wait(Math.max(0, deliveredAt - clock.now())))
    const catchUp = random() < 0.7 ? { catchUpMs: 72 * HOUR_MS } : {}
    const run = trigger({ schedule, eventTime: new Date(at), ...catchUp }, works(1_000))
    await time.run(run.result)
    caughtUp.push(...run.started.filter((slot) => slot !== at))
  }
  await time.run(clock.wait(HOUR_MS))
  const { record } = await readRecord(TASK, ledger, CALL)
  if (isNewerRecord(record)) throw new Error('a newer record')
  const [certain, doubted]: [Set<Instant>, Set<Instant>] = [new Set(), new Set()]
  const now = clock.now()
  const deps = { store: ledger, clock, pageTimeoutMs: 1_000, signals: [] }
  const range = { task: TASK, since: 0, until: now }
  for await (const { row, slot, doubt } of judgedSlots([factsOf(TASK, record, now)], range, now, deps))
    if (row === null) (doubt === undefined ? certain : doubted).add(slot)
  return { due, delivered, caughtUp, certain, doubted, now, first: record.schedules[0]?.since }
}

// promise: undeclared-change
test('over random changes of the schedule and lost triggers, only slots that were due are caught up or certainly missed', async () => {
  const found = { caughtUp: 0, certain: 0, doubted: 0 }
  for (let seed = 1; seed <= runs(8, 400); seed++) {
    const { due, delivered, caughtUp, certain, doubted, now, first = Infinity } = await play(seed)
    const wasDue = new Set(due.map(({ at }) => at))
    // After the last run, the ledger cannot know of a change.
    const last = Math.max(...delivered.map(({ at }) => at))
    for (const slot of [...caughtUp, ...[...certain].filter((at) => at < last)])
      expect(wasDue, `seed ${seed}: ${new Date(slot).toISOString()}`).toContain(slot)
    const hadRow = new Set([...caughtUp, ...delivered.map(({ at }) => at)])
    const ran = new Set(delivered.map(({ schedule }) => schedule))
    // The ledger cannot know a schedule under which no slot ran.
    for (const { at, schedule } of due) {
      if (at <= first || at >= now || hadRow.has(at) || !ran.has(schedule)) continue
      if (certain.has(at) || doubted.has(at)) continue
      // A plain change of the schedule explains that nothing ran, as far as the ledger can know.
      const inOrder = [...delivered].sort((one, other) => one.at - other.at)
      const neighbours = [inOrder.findLast((one) => one.at < at), inOrder.find((one) => one.at > at)]
      expect(new Set(neighbours.map((one) => one?.schedule)).size, `seed ${seed}: ${new Date(at).toISOString()}`).toBe(
        2,
      )
    }
    found.caughtUp += caughtUp.length
    found.certain += certain.size
    found.doubted += doubted.size
  }
  expect(Math.min(...Object.values(found)), JSON.stringify(found)).toBeGreaterThan(10)
})
