import { describe, expect, test } from 'vitest'
import type { Row } from '../../src/core/types.ts'
import { collectNeeds, needsLines, needsOf, repairLines } from '../../src/format/check/needs.ts'
import { commandText } from '../../src/format/command-line.ts'
import { isFinding, type TaskFinding } from '../../src/verdict/judge.ts'
import {
  FAILED,
  FORCED,
  judgedAt,
  NOT_STARTED,
  NOW,
  ON_ECS,
  pending,
  recordWith,
  rowWith,
  SUCCEEDED,
} from '../support/rows.ts'

const DAY_MS = 86_400_000

describe('the next steps for several slots of a task', () => {
  const row = rowWith({ ending: FAILED })
  const schedules = [{ since: row.slot - 9 * DAY_MS, spec: row.schedule }]
  const onEcs = { record: recordWith(schedules, { place: ON_ECS, placeSince: row.slot }) }
  const of = (own: Row | null, slot: number, more: Parameters<typeof judgedAt>[2] = {}): TaskFinding => {
    const record = more.record ?? recordWith(schedules)
    const found = judgedAt(NOW + 3_600_000, own && ({ ...own, slot } as Row), {
      slot,
      lateAfterMs: null,
      ...more,
      record,
    })
    return isFinding(found) ? found : expect.unreachable()
  }
  const missed = (slot: number, more = {}) => of(null, slot, more)
  const failed = (slot: number, more = {}) => of(row, slot, more)
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

  test('if an attempt failed, the operator looks at its slot before anything runs again', () => {
    const { needs, add } = collectNeeds()
    for (const one of [missed(row.slot), failed(row.slot - DAY_MS), failed(row.slot - 2 * DAY_MS)]) add(one)
    const [, , first = ''] = needsLines(needs, 'dynamodb:ledger')
    expect(first).toContain('cronledger show --store dynamodb:ledger --task nightly --slot 2026-11-23T03:00:00Z')
  })

  test('of slots that waited for another task, the slot of that task comes first', () => {
    const blockedBy = { task: 'extract', slot: row.slot }
    const waited = rowWith({ ending: { ...NOT_STARTED, blockedBy } })
    const { needs, add } = collectNeeds()
    for (const one of [of(waited, row.slot), of(waited, row.slot - DAY_MS)]) add(one)
    const [, , first = ''] = needsLines(needs, 'dynamodb:ledger')
    expect(first).toMatch(
      /see extract, which comes first: +cronledger show --store dynamodb:ledger --task extract --slot /,
    )
  })

  test('the commands for several slots have the caution of a failed one whose work may be done', () => {
    const lost = rowWith({ ending: { outcome: 'abandoned' } }, { ending: FAILED })
    const { needs, add } = collectNeeds()
    for (const one of [missed(row.slot), of(lost, row.slot - DAY_MS)]) add(one)
    expect(needsLines(needs, 'dynamodb:ledger')[2]).toMatch(
      /^ {2}2026-11-23 03:00 UTC: Attempt 1 on host never reported its end\. It may still be running/,
    )
  })

  const stale = (slot: number, more = {}) => of(pending(rowWith({})), slot, more)

  test('the commands for several slots leave out the stale ones, whose work may be done', () => {
    const { needs, add } = collectNeeds()
    for (const one of [missed(row.slot), failed(row.slot - DAY_MS), stale(row.slot - 2 * DAY_MS)]) add(one)
    const lines = needsLines(needs, 'dynamodb:ledger')
    for (const line of lines.filter((one) => one.includes('--from')))
      expect(line).toContain('--from 2026-11-23T03:00:00Z --until 2026-11-24T03:00:01Z --status missed,failed')
    expect(lines.at(-1)).toMatch(/or mark it as completed: +cronledger resolve .* --slot 2026-11-22T03:00:00Z/)
    expect(lines.join('\n')).toContain('It may still be running, or its work may be done.')
  })

  test('on ECS, a stale slot is not the oldest one to run', () => {
    const { needs, add } = collectNeeds()
    for (const one of [0, -1].map((day) => missed(row.slot + day * DAY_MS, onEcs))) add(one)
    add(stale(row.slot - 2 * DAY_MS, onEcs))
    const lines = needsLines(needs, 'dynamodb:ledger').join('\n')
    expect(lines).toMatch(
      /cronledger rerun .* --from 2026-11-23T03:00:00Z .* --status missed,failed --reason 'YOUR REASON'$/m,
    )
  })

  test('several stale or unusual slots have one round of commands each, which settle all of them', () => {
    expect(steps(stale(row.slot), stale(row.slot - DAY_MS))).toEqual([
      '',
      row.task,
      '  The batch of a stale slot may still be running, or its work may be done. Look at each of them before you run it again.',
      '  see what happened',
      '  list the stale slots',
      '  run them, the oldest first',
      '  or mark them as completed',
    ])
    const expectations = { since: 0, expect: 'rows>=1' }
    const unusual = (day: number) =>
      of(rowWith({ ending: SUCCEEDED }), row.slot - day * DAY_MS, { record: recordWith(schedules, { expectations }) })
    const { needs, add } = collectNeeds()
    for (const one of [unusual(0), unusual(1)]) add(one)
    expect(needsLines(needs, 'dynamodb:ledger').at(-1)).toMatch(
      /settle them: +cronledger resolve .* --from 2026-11-23T03:00:00Z --until 2026-11-24T03:00:01Z --status unusual,late --state completed --reason 'YOUR REASON'$/,
    )
  })

  test('each slot that a range leaves out has its own commands, with its time', () => {
    const done = rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED })
    const { needs, add } = collectNeeds()
    for (const one of [
      missed(row.slot),
      missed(row.slot - DAY_MS),
      of(done, row.slot - 2 * DAY_MS),
      of(done, row.slot - 3 * DAY_MS),
    ])
      add(one)
    const lines = needsLines(needs, 'dynamodb:ledger').join('\n')
    for (const day of ['21', '22'])
      expect(lines).toMatch(
        new RegExp(
          `2026-11-${day} 03:00 UTC: mark it as completed: +cronledger resolve .* --slot 2026-11-${day}T03:00:00Z`,
        ),
      )
    expect(steps(of(done, row.slot))).toEqual([
      '',
      row.task,
      '  The slot completed once. A rerun does its work a second time.',
      '  see what happened',
      '  mark it as completed',
      '  or run it again although it has completed',
    ])
  })

  test('the range of the commands runs every slot that a recorded schedule has, also one of an earlier schedule', () => {
    const record = recordWith([...schedules, { since: row.slot, spec: { expression: '0 4 * * *', zone: 'UTC' } }])
    const found = [0, 1, 2].map((day) => of(rowWith({ ending: NOT_STARTED }), row.slot - day * DAY_MS, { record }))
    const { needs, add } = collectNeeds()
    for (const one of found) add(one)
    const [need] = needsOf(needs, 'dynamodb:ledger')
    expect(need?.steps.map(({ command }) => commandText(command)).at(-1)).toContain(
      '--from 2026-11-22T03:00:00Z --until 2026-11-24T03:00:01Z',
    )
  })

  test('the one command for several tasks says which slots it runs, if it leaves some out', () => {
    const { needs, add } = collectNeeds()
    const scope = {
      store: 'dynamodb:ledger',
      task: undefined,
      owner: undefined,
      status: undefined,
      isOpen: true,
    }
    for (const task of ['a', 'b']) add(missed(row.slot, { task }))
    const command =
      "cronledger rerun --store dynamodb:ledger --from 2026-11-24T03:00Z --jobs 4 --reason 'YOUR REASON' --all"
    expect(repairLines(needs, scope)).toEqual([`To run them again: ${command}`])
    add({ ...stale(row.slot), task: 'c' })
    expect(repairLines(needs, scope)).toEqual([`To run the missed and failed slots again: ${command}`])
  })

  test('a task comes after those that it waits for', () => {
    const { needs, add } = collectNeeds()
    const waitingFor = (name: string) => recordWith(schedules, { expectations: { since: 0, after: [name] } })
    for (const [task, record] of [
      ['a', waitingFor('z')],
      ['b', waitingFor('z*')],
      ['z', recordWith(schedules)],
    ] as const)
      add(missed(row.slot, { task, record }))
    expect(needsOf(needs, 'dynamodb:ledger').map(({ task }) => task)).toEqual(['z', 'a', 'b'])
  })
})
