import { resumedAllText, resumedOneText, resumedText } from '../../format/task/task-change.ts'
import { changeCommand } from '../change-all.ts'
import { type CommandHelp, TASK_CHANGE, TASK_OR_ALL } from '../options/options.ts'

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

export const resume = changeCommand(help, {
  one: (ledger, options) => ledger.resume(options),
  all: (ledger, options) => ledger.resumeAll(options),
  text: resumedText,
  lineOfAll: resumedOneText,
  endOfAll: resumedAllText,
})
