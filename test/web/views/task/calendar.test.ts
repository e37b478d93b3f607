import { expect, test } from 'vitest'
import { SERVED } from '../../../../src/web/views/frame/links.ts'
import { Calendar, type CalendarModel } from '../../../../src/web/views/task/calendar.tsx'

const year: CalendarModel = { from: '2026-01', to: '2026-12', days: new Map(), readSince: null }
const show = (model: CalendarModel) =>
  String(Calendar({ model, task: 'nightly', links: SERVED, query: { status: 'failed', year: '2026' }, live: true }))
const monthsOf = (html: string) => [...html.matchAll(/<caption>([^<]*)/g)].map(([, month]) => month)

test('only the months that have slots are shown, the newest first', () => {
  const days = new Map([
    ['2026-11-02', { completed: 24 }],
    ['2026-11-01', { completed: 23, failed: 1 }],
    ['2026-03-31', { missed: 1 }],
  ])
  const html = show({ ...year, days })
  expect(monthsOf(html)).toEqual(['November 2026', 'March 2026'])
  expect(html).toContain('aria-label="nightly, 1 November 2026, 1 failed, 23 completed"')
  // The Tab key stops at the newest day.
  expect(html.match(/<a class="c day[^>]*>/g)?.filter((link) => !link.includes('tabindex="-1"'))).toEqual([
    expect.stringContaining('since=2026-11-02'),
  ])
})

test('months that were not counted are links to their slots', () => {
  const html = show({ ...year, days: new Map([['2026-11-24', { completed: 1 }]]), readSince: '2026-11-20' })
  expect(monthsOf(html)).toEqual(['November 2026'])
  const links = [...html.matchAll(/href="([^"]*)">(\w+ 2026)</g)].map(([, href, month]) => [href, month])
  expect(links[0]).toEqual([
    '/task?task=nightly&amp;status=failed&amp;year=2026&amp;since=2026-11-01&amp;until=2026-11-30',
    'November 2026',
  ])
  expect(links.at(-1)?.[1]).toBe('January 2026')
  expect(links).toHaveLength(11)
})

test('a year without a slot says so', () => {
  expect(show(year)).toContain('No slots in this time.')
})
