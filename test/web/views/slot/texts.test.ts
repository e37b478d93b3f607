import { expect, test } from 'vitest'
import { addRejection, NO_NOTES } from '../../../../src/core/row/rejections.ts'
import { readableRow } from '../../../../src/core/row/status.ts'
import { type EcsFacts, STATUSES } from '../../../../src/core/types.ts'
import { SERVED } from '../../../../src/web/views/frame/links.ts'
import type { SlotWithStatus } from '../../../../src/web/views/frame/slot-facts.ts'
import { SlotDetail, type SlotModel, SlotView } from '../../../../src/web/views/slot/slot.tsx'
import { modelOf, records } from '../../../support/pages/slots.ts'
import { textOf } from '../../../support/pages/text.ts'
import { ON_ECS, PAUSE, rowOn, rowWith, SCHEDULED, SUCCEEDED } from '../../../support/rows.ts'

const { slot } = rowWith({})
const expectations = { since: slot, lateAfterMs: 1_000, owner: 'the data team' }

/** Returns the model of a page. With `ecs`, the task runs in this container. */
function pageOf(record: SlotWithStatus, ecs?: EcsFacts): SlotModel {
  const row = readableRow(record.row)
  const own = ecs === undefined || row === null ? record : { ...record, row: rowOn(ecs, row) }
  return modelOf(own, { expectations, ...(ecs !== undefined && { ecs, ecsSince: slot }) })
}

const slotPage = (record: SlotWithStatus, ecs?: EcsFacts) => SlotView({ model: pageOf(record, ecs), links: SERVED })

/** A slot that completed, and that 45 triggers from the same host wanted to run once more. */
function repeated(): SlotWithStatus {
  const notes = Array.from({ length: 45 }, (_, index) => index).reduce(
    (notes, index) =>
      addRejection(notes, {
        ...{ runId: `dup-${index}`, kind: 'duplicate', cause: 'completed', trigger: SCHEDULED, host: 'other' },
        at: slot + 2_922_000 + index * 137,
      }),
    NO_NOTES,
  )
  return { slot, status: 'completed', mark: 'late', row: { ...rowWith({ ending: SUCCEEDED }), rejections: notes } }
}

const PAGES: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(records.map((record) => [`Slot, ${record.status}`, slotPage(record)])),
  ...Object.fromEntries(
    records
      .filter(({ status }) => ['missed', 'failed', 'overdue', 'completed'].includes(status))
      .map((record) => [`Slot on ECS, ${record.status}`, slotPage(record, ON_ECS)]),
  ),
  'Slot with 45 duplicates': slotPage(repeated()),
  'Slot in a pause, in a report': records
    .filter(({ status }) => status === 'skipped')
    .map((record) =>
      SlotDetail({
        model: modelOf(record, { expectations, pauses: [{ ...PAUSE, from: slot }] }),
        level: 3,
        live: false,
      }),
    ),
}

test('the texts of the pages of slots are these', async () => {
  const texts = Object.entries(PAGES).map(([name, html]) => {
    // A placeholder that is marked is a part of a word. A line that opens is a line of its own.
    const page = String(html)
      .replace(/<\/?mark[^>]*>/g, '')
      .replaceAll('</summary>', '</summary>\n')
    return `== ${name}\n\n${textOf(page)}\n`
  })
  await expect(texts.join('\n')).toMatchFileSnapshot('texts.txt')
})

test('there is a page for each status', () => {
  expect(records.map(({ status }) => status)).toEqual(STATUSES)
})
