import { expect, test } from 'vitest'
import type { Row } from '../../src/core/types.ts'
import { collectCourses } from '../../src/verdict/incident-course.ts'
import { type CountDue, collectIncidents, type Incident } from '../../src/verdict/incidents.ts'
import type { TaskFinding } from '../../src/verdict/judge.ts'
import { repairOf } from '../../src/verdict/repairs.ts'
import { FINDINGS } from '../support/pages/needs.ts'
import { FAILED, judgedAt, NOW, recordWith, resolvedAs, rowWith, SUCCEEDED } from '../support/rows.ts'

const HOUR_MS = 3_600_000
const at = (text: string) => Date.parse(`2026-11-${text}Z`)

/** The slots of each task; a text before the time is the kind, and `missed` is left out. */
function incidentsOf(
  tasks: Readonly<Record<string, readonly (number | readonly [TaskFinding['kind'], number])[]>>,
  countDue?: CountDue,
) {
  const { add, incidents } = collectIncidents(countDue)
  for (const [task, slots] of Object.entries(tasks)) {
    const found = slots.map((one) => (typeof one === 'number' ? (['missed', one] as const) : one))
    for (const [kind, slot] of found.toSorted(([, one], [, other]) => other - one)) add(finding(kind, task, slot))
  }
  return incidents()
}

function finding(kind: TaskFinding['kind'], task: string, slot: number, zone = 'UTC'): TaskFinding {
  const sample = FINDINGS.find((one) => one.kind === kind)
  if (sample === undefined) throw new Error(`no sample of ${kind}`)
  return { ...sample, task, slot, schedule: { expression: '0 * * * *', zone }, owner: `${task} team` }
}

const short = ({ tasks, from, to, slots }: Incident) => ({
  tasks: tasks.map(({ task }) => task).join(''),
  from,
  to,
  slots,
})

test('three tasks with problems at most an hour apart are one incident', () => {
  const tasks = { c: [at('25T18:40')], b: [at('25T18:00')], a: [at('25T17:00')] }
  expect(incidentsOf(tasks).map(short)).toEqual([{ tasks: 'abc', from: at('25T17:00'), to: at('25T18:40'), slots: 3 }])
  expect(incidentsOf({ ...tasks, c: [at('25T19:01')] })).toHaveLength(3)
  expect(incidentsOf({ a: [at('25T17:00'), at('25T17:30')], b: [at('25T18:00')] })).toHaveLength(2)
  expect(incidentsOf({})).toEqual([])
})

test('the tasks of an incident are at least a twentieth of those that were due within half an hour of it, or twenty', () => {
  const from = at('25T02:00')
  const asked: number[][] = []
  const shared = (count: number, due: number) => {
    const tasks = Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, [from + index * 1_000]]))
    const all = incidentsOf(tasks, (...span) => {
      asked.push(span)
      return due
    })
    return all.filter((one) => one.tasks.length > 1).map((one) => one.tasks.length)
  }
  expect(shared(3, 60)).toEqual([3])
  expect(asked[0]).toEqual([from - HOUR_MS / 2, from + HOUR_MS])
  expect(shared(3, 61)).toEqual([])
  expect(shared(19, 2_000)).toEqual([])
  expect(shared(20, 2_000)).toEqual([20])
})

test('an incident has what most of its failures say, its tasks by owner, and an id that stays as it grows', () => {
  const slot = at('25T02:00')
  const says = (task: string, report: string | undefined, owner: string, ending = FAILED): TaskFinding => {
    const own = rowWith({ ending: { ...ending, ...(report && { report }) } })
    return { ...finding('failed', task, slot + task.charCodeAt(0)), row: own, own, owner }
  }
  const found = [
    says('a', 'connection to db-7 refused', 'Data'),
    says('b', 'connection to db-7 refused', 'Payments'),
    says('c', 'disk full', 'Payments'),
    says('d', undefined, ''),
    finding('missed', 'e', slot + 200),
  ]
  const of = (some: readonly TaskFinding[]) => {
    const { add, incidents } = collectIncidents()
    for (const one of some) add(one)
    return incidents()[0]
  }
  expect(of(found)).toMatchObject({ says: '2 of 4 report: connection to db-7 refused' })
  expect([...(of(found)?.owners ?? [])]).toEqual([
    ['Payments', 2],
    ['Data', 1],
    ['', 1],
    ['e team', 1],
  ])
  expect(of(found.slice(2))?.says).toBe(null)
  expect(of([says('a', '{"rows":1}', ''), says('b', undefined, ''), says('c', undefined, '')])?.says).toBe(
    'all 3 failed (exit code 3)',
  )
  const alike = [
    says('a', 'disk full', ''),
    says('b', '{"rows":1,"message":"disk full"}', ''),
    says('c', undefined, ''),
  ]
  expect(of(alike)?.says).toBe('2 of 3 report: disk full')
  expect(of(found.slice(0, 1))?.id).toBe(of(found)?.id)
})

