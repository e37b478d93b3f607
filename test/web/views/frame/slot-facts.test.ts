import { expect, test } from 'vitest'
import { slotFactsOf, slotFactTexts } from '../../../../src/web/views/frame/slot-facts.ts'
import { UTC } from '../../../../src/web/views/frame/wall-clock.ts'
import { clock, now, records } from '../../../support/pages/slots.ts'

test('the facts of a slot are one a line, in the order of the popover', () => {
  const facts = new Map(records.map((record) => [record.status, slotFactsOf(record, now)]))
  const texts = (status: (typeof records)[number]['status'], zone = clock) => {
    const own = facts.get(status)
    return own && slotFactTexts('nightly', own, zone)
  }
  const time = '2026-11-24 12:00 +09:00 Asia/Tokyo'
  expect(texts('completed')).toEqual(['nightly', time, 'completed after a failed attempt', 'took 1s', '2 attempts'])
  expect(texts('running')).toEqual(['nightly', time, 'running', 'running for 1h 0m', '1 attempt'])
  expect(texts('missed')).toEqual(['nightly', time, 'missed'])
  expect(texts('missed', UTC)).toEqual(['nightly', '2026-11-24 03:00 UTC', 'missed'])
  expect(texts('unknown')).toEqual(['nightly', time, 'unknown (newer version)'])
})
