import { expect, test } from 'vitest'
import { SERVED } from '../../../../src/web/views/frame/links.ts'
import { countInTitle, type Needs, NeedsLine } from '../../../../src/web/views/overview/needs.tsx'
import { NeedsList } from '../../../../src/web/views/overview/needs-list.tsx'
import { FINDINGS, ILL, LATER, WELL } from '../../../support/pages/needs.ts'

const textOf = (html: unknown) =>
  String(html)
    .replace(/<[^>]*>/g, '')
    .replaceAll('&#39;', "'")
const line = (needs: Needs) =>
  textOf(NeedsLine({ needs, links: SERVED, level: 1, now: LATER, store: 'file:/a b.db', live: true }))

test.each<[Needs, string]>([
  [WELL, 'No problems foundIn the last 7 days.'],
  [
    { ...WELL, problems: ['task x: no'] },
    '1 task could not be checkedNo problems found in the other tasks in the last 7 days.task x: no',
  ],
  [{ ...WELL, tasks: 1, problems: ['task x: no'] }, '1 task could not be checkedtask x: no'],
  [
    { ...WELL, isWhole: false, tasks: 1 },
    'No problems found so farIn the last 7 days.1 task was checked so far. The others are still being checked.',
  ],
  [{ ...WELL, now: LATER - 59_999 }, 'No problems foundIn the last 7 days.'],
  [
    { ...WELL, now: Date.parse('2026-11-24T01:02:03.456Z') },
    'No problems foundIn the last 7 days.Checked at 2026-11-24 01:02:03 UTC.',
  ],
])('in one line', (needs, text) => {
  expect(line(needs)).toBe(text)
})

test('an incomplete answer says "at least", and names the first task that cannot be checked', () => {
  const problems = ['task x: no', 'task y: no', 'task z: no']
  expect(line({ ...ILL, problems })).toMatch(/^At least 6 slots need attention.*task x: no and 2 more tasks/)
  expect(line({ ...ILL, isWhole: false })).toMatch(/^At least 6 slots need attention.*3 tasks were checked so far\./)
})

test('the findings of a task stand together, with their age and the owner', () => {
  expect(line(ILL)).toMatch(
    /nightlyMmissed 2026-11-24 12:00 \+09:00 .* \(1 h ago\) and 1 earlierFfailed .*weekly!overdue .*owner: the data team/,
  )
})

test('at most eight tasks are named', () => {
  const byTask = Array.from(
    { length: 12 },
    (_, index) => ({ ...ILL.byTask[0], task: `task-${index}` }) as Needs['byTask'][number],
  )
  const kinds = new Map(byTask.map(({ task }) => [task, new Set(['failed'] as const)]))
  const text = line({ ...ILL, byTask, kinds })
  expect(text.match(/task-\d+/g)).toHaveLength(8)
  expect(text).toMatch(/All 6 slots of 12 tasks$/)
})

test('an empty ledger shows a first command, and no success', () => {
  const html = String(
    NeedsLine({ needs: { ...WELL, tasks: 0 }, links: SERVED, level: 1, now: LATER, store: 'file:/a b.db', live: true }),
  )
  expect(html).not.toContain('well')
  expect(textOf(html)).toContain(
    "cronledger run --store 'file:/a b.db' --task nightly --schedule '0 3 * * *' -- YOUR_COMMAND",
  )
})

test('while tasks are still checked, nothing looks like a success or like a problem', () => {
  const classOf = (needs: Needs) => {
    const html = NeedsLine({ needs, links: SERVED, level: 1, now: LATER, store: 'file:x.db', live: true })
    return /<section id="needs-line" class="([^"]*)"/.exec(String(html))?.[1]
  }
  expect(classOf(WELL)).toBe('needs well')
  expect(classOf({ ...WELL, isWhole: false })).toBe('needs open')
  expect([classOf(ILL), classOf({ ...ILL, isWhole: false })]).toEqual(['needs ', 'needs '])
  expect(classOf({ ...WELL, isWhole: false, problems: ['task x: no'] })).toBe('needs ')
})

test('the title has the number of slots', () => {
  expect(countInTitle(WELL)).toBe('')
  expect(countInTitle(ILL)).toBe('(6) ')
  expect(countInTitle({ ...ILL, isWhole: false })).toBe('(6+) ')
})

test('the list begins with the task that has the newest finding', () => {
  const found = FINDINGS.map((finding) =>
    finding.task === 'weekly' ? { ...finding, slot: finding.slot + 1_000 } : finding,
  )
  const html = String(NeedsList({ needs: { ...ILL, found }, links: SERVED, level: 1, now: LATER }))
  expect([...html.matchAll(/<strong><a [^>]*>(\w+)</g)].map(([, task]) => task)).toEqual(['weekly', 'nightly'])
})

test('as a list', () => {
  const list = (needs: Needs) => textOf(NeedsList({ needs, links: SERVED, level: 1, now: LATER }))
  expect(list({ ...ILL, problems: ['task x: no'] })).toMatch(
    /^Needs attentionAt least 2 missed, 1 failed, .* in the last 7 days\. Only \d+ of them are listed here\.task x: no/,
  )
  expect(list({ ...ILL, isWhole: false })).toMatch(/3 tasks were checked so far\. The others are still being checked\./)
  expect(list({ ...WELL, problems: ['task x: no'] })).toBe(
    'Needs attention1 task could not be checked. No problems found in the other tasks in the last 7 days.task x: no',
  )
  expect(list({ ...WELL, tasks: 0 })).toBe('Needs attentionNo tasks yet.')
})
