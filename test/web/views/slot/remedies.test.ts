import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { STATUSES } from '../../../../src/core/types.ts'
import { commandText } from '../../../../src/format/command-line.ts'
import type { CommandWords } from '../../../../src/verdict/command.ts'
import { remediesOf } from '../../../../src/web/views/slot/remedies.ts'
import { FAILED, ON_ECS, rowOn, rowWith } from '../../../support/rows.ts'

const HOSTILE = `file:/srv/it's $(touch /tmp/no) "a" \`b\` \\ ;&|<>*?.db`
const target = { store: HOSTILE, task: 'a/../b', slot: Date.parse('2026-11-24T03:00:00Z'), ecs: null }

/** The words that a shell hands to the program. */
function wordsOf(of: CommandWords): string[] {
  const command = commandText(of)
  const out = execFileSync('sh', ['-c', `cronledger() { printf '%s\\0' "$@"; }; ${command}`], { encoding: 'utf8' })
  return out.split('\0').slice(0, -1)
}

test.each(STATUSES)('the commands for a slot that is %s reach the program word by word', (status) => {
  const remedies = remediesOf(status, target, target.slot)
  expect(remedies.length).toBeGreaterThan(0)
  for (const { command } of remedies) {
    const [name, ...words] = wordsOf(command)
    expect(words.slice(0, 6)).toEqual(['--store', HOSTILE, '--task', 'a/../b', '--slot', '2026-11-24T03:00:00Z'])
    if (name === 'rerun') expect(words.slice(6)).toEqual(['--reason', 'YOUR REASON', '--', 'YOUR_COMMAND'])
    else if (name === 'resolve')
      expect(words.slice(6)).toEqual(['--state', expect.any(String), '--reason', 'YOUR REASON'])
    else expect([name, ...words.slice(6)]).toEqual(['show'])
  }
})

test.each(['completed', 'skipped'] as const)('a future slot that is resolved as %s needs nothing', (status) => {
  expect(remediesOf(status, target, target.slot - 1)).toEqual([])
})

test('a slot that is not due yet can only be skipped, and one that is due can also be run', () => {
  const titlesOf = (status: 'due' | 'scheduled') => remediesOf(status, target, target.slot).map(({ what }) => what)
  expect(titlesOf('scheduled')).toEqual(['Mark as skipped'])
  expect(titlesOf('due')).toEqual(['Run it now', 'Mark as skipped'])
})

test('a slot that completed before a force failed can be marked as completed, before it can be run again', () => {
  const titles = remediesOf('failed', { ...target, only: ['completed'] }, target.slot).map(({ what }) => what)
  expect(titles).toEqual(['Mark as completed', 'Run it again although it has completed'])
})

test('the log of an attempt on ECS comes first, and only a rerun there needs more than the fields', () => {
  const [attempt] = rowOn(ON_ECS, rowWith({ ending: FAILED })).attempts
  const remedies = remediesOf('failed', { ...target, ecs: ON_ECS, attempt }, target.slot)
  expect(remedies.map(({ what, note, isLog = false }) => [what, note, isLog])).toEqual([
    ['Read the log of attempt 1', undefined, true],
    [
      'Run it again',
      'Starts nightly:7 on ECS. Replace YOUR_SUBNETS, YOUR_SECURITY_GROUPS and ENABLED_OR_DISABLED, with the network settings of its schedule.',
      false,
    ],
    ['Mark as completed', 'Records your decision. Does not start the batch.', false],
    ['Mark as skipped', 'Records your decision. Does not start the batch.', false],
  ])
})
