import { expect, test } from 'vitest'
import { createLedger } from '../../../src/ledger.ts'
import { slotModelOf } from '../../../src/web/server/read-task.ts'
import { readKnown } from '../../../src/web/server/reading.ts'
import { FAILED, NOW, recordWith, rowWith } from '../../support/rows.ts'

const reading = {
  ledger: createLedger({ store: 'file:none.db' }),
  ledgerTimeoutMs: 1_000,
  signal: new AbortController().signal,
  now: NOW,
  skewMs: 30_000,
  graceMs: 900_000,
}
const row = rowWith({ ending: FAILED })
const { slot, schedule } = row

test.each([
  ['the schedule of the task record has the slot', ['0 3 * * *'], null],
  ['an earlier one of the task record has it', ['0 3 * * *', '30 * * * *'], null],
  ['none of the task record has it', ['30 * * * *'], schedule],
  ['the task has no record', [], schedule],
])('commands bring the row’s schedule along only where they need it: %s', (_, expressions, brought) => {
  const schedules = expressions.map((expression, index) => ({
    since: slot - 86_400_000 + index,
    spec: { expression, zone: 'UTC' },
  }))
  const read = readKnown({ task: 'nightly', ...recordWith(schedules) }, NOW)
  const { target } = slotModelOf(read, { slot, row, status: 'failed' }, 'dynamodb:ledger', reading)
  expect(target.schedule).toEqual(brought)
})
