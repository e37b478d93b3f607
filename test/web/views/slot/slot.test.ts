import { expect, test } from 'vitest'
import { SlotDetail } from '../../../../src/web/views/slot/slot.tsx'
import { modelOf, records, slot } from '../../../support/pages/slots.ts'
import { rowWith, SUCCEEDED } from '../../../support/rows.ts'

const plain = { slot, row: rowWith({ ending: SUCCEEDED }), status: 'completed', mark: 'completed' } as const

const htmlOf = (record: (typeof records)[number], live: boolean) =>
  String(SlotDetail({ model: modelOf(record), level: 3, live }))

test('a report leaves out the commands and the details of a slot that completed as usual', () => {
  expect(htmlOf(plain, false)).not.toMatch(/class="commands"|<dl>/)
  expect(htmlOf(plain, true)).toMatch(/class="commands".*<dl>/)
  const rejections = { ...plain.row.rejections, count: 1 }
  expect(htmlOf({ ...plain, row: { ...plain.row, rejections } }, false)).toMatch(/class="commands".*<dl>/)
  // This one completed with its second attempt.
  const completed = records.find(({ status }) => status === 'completed')
  expect(completed && htmlOf(completed, false)).toMatch(/class="commands".*<dl>/)
})
