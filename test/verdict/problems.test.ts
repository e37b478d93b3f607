import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Ending, Key, Row } from '../../src/core/types.ts'
import { problemLines } from '../../src/format/check/problems.ts'
import { isFinding, type JudgedSlot } from '../../src/verdict/judge.ts'
import { collectProblems, type Problem } from '../../src/verdict/problems.ts'
import { FAILED, judgedAt, NOT_STARTED, pending, resolvedAs, rowWith, SUCCEEDED } from '../support/rows.ts'

const MINUTE_MS = 60_000
const SLOT = Date.parse('2026-11-25T02:00:00Z')
const CHECKED = SLOT + 86_400_000

type What =
  | 'done'
  | 'skipped'
  | 'missed'
  | 'running'
  | 'stale'
  | 'unusual'
  | { readonly says: string }
  | { readonly exit: number }
  | { readonly waits: Key }

function slotOf(task: string, minute: number, what: What): JudgedSlot {
  const slot = SLOT + minute * MINUTE_MS
  const of = (row: Row | null, more: Parameters<typeof judgedAt>[2] = {}) =>
    judgedAt(CHECKED, row && ({ ...row, task, slot } as Row), { task, slot, ...more })
  const ended = (ending: Ending) => of(rowWith({ ending }))
  if (typeof what === 'object') {
    if ('waits' in what) return ended({ ...NOT_STARTED, blockedBy: what.waits })
    return ended('says' in what ? { ...FAILED, report: what.says } : { ...FAILED, exitCode: what.exit })
  }
  switch (what) {
    case 'done':
      return ended(SUCCEEDED)
    case 'skipped':
      return of(resolvedAs('SKIPPED'))
    case 'missed':
      return of(null)
    case 'running':
      return of({ ...pending(rowWith({})), leaseUntil: CHECKED + 1_000_000 })
    case 'stale':
      return of(rowWith({}))
    case 'unusual': {
      const expectations = { since: 0, expect: 'rows>=1' }
      return of(rowWith({ ending: SUCCEEDED }), {
        record: { schedules: [], pauses: [], retirements: [], expectations } as never,
      })
    }
  }
}

/** The slots of each task, by their minutes. */
type Slots = Readonly<Record<string, Readonly<Record<number, What>>>>

function problemsOf(tasks: Slots): readonly Problem[] {
  const { add, problems } = collectProblems()
  for (const [task, slots] of Object.entries(tasks))
    for (const [minute, what] of Object.entries(slots).reverse()) add(slotOf(task, Number(minute), what))
  return problems()
}

const minutes = (problem: Problem) =>
  problem.tasks.flatMap(({ task, slots }) => slots.map((slot) => `${task} ${(slot - SLOT) / MINUTE_MS}`))
const brief = (problem: Problem) => [`${problem.kind}: ${problem.words}`, ...minutes(problem)]

test('findings of a task with the same words are a streak until a slot of it is done, whatever is between them', () => {
  const says = { says: 'disk full' }
  const of = (what: What) => problemsOf({ a: { 0: says, 90: what, 180: says } }).map(minutes)
  for (const between of ['missed', 'running', 'stale', { exit: 2 }] as const)
    expect(of(between)).toContainEqual(['a 180', 'a 0'])
  for (const between of ['done', 'skipped', 'unusual'] as const) expect(of(between)).toContainEqual(['a 180'])
})

test('streaks of several tasks are a problem if each began within an hour of the one before, for six hours at most', () => {
  expect(problemsOf({ a: { 0: 'missed' }, b: { 60: 'missed' }, c: { 121: 'missed' } }).map(minutes)).toEqual([
    ['a 0', 'b 60'],
    ['c 121'],
  ])
  const many = Object.fromEntries([...'abcdefgh'].map((task, index) => [task, { [index * 60]: 'missed' as const }]))
  expect(problemsOf(many).map(({ tasks }) => tasks.length)).toEqual([7, 1])
  // It goes on for as long as it takes.
  expect(problemsOf({ a: { 0: 'missed', 900: 'missed' }, b: { 30: 'missed' } })).toHaveLength(1)
})

test('an ending is compared as it is, and a reported line without the pieces that have a digit', () => {
  expect(problemsOf({ a: { 0: { exit: 1 } }, b: { 0: { exit: 137 } } }).map(brief)).toEqual([
    ['failed: exit code 1', 'a 0'],
    ['failed: exit code 137', 'b 0'],
  ])
  const alike = problemsOf({
    a: { 0: { says: '\nrow 17 of orders_2026.csv\nlast line' } },
    b: { 0: { says: 'row ٣ of x-1' }, 5: { says: 'row ٣ of x-1' } },
    c: { 0: { says: 'row x of orders' } },
  })
  expect(alike.map(({ words, alike: others }) => `${words} ${others}`)).toEqual(['row ٣ of x-1 1', 'row x of orders 0'])
  // Facts are no words, and one whose message is its ending is no ending.
  expect(problemsOf({ a: { 0: { says: '{"rows":1}' } }, b: { 0: { says: 'exit code 3' } } })).toHaveLength(2)
})

