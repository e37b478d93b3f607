import { describe, expect, test } from 'vitest'
import type { Status } from '../../../../src/core/types.ts'
import { SERVED } from '../../../../src/web/views/frame/links.ts'
import type { SlotWithStatus } from '../../../../src/web/views/frame/slot-facts.ts'
import { addressOf, durationText } from '../../../../src/web/views/task/head.tsx'
import { RECENT, Recent, stripLabels } from '../../../../src/web/views/task/recent.tsx'
import { clock, live, now, records, slot } from '../../../support/pages/slots.ts'
import { FAILED, rowWith, SUCCEEDED } from '../../../support/rows.ts'

const HOUR_MS = 3_600_000
const props = { task: 'nightly', clock, links: SERVED, now, level: 2, live: true } as const

/** Slots an hour apart, newest first. Each attempt takes a second. */
function slotsOf(...statuses: readonly Status[]): readonly SlotWithStatus[] {
  return statuses.map((status, index) => ({
    slot: slot - index * HOUR_MS,
    status,
    mark: status,
    row: status === 'missed' ? null : rowWith({ ending: status === 'failed' ? FAILED : SUCCEEDED }),
  }))
}

const many = (count: number) => slotsOf(...Array.from({ length: count }, () => 'completed' as const))

describe('the strip', () => {
  test('has the oldest slot at the left, and the Tab key stops at the newest one', () => {
    const html = String(
      Recent({ ...props, recent: { slots: slotsOf('failed', 'completed', 'missed'), problem: null } }),
    )
    const cells = [...html.matchAll(/<a class="c (\w+)"([^>]*)/g)]
    expect(cells.map(([, status]) => status)).toEqual(['missed', 'completed', 'failed'])
    expect(cells.map(([, , rest]) => rest?.includes('tabindex="-1"'))).toEqual([true, true, false])
  })

  test('says how many slots have each status, the most urgent first', () => {
    const html = String(
      Recent({ ...props, recent: { slots: slotsOf('completed', 'missed', 'failed', 'missed'), problem: null } }),
    )
    const counts = [...html.matchAll(/<\/span>(\d+ \w+)<\/li>/g)].map(([, text]) => text)
    expect(counts).toEqual(['1 failed', '2 missed', '1 completed'])
  })

  test('without the script each cell is a stop', () => {
    const html = String(
      Recent({ ...props, live: false, recent: { slots: slotsOf('failed', 'missed'), problem: null } }),
    )
    expect(html).not.toContain('tabindex')
  })

  test.each([
    [RECENT, [5, 5, 5, 5]],
    [12, [5, 5, 2]],
    [13, [5, 5, 3]],
    [2, [2]],
    [1, [1]],
  ])('of %i slots has a label below each fifth column that has room for it', (count, columns) => {
    const labels = stripLabels(many(count))
    expect(labels.map((label) => label.columns)).toEqual(columns)
    expect(labels.map((label, index) => label.slot !== null || (index > 0 && label.columns < 3))).not.toContain(false)
  })

  test('that is empty or broken says so', () => {
    expect(String(Recent({ ...props, recent: { slots: [], problem: null } }))).toContain('No slot has been due yet.')
    const broken = String(Recent({ ...props, recent: { slots: [], problem: 'row <x> is bad' } }))
    expect(broken).toContain('<p class="problem">row &lt;x&gt; is bad</p>')
    expect(broken).not.toContain('No slot')
  })
})

test('a bar of the second plot also says how late its slot started', () => {
  const html = String(
    Recent({ ...props, recent: { slots: records.filter(({ status }) => status === 'failed'), problem: null } }),
  )
  const facts = [...html.matchAll(/data-facts="([^"]*)"/g)].map(([, text]) => text)
  const common = 'nightly; 2026-11-24 12:00 +09:00 Asia/Tokyo; failed; took 1s; 1 attempt'
  expect(facts).toEqual([common, `${common}; started 5s after the scheduled time`])
})

describe('how long the newest slot took', () => {
  const running: SlotWithStatus = { slot: slot + HOUR_MS, row: live, status: 'running', mark: 'running' }

  test.each([
    ['running, and nothing to compare', running, many(2), 'running for 1h 0m'],
    ['running, and three others', running, many(3), 'running for 1h 0m, usually 1s'],
    ['failed slots are not usual', running, slotsOf('failed', 'failed', 'failed', 'failed'), 'running for 1h 0m'],
    ['completed', { ...running, ...slotsOf('completed')[0], slot: slot + HOUR_MS }, many(5), 'took 1s, usually 1s'],
    ['failed', { ...running, ...slotsOf('failed')[0], slot: slot + HOUR_MS }, many(5), 'after 1s'],
    ['missed', { slot: slot + HOUR_MS, row: null, status: 'missed', mark: 'missed' }, many(5), ''],
    ['due', { slot: slot + HOUR_MS, row: null, status: 'due', mark: 'due' }, many(5), 'no run is recorded yet'],
  ] as const)('%s', (_, newest, others, text) => {
    expect(durationText(newest, [newest, ...others], now)).toBe(text)
  })
})

test.each([
  ['https://wiki.example.com/a?b=c', true],
  ['HTTP://wiki.example.com', true],
  ['the data team', false],
  ['javascript:alert(1)', false],
  ['https://', false],
  ['https://wiki.example.com see there', false],
  ['data-team@example.com', false],
])('the owner %s is a link: %s', (owner, isLink) => {
  expect(addressOf(owner)).toBe(isLink ? owner : null)
})
