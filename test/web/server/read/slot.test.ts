import { expect, test } from 'vitest'
import type { Row, Status } from '../../../../src/core/types.ts'
import { createLedger } from '../../../../src/ledger.ts'
import { readKnown } from '../../../../src/web/server/read/reading.ts'
import { slotModelOf } from '../../../../src/web/server/read/slot.ts'
import { FAILED, NOW, ON_ECS, recordWith, rowOn, rowWith } from '../../../support/rows.ts'

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

test('a slot on ECS is run where the latest scheduled run ran, and its log is that of its own attempt', () => {
  const latest = { ...ON_ECS, taskDefinition: 'nightly:8' }
  const record = recordWith([{ since: slot, spec: schedule }], { ecs: latest, ecsSince: slot })
  const read = readKnown({ task: 'nightly', ...record }, NOW)
  const target = (own: Row | null, status: Status) =>
    slotModelOf(read, { slot, row: own, status }, 'dynamodb:ledger', reading).target
  expect(target(null, 'missed')).toMatchObject({ ecs: latest })
  const failed = rowOn(ON_ECS, row)
  expect(target(failed, 'failed')).toMatchObject({ ecs: latest, attempt: failed.attempts[0] })
})
