import { describe, expect, test } from 'vitest'
import type { KnownPlace } from '../../../src/core/place.ts'
import { changeText } from '../../../src/core/task/record-changes.ts'
import {
  otherScheduleAt,
  type StatedByRun,
  withDeclaration,
  withPause,
  withResumption,
  withRetirement,
  withRun,
  withSchedule,
} from '../../../src/core/task/task-changes.ts'
import {
  EMPTY_TASK_RECORD,
  type Expectations,
  rulesOf,
  type Schedules,
  type Suspension,
  type TaskRecord,
} from '../../../src/core/task/task-record.ts'
import type { ScheduleSpec } from '../../../src/core/types.ts'
import { FARGATE, fargateTask } from '../../support/aws/ecs.ts'
import { DAY_MS, PAUSE, recordWith } from '../../support/rows.ts'

const at = (text: string) => Date.parse(text)
const DAILY = { expression: '0 3 * * *', zone: 'Asia/Tokyo' }
const RATE = { expression: 'rate(1 day)', zone: 'UTC', anchor: at('2026-01-01T00:00:00Z') }
const FIRST = at('2026-11-01T18:00:00Z')
const KNOWN: Schedules = [{ since: FIRST, spec: DAILY }]
const ENDED = { at: at('2026-11-10T00:00:00Z'), by: 'cronledger', reason: 'revived by run r' }

test('a schedule that is in force already changes nothing', () => {
  expect(withSchedule(KNOWN, { ...DAILY }, at('2026-11-02T18:00:00Z'))).toBe(null)
})

test('a new schedule is in force from its slot on', () => {
  expect(withSchedule([], DAILY, FIRST)).toEqual(KNOWN)
  const changed = withSchedule(KNOWN, RATE, at('2026-11-03T00:00:00Z'))
  expect(changed).toEqual([...KNOWN, { since: at('2026-11-03T00:00:00Z'), after: FIRST, spec: RATE }])
  const lastSlot = at('2026-11-02T18:00:00Z')
  expect(withSchedule(KNOWN, RATE, at('2026-11-03T00:00:00Z'), lastSlot)?.at(-1)?.after).toBe(lastSlot)
  expect(withSchedule(KNOWN, { ...DAILY, zone: 'UTC' }, at('2026-11-03T03:00:00Z'))).toHaveLength(2)
  const moved = { ...RATE, anchor: at('2026-01-01T06:00:00Z') }
  expect(withSchedule(changed ?? [], moved, at('2026-11-04T06:00:00Z'))).toHaveLength(3)
})

test('a change is told in words, with its durations', () => {
  const before = { lateAfterMs: 600_000, sinceLastSuccess: 'on' }
  const text = changeText({ ...ENDED, from: FIRST, before, after: { lateAfterMs: 3_600_000, owner: 'Payments' } })
  expect(text).toBe('late after 10m to 1h, since last success on to nothing, owner nothing to Payments')
})

test('a run of an older slot, under another schedule, changes nothing', () => {
  expect(withSchedule(KNOWN, RATE, FIRST)).toBe(null)
})

test('the schedules of a task are bounded: the oldest go first', () => {
  let schedules: Schedules = []
  for (let index = 0; index < 60; index++) {
    schedules = withSchedule(schedules, { expression: `${index} 3 * * *`, zone: 'UTC' }, index * DAY_MS) ?? schedules
  }
  expect(schedules).toHaveLength(50)
  expect(schedules.at(-1)?.spec.expression).toBe('59 3 * * *')
})

