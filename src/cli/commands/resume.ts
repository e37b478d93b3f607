import { EXIT } from '../../exit-code.ts'
import { changeJson, resumedAllText, resumedOneText, resumedText } from '../../format/task/task-change.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { envForAll, printChanges, taskOrAll } from '../change-all.ts'
import type { Command, CommandContext } from '../command.ts'
import { readOptions } from '../options/arguments.ts'
import type { CommandHelp } from '../options/options.ts'
import { TASK_CHANGE, TASK_OR_ALL } from '../options/task-change.ts'
import { print } from '../output.ts'

const help = {
  name: 'resume',
  summary:
    'Let the triggers of a task run again: end its pauses and its retirement, and cancel the planned ones. Starts nothing. The slots of the pause are not run later.',
  options: {
    ...TASK_CHANGE,
    ...TASK_OR_ALL,
    reason: { ...TASK_CHANGE.reason, required: undefined, otherwise: 'resumed' },
  },
  takesTask: true,
  examples: [
    ['cronledger resume nightly --store dynamodb:cronledger', 'from now on'],
    ['cronledger resume --all --store dynamodb:cronledger', 'after pause --all'],
  ],
  notes:
    'With --all, only pauses that pause --all recorded end. A pause of one task, and a retirement, stay.\nExit codes: 0, also if there is nothing to resume, otherwise as in run.',
} as const satisfies CommandHelp

export const resume: Command = {
  help,
  async execute({ argv, env, sink }: CommandContext) {
    const { json, store, all, task: named, ...options } = readOptions(help, argv, envForAll(argv, env))
    const ledger = createLedger({ store })
    const task = taskOrAll({ task: named, all })
    if (task === null) {
      const texts = { one: resumedOneText, end: resumedAllText }
      return printChanges(ledger.resumeAll(options), { store, json }, texts, sink)
    }
    const { timezone: zone, ...change } = await ledger.resume({ ...options, task })
    const report = { ...change, zone, store, now: systemClock.now() }
    await print(json ? changeJson(report) : resumedText(report))
    return EXIT.ok
  },
}
