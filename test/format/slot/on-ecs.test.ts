import { expect, test } from 'vitest'
import type { Row } from '../../../src/core/types.ts'
import { commandText } from '../../../src/format/command-line.ts'
import { shownSlot } from '../../../src/format/slot/show.ts'
import { FAILED, judgedAt, NOW, ON_ECS, recordWith, rowOn, rowWith } from '../../support/rows.ts'

const row = rowWith({ ending: FAILED })
const { slot, schedule } = row

test('a slot on ECS is run where the latest scheduled run ran, and its log is that of its own attempt', () => {
  const latest = { ...ON_ECS, taskDefinition: 'nightly:8' }
  const record = recordWith([{ since: slot, spec: schedule }], { place: latest, placeSince: slot })
  const commands = (own: Row | null) =>
    shownSlot(judgedAt(NOW + 3_600_000, own, { record }), 'dynamodb:ledger')
      .verdict.steps.map(({ command }) => commandText(command))
      .join('\n')
  expect(commands(null)).toContain('--task-definition nightly:8')
  const failed = commands(rowOn(ON_ECS, row))
  expect(failed).toContain('--task-definition nightly:8')
  expect(failed).toContain(`--log-stream-names ${ON_ECS.logStream}`)
})
