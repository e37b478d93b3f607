import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { isPlaceholder } from '../../../../src/core/placeholder.ts'
import type { Status } from '../../../../src/core/types.ts'
import { commandText } from '../../../../src/format/command-line.ts'
import type { CommandWords } from '../../../../src/verdict/command.ts'
import { rerunSteps, type SlotToRun, taskSteps } from '../../../../src/web/views/task/steps.ts'
import { ON_ECS, PAUSE } from '../../../support/rows.ts'

const HOSTILE = `file:/srv/it's $(touch /tmp/no) "a" \`b\` \\ ;&|<>*?.db`
const NEWEST = Date.parse('2026-11-24T03:00:00Z')
const ledger = { store: HOSTILE, task: 'a/../b' }

/** The words that a shell hands to the program. */
function wordsOf(of: CommandWords): string[] {
  const command = commandText(of)
  const out = execFileSync(
    'bash',
    ['-c', `cronledger() { printf '%s\\0' "$@"; }; aws() { cronledger "$@"; }; ${command}`],
    {
      encoding: 'utf8',
    },
  )
  return out.split('\0').slice(0, -1)
}

/** Slots an hour apart, newest first. */
function slotsOf(statuses: readonly Status[], more: Partial<SlotToRun['target']> = {}): readonly SlotToRun[] {
  return statuses.map((status, index) => {
    const slot = NEWEST - index * 3_600_000
    return { slot, status, target: { ...ledger, slot, ecs: null, ...more } }
  })
}

const commandsOf = (slots: readonly SlotToRun[]) =>
  rerunSteps(slots).flatMap(({ steps }) => steps.map(({ command }) => command))

describe('the commands for the slots that need attention', () => {
  test('are none if no slot does', () => {
    expect(rerunSteps(slotsOf(['completed', 'running', 'skipped', 'overdue', 'unknown']))).toEqual([])
  })

  test('are those of the only slot', () => {
    const [only, ...others] = rerunSteps(slotsOf(['completed', 'missed', 'completed']))
    expect(others).toEqual([])
    expect(only).toMatchObject({ title: 'Missed slot', slot: NEWEST - 3_600_000 })
    const words = only?.steps.map(({ command }) => wordsOf(command))
    expect(words?.[0]).toEqual(
      ['rerun', '--store', HOSTILE, '--task', 'a/../b', '--slot', '2026-11-24T02:00:00Z'].concat([
        '--reason',
        'YOUR REASON',
        '--',
        'YOUR_COMMAND',
      ]),
    )
    expect(words?.[1]?.[0]).toBe('resolve')
  })

  test('reach from the oldest slot to the newest one', () => {
    const [several] = rerunSteps(slotsOf(['completed', 'missed', 'completed', 'failed']))
    expect(several).toMatchObject({ title: '2 slots that were missed or failed', slot: null })
    const range = ['--from', '2026-11-24T00:00:00Z', '--to', '2026-11-24T02:00:01Z']
    expect(several?.steps.map(({ command }) => wordsOf(command).slice(5))).toEqual([
      [...range, '--dry-run'],
      [...range, '--reason', 'YOUR REASON', '--', 'YOUR_COMMAND'],
    ])
  })

  test('leave a stale slot out of the range, because its work may be done', () => {
    const groups = rerunSteps(slotsOf(['missed', 'stale', 'failed', 'stale']))
    expect(groups.map(({ title, slot }) => [title, slot])).toEqual([
      ['2 slots that were missed or failed', null],
      ['Stale slot', NEWEST - 3_600_000],
    ])
    expect(groups[0]?.steps.every(({ command }) => commandText(command).includes('--only missed,failed'))).toBe(true)
    expect(groups[1]?.steps.map(({ note }) => note).join('')).toMatch(
      /^It may still be running, or its work may be done/,
    )
  })

  test('leave out a slot that completed before a force failed in it', () => {
    expect(rerunSteps(slotsOf(['failed'], { only: ['completed'] }))).toEqual([])
  })

  test('start a task on ECS where the batch runs there', () => {
    const [list = [], first = []] = commandsOf(slotsOf(['missed', 'missed'], { ecs: ON_ECS }))
    expect(wordsOf(list)[0]).toBe('rerun')
    expect(wordsOf(first).slice(0, 2)).toEqual(['ecs', 'run-task'])
    const overrides = wordsOf(first).find((word) => word.startsWith('{')) ?? ''
    expect(JSON.parse(overrides).containerOverrides[0].environment).toContainEqual({
      name: 'CRONLEDGER_FORCE_SLOT',
      value: '2026-11-24T02:00:00Z',
    })
  })
})

describe('the commands for the task', () => {
  const words = (suspended: Parameters<typeof taskSteps>[0]['suspended']) =>
    taskSteps({ ...ledger, suspended }).map(({ command }) => wordsOf(command))
  const of = ['--store', HOSTILE, '--task', 'a/../b']

  test('pause it, explain it and check it', () => {
    expect(words(null)).toEqual([
      ['pause', ...of, '--reason', 'YOUR REASON'],
      ['explain', ...of],
      ['check', ...of],
    ])
    expect(isPlaceholder('YOUR REASON')).toBe(true)
  })

  test.each(['pause', 'retirement'] as const)('end a %s that is in force', (kind) => {
    expect(words({ kind, suspension: PAUSE })[0]).toEqual(['resume', ...of])
  })
})
