import { describe, expect, test } from 'vitest'
import type { TaskFinding } from '../../src/core/task/findings.ts'
import type { Row } from '../../src/core/types.ts'
import { collectNeeds, findingDetail, needsLines } from '../../src/format/check.ts'
import { closed, FAILED, FORCED, lastWaiting, NOT_STARTED, NOW, rowWith, SUCCEEDED } from '../support/rows.ts'

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

describe('the next steps for several slots of a task', () => {
  const DAY_MS = 86_400_000
  const row = rowWith({ ending: FAILED })
  const common = { task: row.task, schedule: row.schedule }
  const missed = (slot: number): TaskFinding => ({ ...common, kind: 'missed', status: 'missed', slot })
  const failed = (slot: number): TaskFinding => ({ ...common, kind: 'failed', status: 'failed', slot, row })
  const steps = (...found: readonly TaskFinding[]) => {
    const { needs, add } = collectNeeds()
    for (const one of found) add(one)
    return needsLines(needs, { store: 'dynamodb:ledger', hasOwnSchedule: false }).map((line) => line.replace(/:.*/, ''))
  }

  test('missed slots can be run at once', () => {
    expect(steps(missed(row.slot), missed(row.slot - DAY_MS))).toEqual([
      '',
      row.task,
      '  list these slots',
      '  run them again, the oldest first',
    ])
  })

  test('if an attempt failed, the operator looks at its slot before anything runs again', () => {
    const { needs, add } = collectNeeds()
    for (const one of [missed(row.slot), failed(row.slot - DAY_MS), failed(row.slot - 2 * DAY_MS)]) add(one)
    const [, , first = ''] = needsLines(needs, { store: 'dynamodb:ledger', hasOwnSchedule: false })
    expect(first).toContain('cronledger show --store dynamodb:ledger --task nightly --slot 2026-11-23T03:00:00Z')
  })

  test.each([
    ['completed once', { row: rowWith({ ending: SUCCEEDED }, { ending: FAILED, trigger: FORCED }) }],
    [
      'had a run that was refused because of its schedule',
      { row: rowWith({ ending: NOT_STARTED }), otherSchedule: { expression: '0 3 * * 1-5', zone: 'UTC' } },
    ],
  ])('slots that %s have steps of their own, because a range leaves them out', (_, own) => {
    const found = (slot: number): TaskFinding => ({ ...common, kind: 'failed', status: 'failed', slot, ...own })
    const single = ['  see what happened', '  run it again', '  or mark it as done']
    const range = ['  list these slots', '  run them again, the oldest first']
    const missedOnes = [missed(row.slot - 2 * DAY_MS), missed(row.slot - 3 * DAY_MS)]
    expect(steps(found(row.slot), found(row.slot - DAY_MS))).toEqual(['', row.task, ...single])
    expect(steps(found(row.slot), ...missedOnes)).toEqual(['', row.task, ...single, ...range])
  })
})
