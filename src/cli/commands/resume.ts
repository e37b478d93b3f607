import type { OptionTable } from '../../core/option.ts'
import { changeJson, resumedText } from '../../format/task/task-change.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT } from '../exit.ts'
import { readOptions } from '../options/arguments.ts'
import { TASK_CHANGE } from '../options/task-change.ts'
import { print } from '../output.ts'

const OPTIONS = {
  ...TASK_CHANGE,
  reason: { ...TASK_CHANGE.reason, required: undefined, otherwise: 'resumed' },
} as const satisfies OptionTable

const help = {
  name: 'resume',
  summary:
    'Let the triggers of a task run again: end its pauses and its retirement, and cancel the planned ones. Starts nothing. The slots of the pause are not run later.',
  options: OPTIONS,
  takesTask: true,
  examples: [['cronledger resume nightly --store dynamodb:cronledger', 'from now on']],
  notes: 'Exit codes: 0, also if there is nothing to resume, otherwise as in run.',
} as const

export const resume: Command = {
  help,
  async execute({ argv, env }: CommandContext) {
    const { json, store, ...options } = readOptions(help, argv, env)
    const { timezone: zone, ...change } = await createLedger({ store }).resume(options)
    const report = { ...change, zone, store, now: systemClock.now() }
    await print(json ? changeJson(report) : resumedText(report))
    return EXIT.ok
  },
}