test('a problem is still there for the tasks of which nothing was done since, and these problems come first', () => {
  const problems = problemsOf({
    a: { 0: 'missed', 60: 'done' },
    b: { 0: 'missed', 60: 'running' },
    c: { 0: 'stale', 60: { exit: 1 } },
    d: { 0: { exit: 2 }, 60: 'done' },
  })
  expect(problems.map(({ kind, still }) => `${kind} ${still}`)).toEqual(['missed 1', 'failed 1', 'stale 1', 'failed 0'])
})

test('what waits stands below the problem that has the slot, through others that wait, and alone once that is done', () => {
  const waits = (task: string, minute: number) => ({ waits: { task, slot: SLOT + minute * MINUTE_MS } })
  const chain = (extract: What) =>
    problemsOf({
      extract: { 0: extract, 60: 'done' },
      transform: { 10: waits('extract', 0), 70: waits('extract', 60) },
      load: { 20: waits('transform', 10) },
      circle: { 0: waits('circle', 0) },
    }).map((problem) => [...brief(problem), '<', ...problem.waiting.map((one) => `${one.task} after ${one.waitsFor}`)])
  expect(chain({ exit: 1 })).toEqual(
    expect.arrayContaining([
      ['failed: exit code 1', 'extract 0', '<', 'load after transform', 'transform after extract'],
      ['failed: waited for extract, which is done', 'transform 70', '<'],
      ['failed: waited for circle', 'circle 0', '<'],
    ]),
  )
  expect(chain('done')).toContainEqual([
    'failed: waited for extract, which is done',
    'transform 70',
    'transform 10',
    '<',
  ])
  expect(chain('running')).toContainEqual(['failed: waited for extract', 'transform 10', '<'])
})

test('each finding of a random ledger is in exactly one problem, and each of its slots is still there once', () => {
  const what = (tasks: readonly string[]): fc.Arbitrary<What> =>
    fc.oneof(
      fc.constantFrom<What>('done', 'done', 'skipped', 'missed', 'running', 'stale', 'unusual'),
      fc.record({ exit: fc.integer({ min: 1, max: 2 }) }),
      fc.record({ says: fc.constantFrom('disk full', 'row 1', 'row 2', '') }),
      fc.record({
        waits: fc.record({
          task: fc.constantFrom(...tasks),
          slot: fc.integer({ min: 0, max: 9 }).map((at) => SLOT + at * 20 * MINUTE_MS),
        }),
      }),
    )
  const names = ['a', 'b', 'c', 'd']
  const ledger = fc.dictionary(fc.constantFrom(...names), fc.array(what(names), { maxLength: 10 }))
  fc.assert(
    fc.property(ledger, fc.boolean(), (tasks, isMixed) => {
      const slots = Object.entries(tasks).flatMap(([task, all]) =>
        all.map((one, index) => slotOf(task, index * 20, one)),
      )
      const { add, problems } = collectProblems()
      const newestFirst = slots.toReversed()
      for (const one of isMixed ? newestFirst.toSorted((a, b) => b.slot - a.slot) : newestFirst) add(one)
      const found = slots.filter(isFinding).map(({ task, slot }) => `${task} ${slot}`)
      const told = problems().flatMap(({ tasks: own, waiting }) =>
        [...own, ...waiting].flatMap(({ task, slots: all }) => all.map((slot) => `${task} ${slot}`)),
      )
      expect(told.sort()).toEqual(found.sort())
      for (const { slots: count, tasks: own, from, to, still } of problems()) {
        expect(count).toBe(own.flatMap((one) => one.slots).length)
        expect([from, to]).toEqual([Math.min(...own.map((one) => one.from)), Math.max(...own.map((one) => one.to))])
        expect(still).toBeGreaterThanOrEqual(own.filter(({ isStill }) => isStill).length > 0 ? 1 : 0)
      }
    }),
    { numRuns: 100 },
  )
})

test('on a screen, a night with many flaky tasks is short, and counts the problems that it has no room for', () => {
  const flaky = Object.fromEntries(
    Array.from({ length: 30 }, (_, task) => [
      `flaky/${task}`,
      { [task * 61]: { exit: 3 }, [task * 61 + 60]: 'done' as const },
    ]),
  )
  const down = Object.fromEntries(
    Array.from({ length: 40 }, (_, row) => [`etl/${row}`, { 2000: { says: `cannot insert row ${row}` } }]),
  )
  const problems = problemsOf({ ...flaky, ...down })
  const lines = problemLines(problems, { columns: 80, color: false }, CHECKED)
  expect(lines.length).toBeLessThan(30)
  expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(80)
  expect(lines[0]).toMatch(/^failed: cannot insert row \d+ \(and 39 like it\) · 40 tasks/)
  expect(lines.at(-1)).toMatch(/^ {2}and 20 more problems: flaky\/\d+, .*…$/)
  const all = problemLines(problems, { columns: null, color: false }, CHECKED).join('\n')
  for (const task of Object.keys({ ...flaky, ...down })) expect(all).toContain(task)
})