test('two hosts that state different schedules in turn do not push out the schedule of a slot that an audit can reach', () => {
  const [own, other] = ['0 3 * * *', '0 */3 * * *'].map((expression) => ({ expression, zone: 'UTC' }) as const)
  if (own === undefined || other === undefined) throw new Error('two schedules')
  const first = { since: 0, spec: { expression: '0 1 * * *', zone: 'UTC' } }
  const stated = (minutes: number, known: Schedules): Schedules =>
    Array.from({ length: minutes }, (_, minute) => minute + 1).reduce<Schedules>(
      (schedules, minute) => withSchedule(schedules, minute % 2 === 0 ? own : other, minute * 60_000) ?? schedules,
      known,
    )
  const schedules = stated(200, [first])
  expect(schedules[0]).toEqual(first)
  expect(schedules.length).toBeLessThanOrEqual(50)
  expect(schedules.at(-1)?.spec).toEqual(own)
  // After a month, nobody asks for it any more.
  const days = [28, 29, 30].reduce<Schedules>(
    (known, day) => withSchedule(known, { ...own, expression: `0 3 ${day} * *` }, (day + 10) * DAY_MS) ?? known,
    schedules,
  )
  expect(days[0]).not.toEqual(first)
})

describe('what a run states', () => {
  const stated = (slot: number, expectations: Expectations = {}, place: KnownPlace = null) =>
    ({ slot, spec: DAILY, expectations, place }) satisfies StatedByRun

  test.each(['graceMs', 'lateAfterMs', 'doneByMs', 'owner', 'overlap'])(
    'another %s that a run states is recorded, and so is one that is gone',
    (name) => {
      const before = name === 'owner' ? 'ada' : 1
      const after = name === 'owner' ? 'bob' : 2
      const record = recordWith(KNOWN, { expectations: { since: FIRST, [name]: before } })
      const slot = FIRST + DAY_MS
      const changed = withRun(record, stated(slot, { [name]: after }), ENDED)
      expect(changed?.expectations).toEqual({ since: slot, [name]: after })
      expect(withRun(record, stated(slot), ENDED)?.expectations).toEqual({ since: slot })
    },
  )

  test('an older run does not write over the expectations of a later one', () => {
    const record = recordWith(KNOWN, { expectations: { since: FIRST + DAY_MS, graceMs: 60_000 } })
    expect(withRun(record, stated(FIRST, { graceMs: 5_000 }), ENDED)).toBe(null)
    expect(withRun(record, stated(FIRST + DAY_MS, { graceMs: 5_000 }), ENDED)).toBe(null)
  })

  // promise: expectation-missed
  test('rules that stay as they are go on when another expectation changes, so that no unusual slot is hidden', () => {
    const record = recordWith(KNOWN, { expectations: { since: FIRST, expect: 'rows>=1', owner: 'ada' } })
    const [later, last] = [FIRST + DAY_MS, FIRST + 2 * DAY_MS]
    const expect1 = { expect: 'rows>=1', owner: 'bob' }
    const after = withRun(record, stated(later, expect1), ENDED)
    expect(after?.expectations).toEqual({ ...expect1, since: later, expectSince: FIRST })
    expect(rulesOf(after)?.since).toBe(FIRST)
    expect(after && withRun(after, stated(last, expect1), ENDED)).toBe(null)
    const declared = { spec: DAILY, from: last, now: last, expectations: { graceMs: 60_000 } }
    expect(rulesOf(after && withDeclaration(after, declared))?.since).toBe(FIRST)
    // Other rules are not for slots that ran under these.
    expect(rulesOf(after && withRun(after, stated(last, { expect: 'rows>=2' }), ENDED))?.since).toBe(last)
  })

  describe('about ECS', () => {
    const { logStream: _, ...LASTING } = FARGATE.place
    const NEWER = fargateTask({ revision: 8 }).place
    const onEcs = recordWith(KNOWN, { place: LASTING, placeSince: FIRST + DAY_MS })
    const afterRun = (record: TaskRecord, days: number, place: KnownPlace) =>
      withRun(record, stated(FIRST + days * DAY_MS, {}, place), ENDED)

    test('the container is recorded, without the log stream of the run', () => {
      expect(afterRun(EMPTY_TASK_RECORD, 0, FARGATE.place)).toEqual(
        recordWith(KNOWN, { place: LASTING, placeSince: FIRST }),
      )
    })

    test('only another container changes the record, not another log stream', () => {
      expect(afterRun(onEcs, 2, { ...FARGATE.place, logStream: 'cronledger/batch/another' })).toBe(null)
      const names = ['region', 'cluster', 'taskDefinition', 'container', 'launchType', 'logGroup'] as const
      const changes = names.map((name) => ({ ...LASTING, [name]: 'another' }))
      const { awsvpc: __, ...withoutNetwork } = LASTING
      for (const place of [...changes, withoutNetwork]) {
        expect(afterRun(onEcs, 2, place)).toEqual({ ...onEcs, place, placeSince: FIRST + 2 * DAY_MS })
      }
    })

    test('the record follows a task that moved off ECS', () => {
      expect(afterRun(onEcs, 2, null)).toEqual({ ...onEcs, place: null, placeSince: FIRST + 2 * DAY_MS })
      expect(afterRun(recordWith(KNOWN), 2, null)).toBe(null)
    })

    test('a run that ECS did not answer keeps what is recorded', () => {
      expect(afterRun(onEcs, 2, 'unknown')).toBe(null)
      expect(afterRun(recordWith(KNOWN), 2, 'unknown')).toBe(null)
    })

    test('an older run does not write over what a later one stated', () => {
      expect(afterRun(onEcs, 0, NEWER)).toBe(null)
      expect(afterRun(onEcs, 1, NEWER)).toBe(null)
      expect(afterRun(onEcs, 0, null)).toBe(null)
      const moved = { ...onEcs, place: null }
      expect(afterRun(moved, 0, NEWER)).toBe(null)
      const later = recordWith([...KNOWN, { since: FIRST + 3 * DAY_MS, spec: RATE }])
      expect(afterRun(later, 2, NEWER)).toBe(null)
    })
  })

  test('a run in a retirement revives the task from its slot on, and keeps its pauses', () => {
    const retirement = { ...PAUSE, from: FIRST + DAY_MS, reason: 'replaced' }
    const record = recordWith(KNOWN, { pauses: [PAUSE], retirements: [retirement] })
    const slot = FIRST + 5 * DAY_MS
    expect(withRun(record, stated(slot), ENDED)).toEqual({
      ...record,
      retirements: [{ ...retirement, until: slot, ended: ENDED }],
    })
    // A late trigger of a slot from before the retirement is not a sign that the task is used again.
    expect(withRun(record, stated(FIRST), ENDED)).toBe(null)
  })
})

