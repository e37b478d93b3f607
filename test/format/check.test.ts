import { describe, expect, test } from 'vitest'
import type { TaskFinding } from '../../src/core/row/expected-slots.ts'
import type { Row } from '../../src/core/types.ts'
import { findingDetail } from '../../src/format/check.ts'
import { closed, FAILED, lastWaiting, NOT_STARTED, NOW, rowWith } from '../support/rows.ts'

const detail = (kind: 'late' | 'stale' | 'failed', row: Row) => {
  const status = kind === 'late' ? 'completed' : kind
  const found: TaskFinding = { kind, status, task: row.task, slot: row.slot, schedule: row.schedule, row }
  return findingDetail(found, NOW + 3_600_000)
}

describe('what is known about a finding', () => {
  test('a late slot: the first attempt that started', () => {
    const row = closed(rowWith({ ending: NOT_STARTED }, { ending: FAILED }))
    const attempts = row.attempts.map((one) => ({ ...one, startedAt: row.slot + one.number * 60_000 }))
    expect(detail('late', { ...row, attempts })).toBe('started 2m 0s after the scheduled time')
  })

  test('a stale slot: whether its last attempt started', () => {
    const row = rowWith({ ending: FAILED }, {})
    expect(detail('stale', row)).toBe('attempt 2 on host stopped reporting')
    expect(detail('stale', lastWaiting(row))).toBe('attempt 2 on host claimed the slot and never started')
  })
})
