import { expect, test } from 'vitest'
import { changesOf } from '../../../../src/web/views/task/changes.ts'
import { Changes } from '../../../../src/web/views/task/changes-list.tsx'
import type { TaskHead } from '../../../../src/web/views/task/head.tsx'
import { clock, schedule, slot } from '../../../support/pages/slots.ts'
import { textOf } from '../../../support/pages/text.ts'
import { PAUSE } from '../../../support/rows.ts'

const DAY_MS = 86_400_000
const dayText = (days: number) => clock.time(slot + days * DAY_MS)
const head: TaskHead = {
  ...{ task: 'nightly', clock, next: null, current: null, suspended: null, schedules: [], expectations: null },
  suspensions: { pauses: [], retirements: [] },
}
const change = (days: number) => ({ since: slot + days * DAY_MS, spec: schedule, words: 'At 12:00' })
const suspension = (days: number, more = {}) => ({
  ...{ at: slot + days * DAY_MS, from: slot + days * DAY_MS, until: null, by: 'ada', reason: 'upgrade' },
  ...more,
})
const ended = (days: number) => ({ at: slot + days * DAY_MS, by: 'bob', reason: 'resumed' })

test('schedules, pauses, retirements and expectations are one timeline, newest first', () => {
  const changes = changesOf({
    ...head,
    schedules: [change(0), change(5)],
    expectations: { since: slot + 3 * DAY_MS, doneByMs: 3_600_000 },
    suspensions: {
      pauses: [suspension(1, { until: slot + 2 * DAY_MS, ended: ended(2) })],
      retirements: [suspension(4)],
    },
  })
  const names = changes.map((one) => ('name' in one ? `${one.kind} of ${one.name}` : one.kind))
  expect(names).toEqual([
    'schedule',
    'begin of retirement',
    'expectations',
    'end of pause',
    'begin of pause',
    'schedule',
  ])
})

test.each([
  ['from now on', suspension(1), [`${dayText(1)} Paused by ada: upgrade`]],
  [
    'with an end',
    suspension(1, { until: slot + 2 * DAY_MS }),
    [`${dayText(1)} Paused until ${dayText(2)} by ada: upgrade`],
  ],
  [
    'that was ended early',
    suspension(1, { until: slot + 2 * DAY_MS, ended: ended(2) }),
    [`${dayText(2)} Resumed by bob: resumed`, `${dayText(1)} Paused by ada: upgrade`],
  ],
  [
    'that was planned',
    suspension(1, { from: slot + 3 * DAY_MS, until: slot + 4 * DAY_MS }),
    [`${dayText(1)} Paused (planned) from ${dayText(3)} until ${dayText(4)} by ada: upgrade`],
  ],
  [
    'that was cancelled before it began',
    suspension(1, { from: slot + 3 * DAY_MS, until: slot + 3 * DAY_MS, ended: ended(2) }),
    [
      `${dayText(2)} Planned pause cancelled by bob: resumed`,
      `${dayText(1)} Paused (planned) from ${dayText(3)} by ada: upgrade`,
    ],
  ],
  [
    'from a time in the past',
    suspension(2, { from: slot + DAY_MS }),
    [`${dayText(2)} Paused from ${dayText(1)} by ada: upgrade`],
  ],
])('a pause %s', (_, pause, lines) => {
  const html = String(Changes({ head: { ...head, suspensions: { pauses: [pause], retirements: [] } } }))
  const text = textOf(html).replaceAll(/ \+09:00 \S+ \S+ UTC/g, '')
  expect(text.split('\n')).toEqual(lines)
})

test('a text of the ledger is text', () => {
  const pause = { ...PAUSE, by: '<b>', reason: '</li><script>' }
  const html = String(Changes({ head: { ...head, suspensions: { pauses: [pause], retirements: [] } } }))
  expect(html).toContain('&lt;b&gt;: &lt;/li&gt;&lt;script&gt;')
})

test('only the newest changes are unfolded', () => {
  const schedules = Array.from({ length: 20 }, (_, index) => change(index))
  const [shown = '', folded = ''] = String(Changes({ head: { ...head, schedules } })).split('<details>')
  expect(shown.match(/<li>/g)).toHaveLength(8)
  expect(folded).toContain('<summary>12 earlier changes</summary>')
  expect(folded.match(/<li>/g)).toHaveLength(12)
  expect(String(Changes({ head }))).toContain('No schedule, pause or expectation is recorded.')
})