test('a problem more than half an hour before or after those of three tasks is not a part of their incident', () => {
  const outage = { a: [at('25T02:10')], b: [at('25T02:30'), at('25T03:30')], c: [at('25T03:00')], d: [at('25T04:00')] }
  const [early, late] = [at('25T01:30'), at('25T04:40')]
  expect(incidentsOf({ ...outage, x: [early], y: [late] }).map(short)).toEqual([
    { tasks: 'abcd', from: at('25T02:10'), to: at('25T04:00'), slots: 5 },
    { tasks: 'x', from: early, to: early, slots: 1 },
    { tasks: 'y', from: late, to: late, slots: 1 },
  ])
  expect(incidentsOf({ ...outage, x: [at('25T01:40')] }).map(short)).toMatchObject([{ tasks: 'abcdx' }])
})

test('a failure more than half an hour from the others belongs to them only if another one says the same', () => {
  const saying = (task: string, time: string, report: string): TaskFinding => {
    const own = rowWith({ ending: { ...FAILED, report } })
    return { ...finding('failed', task, at(`25T${time}`)), row: own, own }
  }
  const tasksOf = (report: string, ...others: readonly TaskFinding[]) => {
    const { add, incidents } = collectIncidents()
    for (const one of [saying('a', '02:00', 'disk full'), saying('b', '02:10', 'disk full'), ...others]) add(one)
    add(saying('c', '03:00', report))
    return incidents().map((one) => short(one).tasks)
  }
  expect(tasksOf('disk full')).toEqual(['abc'])
  expect(tasksOf('no such invoice')).toEqual(['a', 'b', 'c'])
  // It goes on while others begin.
  const missed = ['03:40', '03:50', '03:55'].map((time, index) => finding('missed', `m${index}`, at(`25T${time}`)))
  const stillFailing = saying('c', '04:00', 'no such invoice')
  expect(tasksOf('no such invoice', ...missed, stillFailing)).toEqual(['m0m1m2', 'c', 'a', 'b'])
})

test('an incident has the slots of each task by kind, its times and the owner', () => {
  const [from, to] = [at('25T17:00'), at('25T18:00')]
  const [incident] = incidentsOf({ a: [['failed', from], from + 1, ['failed', to]], b: [from], c: [to] })
  expect(incident).toMatchObject({ cause: 'broken', slots: 5, zone: 'UTC' })
  expect(incident?.tasks[0]).toEqual({
    ...{ task: 'a', owner: 'a team', from, fromZone: finding('failed', 'a', from).schedule.zone, to },
    counts: new Map([
      ['missed', 1],
      ['failed', 2],
    ]),
    newest: finding('failed', 'a', to),
  })
})

test('a problem that begins while the others go on belongs to them, at most six hours after the begin', () => {
  const long = Array.from({ length: 10 }, (_, index) => at('25T00:00') + index * HOUR_MS)
  expect(incidentsOf({ a: long, b: long, c: long, d: [at('25T05:30')] }).map(short)).toMatchObject([{ tasks: 'abcd' }])
  const late = { d: [at('25T06:30')] }
  expect(incidentsOf({ a: long, b: long, c: long, ...late }).map(short)).toMatchObject([
    { tasks: 'abc' },
    { tasks: 'd' },
  ])
})

test('a late slot does not move the begin of an outage', () => {
  const from = at('25T17:00')
  const incidents = incidentsOf({ a: [['late', from - 60_000], from], b: [from], c: [from], d: [['late', from]] })
  expect(incidents.map(({ cause, ...one }) => [cause, short(one as Incident).tasks, one.from])).toEqual([
    ['broken', 'abc', from],
    ['late', 'a', from - 60_000],
    ['late', 'd', from],
  ])
})