describe('the decisions of an operator', () => {
  const [from, later] = [PAUSE.from, PAUSE.from + DAY_MS]
  const record = recordWith(KNOWN)

  // promise: many-pauses
  test('a pause that is over is never dropped: catch-up would run its slots', () => {
    const nights = Array.from({ length: 150 }, (_, day) => from - day * DAY_MS)
    const pauses = nights.map((night) => ({ ...PAUSE, from: night, until: night + 1, at: later }))
    expect(pauses.reduce(withPause, record).pauses).toEqual(pauses)
  })

  test('at most 100 pauses that are not over, and no limit for those that are', () => {
    const open = Array.from({ length: 100 }, (_, index) => ({ ...PAUSE, from: from + index }))
    const full = { ...record, pauses: open }
    expect(() => withPause(full, PAUSE)).toThrow(/100 pauses that are not over/)
    expect(withPause(full, { ...PAUSE, until: from, at: later }).pauses).toHaveLength(101)
  })

  describe('a record without room', () => {
    const hourly = (hour: number): Suspension => {
      const start = from + hour * 3_600_000
      return { ...PAUSE, from: start, until: start + 1_000, at: later + 1_000 * DAY_MS, reason: 'r'.repeat(800) }
    }
    // As JSON, they have a little less than 200,000 bytes.
    const COUNT = 218
    const over = Array.from({ length: COUNT }, (_, hour) => hourly(hour))
    const full = { ...record, pauses: over }

    // promise: many-pauses
    test('a record without room refuses one more pause and one more retirement, and says how to make room', () => {
      const text = /^the record of the task is full: it has 218 pauses and 0 retirements\. .* To make room/
      expect(() => withPause(full, hourly(500))).toThrow(text)
      expect(() => withRetirement(full, { ...hourly(500), until: null })).toThrow(text)
    })

    test('a record without room drops what one pause over the time of several covers', () => {
      const wide = { ...hourly(0), until: hourly(100).until }
      expect(withPause(full, wide).pauses).toEqual([...over.slice(101), wide])
    })

    test('a record without room keeps what an open pause covers: a resumption may be dated back', () => {
      expect(() => withPause(full, { ...hourly(0), from: from - DAY_MS, until: null })).toThrow(/is full/)
    })
  })

  test('a resumption ends what goes on, cancels what is planned, and leaves alone what is over', () => {
    const over = { ...PAUSE, from: from - DAY_MS, until: from - 1 }
    const planned = { ...PAUSE, from: later }
    const retirement = { ...PAUSE, reason: 'replaced' }
    const before = { ...record, pauses: [over, PAUSE, planned], retirements: [retirement] }
    const now = from + 1_000
    expect(withResumption(before, now, ENDED)).toEqual({
      ...record,
      pauses: [over, { ...PAUSE, until: now, ended: ENDED }, { ...planned, until: later, ended: ENDED }],
      retirements: [{ ...retirement, until: now, ended: ENDED }],
    })
  })

  test('a resumption that is dated back leaves alone what was over when it was decided', () => {
    const over = { ...PAUSE, until: later, ended: ENDED }
    const goesOn = { ...PAUSE, from: later }
    const decided = { ...ENDED, at: later + 1_000 }
    expect(withResumption({ ...record, pauses: [over] }, from - 1, decided)).toBe(null)
    expect(withResumption({ ...record, pauses: [over, goesOn] }, from - 1, decided)?.pauses).toEqual([
      over,
      { ...goesOn, until: later, ended: decided },
    ])
  })

  test('a resumption of a task that runs changes nothing', () => {
    expect(withResumption(record, from, ENDED)).toBe(null)
    const after = withResumption(withPause(record, PAUSE), from + 1_000, ENDED)
    expect(withResumption(after ?? record, from + 1_000, ENDED)).toBe(null)
  })
})

