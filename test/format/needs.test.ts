import { describe, expect, test } from 'vitest'
import type { TaskFinding } from '../../src/core/task/findings.ts'
import { collectNeeds, needsLines } from '../../src/format/check/needs.ts'
import {
  closed,
  FAILED,
  FORCED,
  NOT_STARTED,
  NOW,
  ON_ECS,
  pending,
  rowWith,
  SUCCEEDED,
  timesAt,
} from '../support/rows.ts'

const times = timesAt(NOW + 3_600_000, { lateAfterMs: 1 })
describe('the next steps for several slots of a task', () => {
  const DAY_MS = 86_400_000
  const row = rowWith({ ending: FAILED })
  const common = { task: row.task, schedule: row.schedule, times }
  const missed = (slot: number): TaskFinding => ({ ...common, kind: 'missed', status: 'missed', slot })
  const failed = (slot: number): TaskFinding => ({ ...common, kind: 'failed', status: 'failed', slot, row })
  const steps = (...found: readonly TaskFinding[]) => {
    const { needs, add } = collectNeeds()
    for (const one of found) add(one)
    return needsLines(needs, 'dynamodb:ledger').map((line) => line.replace(/:.*/, ''))
  }

  test('missed slots can be run at once', () => {
    expect(steps(missed(row.slot), missed(row.slot - DAY_MS))).toEqual([
      '',
      row.task,
      '  list these slots',
      '  run them, the oldest first',
    ])
  })

  test('if the runs go on from the last success, several slots have the caution once', () => {
    const inRange = (slot: number) => ({ ...missed(slot), times: { ...times, sinceLastSuccess: true as const } })
    const lines = steps(inRange(row.slot), inRange(row.slot - DAY_MS))
    expect(lines.filter((line) => line.includes('later run may have done the work'))).toHaveLength(1)
  })

  test('if an attempt failed, the operator looks at its slot before anything runs again', () => {
    const { needs, add } = collectNeeds()
    for (const one of [missed(row.slot), failed(row.slot - DAY_MS), failed(row.slot - 2 * DAY_MS)]) add(one)
    const [, , first = ''] = needsLines(needs, 'dynamodb:ledger')
    expect(first).toContain('cronledger show --store dynamodb:ledger --task nightly --slot 2026-11-23T03:00:00Z')
  })

  test('the commands for several slots have the caution of a failed one whose work may be done', () => {
    const lost = rowWith({ ending: { outcome: 'abandoned' } }, { ending: FAILED })
    const { needs, add } = collectNeeds()
    for (const one of [missed(row.slot), { ...failed(row.slot - DAY_MS), row: lost } as TaskFinding]) add(one)
    expect(needsLines(needs, 'dynamodb:ledger')[2]).toMatch(
      /^ {2}2026-11-23 03:00 UTC: Attempt 1 on host never reported its end\. It may still be running/,
    )
  })

  const stale = (slot: number): TaskFinding => ({
    ...common,
    kind: 'stale',
    status: 'stale',
    slot,
    row: pending(rowWith({})),
  })

  test('the commands for several slots leave out the stale ones, whose work may be done', () => {
    const { needs, add } = collectNeeds()
    for (const one of [missed(row.slot), failed(row.slot - DAY_MS), stale(row.slot - 2 * DAY_MS)]) add(one)
    const lines = needsLines(needs, 'dynamodb:ledger')
    const [note, log, show, list, run] = lines.slice(2)
    expect(log).toContain('see what happened')
    expect(show).toContain('show --store dynamodb:ledger --task nightly --slot 2026-11-22T03:00:00Z')
    for (const line of [list, run])
      expect(line).toContain('--from 2026-11-23T03:00:00Z --to 2026-11-24T03:00:01Z --only missed,failed')
    expect(note).toBe(
      '  The batch of a stale slot may still be running, or its work may be done. Look at each of them before you run it again.',
    )
  })

  test('on ECS, a stale slot is not the oldest one to run', () => {
    const { needs, add } = collectNeeds()
    for (const one of [missed(row.slot), stale(row.slot - DAY_MS)]) add({ ...one, ecs: ON_ECS })
    const lines = needsLines(needs, 'dynamodb:ledger')
    expect(lines.at(-1)).toMatch(/cronledger rerun .* --from 2026-11-24T03:00:00Z .* --only missed,failed .* --ecs$/)
  })

  test('if all of them are stale, none is run', () => {
    expect(steps(stale(row.slot), stale(row.slot - DAY_MS))).toEqual([
      '',
      row.task,
      '  The batch of a stale slot may still be running, or its work may be done. Look at each of them before you run it again.',
      '  see the latest stale slot',
    ])
  })

  test('a slot that completed before a force failed is never one of several to run', () => {
    const done = rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED })
    const once = (slot: number): TaskFinding => ({ ...failed(slot), row: done, ecs: ON_ECS }) as TaskFinding
    const { needs, add } = collectNeeds()
    for (const one of [missed(row.slot), missed(row.slot - DAY_MS), once(row.slot - 2 * DAY_MS)])
      add({ ...one, ecs: ON_ECS })
    const lines = needsLines(needs, 'dynamodb:ledger').join('\n')
    expect(lines).not.toContain('FORCE_ONLY')
    expect(lines).toMatch(/see the slot that needs its own decision: +cronledger show .* --slot 2026-11-22T03:00:00Z/)
    expect(steps(once(row.slot))).toEqual([
      '',
      row.task,
      '  The slot completed once. To run it again does its work a second time.',
      '  see what happened',
      '  mark it as completed',
      '  or run it again although it has completed',
    ])
  })

  test('a slot whose run was refused because of its schedule is never one of several to run', () => {
    const otherSchedule = { expression: '0 3 * * 1-5', zone: 'UTC' }
    const found = { ...failed(row.slot), row: closed(rowWith({ ending: NOT_STARTED })), otherSchedule } as TaskFinding
    expect(steps(found)).toContain('  run it now')
    const several = steps(found, missed(row.slot - DAY_MS), missed(row.slot - 2 * DAY_MS))
    expect(several.at(-1)).toBe('  see the slot that needs its own decision')
  })
})