test('what began otherwise is one incident of its task, however often it happened', () => {
  const days = [20, 21, 22, 23].map((day) => at(`${day}T03:00`))
  expect(incidentsOf({ a: days, b: [at('21T09:00')] }).map(short)).toEqual([
    { tasks: 'a', from: days[0], to: days[3], slots: 4 },
    { tasks: 'b', from: at('21T09:00'), to: at('21T09:00'), slots: 1 },
  ])
})

test('the incident of the most tasks comes first, then the most urgent one, then that of the most slots', () => {
  const [early, later] = [at('20T03:00'), at('25T03:00')]
  const incidents = incidentsOf({
    ...{ a: [early, later], b: [early, later], c: [early, later], d: [early] },
    ...{
      e: [
        ['late', at('23T03:00')],
        ['late', at('23T04:00')],
      ],
      f: [at('22T03:00')],
    },
    ...{ g: [at('23T08:00'), at('23T09:00')] },
  })
  expect(incidents.map((one) => short(one).tasks)).toEqual(['abcd', 'abc', 'g', 'f', 'e'])
})

test('a task that fails for days does not join the problems of other days', () => {
  const hourly = Array.from({ length: 100 }, (_, index) => at('20T00:00') + index * HOUR_MS)
  const night = [at('23T02:00')]
  expect(incidentsOf({ a: hourly, b: night, c: night, d: night }).map(short)).toMatchObject([
    { tasks: 'bcd', from: night[0], to: night[0] },
    { tasks: 'a', slots: 100 },
  ])
})

test('with very many problems, a task has one row for what comes later', () => {
  const rare = Array.from({ length: 7_000 }, (_, index) => at('01T00:00') + index * 2 * HOUR_MS)
  const incidents = incidentsOf({ a: rare, b: rare, c: rare })
  // The oldest 1,001 problems of the last task are one row.
  expect(incidents.filter(({ tasks }) => tasks.length === 3)).toHaveLength(6_000)
})

test('the times are in the zone of more than half of the tasks', () => {
  const { add, incidents } = collectIncidents()
  for (const [task, zone] of [
    ['a', 'Asia/Tokyo'],
    ['b', 'Europe/Berlin'],
    ['c', 'Asia/Tokyo'],
  ] as const)
    add(finding('missed', task, at('25T18:00'), zone))
  expect(incidents()[0]?.zone).toBe('Asia/Tokyo')
})

test('what is blocked belongs to the incident of what blocks it, also by others, and comes last', () => {
  const { add, incidents } = collectIncidents()
  const slot = at('25T03:00')
  const chain = [
    ['cleanup', null],
    ['extract', null],
    ['load', 'extract'],
    ['report', 'load'],
    // What blocked it has been repaired.
    ['stale', 'gone'],
  ] as const
  for (const [task, blocker] of chain) {
    const found = finding('failed', task, slot)
    add(blocker === null ? found : ({ ...found, blockedBy: { task: blocker, slot } } as TaskFinding))
  }
  expect(incidents().map(({ tasks }) => tasks.map((one) => [one.task, one.blockedBy]))).toEqual([
    [
      ['cleanup', undefined],
      ['extract', undefined],
      ['stale', 'gone'],
      ['load', 'extract'],
      ['report', 'load'],
    ],
  ])
})

test('a task with problems of its own that is then blocked is one task of the incident', () => {
  const { add, incidents } = collectIncidents()
  const [first, second] = [at('25T03:00'), at('25T04:00')]
  for (const task of ['extract', 'load', 'mail']) {
    const found = finding('failed', task, second)
    add(task === 'load' ? ({ ...found, blockedBy: { task: 'extract', slot: second } } as TaskFinding) : found)
    add(finding('missed', task, first))
  }
  expect(incidents().map(({ tasks }) => tasks.map((one) => [one.task, one.blockedBy, one.counts.size]))).toEqual([
    [
      ['extract', undefined, 2],
      ['load', 'extract', 2],
      ['mail', undefined, 2],
    ],
  ])
})

const DAILY = recordWith([{ since: 0, spec: { expression: '0 3 * * *', zone: 'UTC' } }])
const sameRun = (row: Row) =>
  ({ ...row, attempts: row.attempts.map((one) => ({ ...one, runId: 'run-1' })) }) as unknown as Row