describe('a schedule that is declared', () => {
  const NOW = at('2026-11-20T00:00:00Z')
  const HOURLY = { expression: '0 * * * *', zone: 'UTC' }
  const YEARLY = { expression: '@yearly', zone: 'UTC' }
  const declared = (record: TaskRecord, spec: ScheduleSpec, from: number, expectations: Expectations = {}) =>
    withDeclaration(record, { spec, from, now: NOW, expectations })
  const schedulesOf = (record: TaskRecord | null) => record?.schedules
  const AHEAD = NOW + 10 * DAY_MS
  const planned: Schedules = [...KNOWN, { since: AHEAD, spec: HOURLY, declared: 'unconfirmed' }]

  test('a schedule that is declared before the first run is in force from then on, and the first run confirms it', () => {
    const record = declared(EMPTY_TASK_RECORD, DAILY, NOW, { graceMs: 60_000 })
    const schedules: Schedules = [{ since: NOW, spec: DAILY, declared: 'unconfirmed' }]
    expect(record).toEqual(recordWith(schedules, { expectations: { since: NOW, graceMs: 60_000 } }))
    const confirmed: Schedules = [{ since: NOW, spec: DAILY, declared: 'confirmed' }]
    expect(withSchedule(schedules, DAILY, NOW + DAY_MS)).toEqual(confirmed)
    expect(withSchedule(confirmed, DAILY, NOW + 2 * DAY_MS)).toBe(null)
  })

  test('the same declaration of a schedule again changes nothing', () => {
    const record = declared(EMPTY_TASK_RECORD, DAILY, NOW, { owner: 'ada' }) ?? EMPTY_TASK_RECORD
    expect(declared(record, { ...DAILY }, NOW + 5_000, { owner: 'ada' })).toBe(null)
    expect(declared(recordWith(KNOWN), DAILY, NOW)).toBe(null)
    expect(declared(recordWith(planned), HOURLY, AHEAD)).toBe(null)
  })

  test('a change ahead: the runs before it keep their schedule', () => {
    expect(schedulesOf(declared(recordWith(KNOWN), HOURLY, AHEAD))).toEqual(planned)
    expect(withSchedule(planned, DAILY, AHEAD - DAY_MS)).toBe(null)
    expect(otherScheduleAt(planned, DAILY, AHEAD - DAY_MS)).toBe(null)
    expect(otherScheduleAt(planned, DAILY, AHEAD)).toEqual(HOURLY)
    const onlyAhead: Schedules = [{ since: AHEAD, spec: HOURLY, declared: 'unconfirmed' }]
    expect(otherScheduleAt(onlyAhead, DAILY, NOW)).toBe(null)
    expect(withSchedule(onlyAhead, DAILY, NOW)).toEqual([{ since: NOW, spec: DAILY }, ...onlyAhead])
  })

  test('a run with another schedule replaces a declared one from its slot on', () => {
    const daily = { since: AHEAD + DAY_MS, after: AHEAD, spec: DAILY }
    expect(withSchedule(planned, DAILY, AHEAD + DAY_MS)).toEqual([...planned, daily])
    // The operator has said that the schedule before ended at that time.
    expect(withSchedule(planned, YEARLY, AHEAD)).toEqual([...KNOWN, { since: AHEAD, after: AHEAD, spec: YEARLY }])
    const now = { since: NOW, after: FIRST, spec: YEARLY }
    expect(withSchedule(planned, YEARLY, NOW)).toEqual([...KNOWN, now, planned[1]])
  })

  test('a declared schedule that a run has early is in force since that run', () => {
    expect(withSchedule(planned, HOURLY, NOW)).toEqual([...KNOWN, { since: NOW, after: FIRST, spec: HOURLY }])
  })

  test('a declaration is in force until the next one, and one for the same time replaces it', () => {
    const earlier = declared(recordWith(planned), YEARLY, NOW)
    expect(schedulesOf(earlier)).toEqual([KNOWN[0], { since: NOW, spec: YEARLY, declared: 'unconfirmed' }, planned[1]])
    const replaced: Schedules = [...KNOWN, { since: AHEAD, spec: YEARLY, declared: 'unconfirmed' }]
    expect(schedulesOf(declared(recordWith(planned), YEARLY, AHEAD))).toEqual(replaced)
  })

  test('the present schedule from the same time on cancels a change', () => {
    expect(schedulesOf(declared(recordWith(planned), DAILY, AHEAD))).toEqual(KNOWN)
  })

  test('a schedule that is declared cannot change the past of a task that has run, but the time before its first run', () => {
    expect(() => declared(recordWith(KNOWN), HOURLY, NOW - DAY_MS)).toThrow(/from 2026-11-19T00:00:00Z is in the past/)
    const earlier = FIRST - 5 * DAY_MS
    expect(schedulesOf(declared(recordWith(KNOWN), DAILY, earlier))).toEqual([
      { since: earlier, spec: DAILY, declared: 'confirmed' },
    ])
    const wrong = recordWith([{ since: earlier, spec: DAILY, declared: 'unconfirmed' }])
    expect(schedulesOf(declared(wrong, HOURLY, earlier))).toEqual([
      { since: earlier, spec: HOURLY, declared: 'unconfirmed' },
    ])
  })

  test('a schedule that is declared keeps the expectations that it does not name, and a run of an earlier slot does not replace them', () => {
    const record = recordWith(KNOWN, { expectations: { since: FIRST, graceMs: 60_000, owner: 'ada' } })
    const after = declared(record, HOURLY, AHEAD, { owner: 'bob' }) ?? record
    expect(after.expectations).toEqual({ since: AHEAD, graceMs: 60_000, owner: 'bob' })
    const stated = { spec: DAILY, expectations: { graceMs: 60_000, owner: 'ada' }, place: null }
    expect(withRun(after, { ...stated, slot: AHEAD - DAY_MS }, ENDED)).toBe(null)
    expect(declared(record, DAILY, NOW)).toBe(null)
  })

  test('a change ahead does not hide where the task runs now', () => {
    const stated = { slot: NOW, spec: DAILY, expectations: {}, place: FARGATE.place }
    expect(withRun(recordWith(planned), stated, ENDED)?.placeSince).toBe(NOW)
  })
})
