import { pausedAllText, pausedOneText, pausedText } from '../../format/task/task-change.ts'
import { changeCommand } from '../change-all.ts'
import { type CommandHelp, TASK_CHANGE, TASK_OR_ALL } from '../options/options.ts'

const help = {
  name: 'pause',
  summary:
    'Pause a task: its scheduled triggers start nothing and exit with 0, and its slots are not missed. Forced runs still start.',
  options: {
    ...TASK_CHANGE,
    ...TASK_OR_ALL,
    until: {
      kind: 'text',
      value: 'TIME',
      otherwise: 'until cronledger resume',
      help: 'End of the pause; a date includes the whole day',
    },
  },
  takesTask: true,
  examples: [
    [
      "cronledger pause nightly --store dynamodb:cronledger --reason 'database upgrade'",
      'from now on, until cronledger resume',
    ],
    [
      "cronledger pause nightly … --from 2026-12-24T22:00 --until 2026-12-25 --reason 'holiday'",
      'a planned pause, in the time zone of the task',
    ],
    [
      "cronledger pause --all --store dynamodb:cronledger --reason 'the table is restored'",
      'all tasks, until cronledger resume --all',
    ],
  ],
  notes:
    'A pause with --from in the past also covers the slots since then that were missed. If --until is in the past, too, the pause is over, but its slots are not missed. A program that keeps a ledger open sees the pause within a minute.\nExit codes: 0, otherwise as in run.',
} as const satisfies CommandHelp

export const pause = changeCommand(help, {
  one: (ledger, options) => ledger.pause(options),
  all: (ledger, options) => ledger.pauseAll(options),
  text: pausedText,
  lineOfAll: pausedOneText,
  endOfAll: pausedAllText,
})
