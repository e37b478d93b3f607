import { expect, test } from 'vitest'
import { commandText } from '../../../../src/format/command-line.ts'
import { taskSteps } from '../../../../src/web/views/task/commands.tsx'
import { PAUSE } from '../../../support/rows.ts'

const commandsOf = (suspended: Parameters<typeof taskSteps>[0]['suspended']) =>
  taskSteps({ store: 's', task: 'a', suspended }).map(({ command }) => commandText(command))

test('a task can be paused, explained and checked, and what suspends it can be ended', () => {
  expect(commandsOf(null)).toEqual([
    "cronledger pause --store s --task a --reason 'YOUR REASON'",
    'cronledger explain --store s --task a',
    'cronledger check --store s --task a',
  ])
  for (const kind of ['pause', 'retirement'] as const)
    expect(commandsOf({ kind, suspension: PAUSE })[0]).toBe('cronledger resume --store s --task a')
})
