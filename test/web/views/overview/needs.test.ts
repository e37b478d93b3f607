import { expect, test } from 'vitest'
import { NO_FINDINGS } from '../../../../src/core/task/findings.ts'
import { SERVED } from '../../../../src/web/views/frame/links.ts'
import { type Needs, NeedsLine, NeedsList } from '../../../../src/web/views/overview/needs.tsx'
import { FAILED, NOW, rowWith } from '../../../support/rows.ts'

const row = rowWith({ ending: FAILED })
const found = {
  kind: 'failed',
  status: 'failed',
  task: 'nightly',
  slot: row.slot,
  row,
  schedule: { expression: '0 12 * * *', zone: 'Asia/Tokyo' },
} as const
const well: Needs = {
  tasks: 3,
  isWhole: true,
  count: NO_FINDINGS,
  groups: [],
  found: [],
  when: 'in the last 7d',
  now: NOW,
  problems: [],
}
const ill: Needs = {
  ...well,
  count: { ...well.count, failed: 1 },
  groups: [{ newest: found, count: 1 }],
  found: [found],
}

const textOf = (html: unknown) => String(html).replace(/<[^>]*>/g, '')

test.each<[Needs, string]>([
  [well, 'No problems found in the last 7d.'],
  [{ ...well, tasks: 0 }, 'No tasks yet. Run your first one with cronledger run.'],
  [{ ...well, problems: ['task x: no'] }, 'It is unknown whether there were problems in the last 7d.task x: no'],
  [ill, '1 slot needs attention: 1 failed in the last 7d✗'],
  [
    { ...ill, problems: ['task x: no', 'task y: no', 'task z: no'] },
    'At least 1 slot needs attention: 1 failed in the last 7dtask x: no and 2 more tasks✗',
  ],
  [
    { ...well, isWhole: false, tasks: 1 },
    'No problems found so far in the last 7d.1 task was checked so far. The others are still being checked.',
  ],
  [
    { ...ill, isWhole: false },
    'At least 1 slot needs attention: 1 failed in the last 7d3 tasks were checked so far. The others are still being checked.✗',
  ],
  [{ ...well, now: NOW - 59_999 }, 'No problems found in the last 7d.'],
  [
    { ...well, now: Date.parse('2026-11-24T01:02:03.456Z') },
    'No problems found in the last 7d.Checked at 2026-11-24T01:02:03Z.',
  ],
])('in one line', (needs, text) => {
  const slot = 'Fnightly 2026-11-24 12:00 +09:00 2026-11-24 03:00 UTC failed'
  expect(textOf(NeedsLine({ needs, links: SERVED, now: NOW }))).toBe(text.replace('✗', slot))
})

test('as a list', () => {
  const list = (needs: Needs) => textOf(NeedsList({ needs, links: SERVED, level: 1, now: NOW }))
  expect(list({ ...ill, problems: ['task x: no'] })).toMatch(
    /^Needs attentionAt least 1 failed in the last 7d\.task x: no/,
  )
  expect(list({ ...ill, isWhole: false })).toMatch(
    /^Needs attentionAt least 1 failed in the last 7d\.3 tasks were checked so far\. The others are still being checked\./,
  )
  expect(list({ ...well, problems: ['task x: no'] })).toBe(
    'Needs attentionIt is unknown whether there were problems in the last 7d.task x: no',
  )
  expect(list({ ...well, tasks: 0 })).toBe('Needs attentionNo tasks yet.')
})