const bare = (state: 'SKIPPED' | 'COMPLETED') =>
  ({
    ...resolvedAs(state),
    attempts: [],
    resolutions: resolvedAs(state).resolutions.map((one) => ({ ...one, afterAttempt: 0 })),
  }) as Row

// The rows are claimed 5 s after the slot.
test.each<[string, Row, Parameters<typeof judgedAt>[2], string | null]>([
  ['a run in time', rowWith({ ending: SUCCEEDED }), {}, null],
  ['a run after the grace', rowWith({ ending: SUCCEEDED }), { graceMs: 4_000 }, 'missed, ended'],
  ['a run after the grace that goes on', rowWith({}), { graceMs: 4_000 }, 'missed, open'],
  [
    'a run by hand of a slot that was never due',
    rowWith({ ending: SUCCEEDED }),
    { graceMs: 4_000, record: null },
    null,
  ],
  ['a run that completed after its time', rowWith({ ending: SUCCEEDED }), { doneByMs: 5_500 }, 'overdue, ended'],
  ['a run after one that failed', rowWith({ ending: FAILED }, { ending: SUCCEEDED }), {}, 'failed, ended'],
  ['a retry in the same run', sameRun(rowWith({ ending: FAILED }, { ending: SUCCEEDED })), {}, null],
  ['a run after one that failed, which goes on', rowWith({ ending: FAILED }, {}), {}, 'failed, open'],
  [
    'a run after one that is stale',
    rowWith({ ending: { outcome: 'abandoned' } }, { ending: SUCCEEDED }),
    {},
    'stale, ended',
  ],
  ['a failure that was marked as completed', resolvedAs('COMPLETED'), {}, 'failed, ended'],
  ['a missed slot that was skipped', bare('SKIPPED'), {}, 'missed, ended'],
  [
    'a late start that was settled',
    resolvedAs('COMPLETED', rowWith({ ending: SUCCEEDED })),
    { lateAfterMs: 1_000 },
    'late, ended',
  ],
  ['a failure that nobody has repaired', rowWith({ ending: FAILED }), {}, null],
])('%s: what a check found before, and whether that has ended', (_, row, more, expected) => {
  const repair = repairOf(judgedAt(NOW + 60_000, row, { record: DAILY, ...more }))
  expect(repair && `${repair.found.kind}, ${repair.endedAt === null ? 'open' : 'ended'}`).toBe(expected)
})

test('an incident keeps its id while its slots are repaired, and ends with the last of them', () => {
  const [first, last] = [at('25T02:00'), at('25T09:00')]
  const course = (repaired: readonly string[], isNew = true) => {
    const { add, addRepair, begun, ended } = collectCourses(() => 0)
    for (const [index, task] of ['a', 'b', 'c'].entries()) {
      const found = finding('missed', task, first + index)
      if (repaired.includes(task)) addRepair({ found, endedAt: last + index })
      else add(found, isNew)
    }
    return [begun(), ended((endedAt) => endedAt > last + 1)] as const
  }
  const id = 'broken a 2026-11-25T02:00:00Z'
  expect(course([])).toMatchObject([[{ id, slots: 3 }], []])
  expect(course(['a'])).toMatchObject([[{ id, slots: 2, tasks: [{ task: 'b' }, { task: 'c' }] }], []])
  expect(course(['a'], false)).toEqual([[], []])
  expect(course(['a', 'b', 'c'])).toMatchObject([[], [{ id, slots: 3, endedAt: last + 2 }]])
})

test('what fails after all was repaired is another incident, and an end that was told is not told again', () => {
  const { add, addRepair, begun, ended } = collectCourses(() => 0)
  add(finding('failed', 'a', at('25T03:00')), true)
  addRepair({ found: finding('failed', 'a', at('25T02:30')), endedAt: at('25T02:40') })
  addRepair({ found: finding('failed', 'a', at('24T02:00')), endedAt: at('24T09:00') })
  expect(begun()).toMatchObject([{ id: 'broken a 2026-11-25T03:00:00Z', slots: 1 }])
  expect(ended((endedAt) => endedAt > at('25T00:00'))).toMatchObject([{ id: 'broken a 2026-11-25T02:30:00Z' }])
})
