import { expect, test } from 'vitest'
import type { Row, Status } from '../../../../src/core/types.ts'
import { commandText } from '../../../../src/format/command-line.ts'
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
  const read = readKnown({ task: 'nightly', ...record }, { now: NOW })
  const commands = (own: Row | null, status: Status) =>
    slotModelOf(read, { slot, row: own, status, mark: status }, 'dynamodb:ledger', reading)
      .verdict.steps.map(({ command }) => commandText(command))
      .join('\n')
  expect(commands(null, 'missed')).toContain('--task-definition nightly:8')
  const failed = commands(rowOn(ON_ECS, row), 'failed')
  expect(failed).toContain('--task-definition nightly:8')
  expect(failed).toContain(`--log-stream-names ${ON_ECS.logStream}`)
})
