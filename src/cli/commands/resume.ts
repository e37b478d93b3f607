import type { Ledger } from '../../api.ts'
import { resumedAllText, resumedOneText, resumedText } from '../../format/task/task-change.ts'
import { changeTasks, envForAll } from '../change-all.ts'
import type { Command, CommandContext } from '../command.ts'
import { readOptions } from '../options/arguments.ts'
import type { CommandHelp } from '../options/options.ts'
import { TASK_CHANGE, TASK_OR_ALL } from '../options/task-change.ts'

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
    const { store, json, task: named, all, ...options } = readOptions(help, argv, envForAll(argv, env))
    const change = {
      one: (ledger: Ledger, task: string) => ledger.resume({ ...options, task }),
      all: (ledger: Ledger) => ledger.resumeAll(options),
      text: resumedText,
      lineOfAll: resumedOneText,
      endOfAll: resumedAllText,
    }
    return changeTasks({ store, json, task: named, all }, change, sink)
  },
}
