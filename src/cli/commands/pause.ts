import type { OptionTable } from '../../core/option.ts'
import { changeJson, pausedText } from '../../format/task/task-change.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT } from '../exit.ts'
import { readOptions } from '../options/arguments.ts'
import { TASK_CHANGE } from '../options/task-change.ts'
import { print } from '../output.ts'

const OPTIONS = {
  ...TASK_CHANGE,
  until: {
    kind: 'text',
    value: 'TIME',
    otherwise: 'until cronledger resume',
    help: 'End of the pause; a date includes the whole day',
  },
} as const satisfies OptionTable

const help = {
  name: 'pause',
  summary:
    'Pause a task: its scheduled triggers start nothing and exit with 0, and its slots are not missed. Forced runs still start.',
  options: OPTIONS,
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
  ],
  notes:
    'A pause with --from in the past also covers the slots since then that were missed. A program that keeps a ledger open sees the pause within a minute.\nExit codes: 0, otherwise as in run.',
} as const

export const pause: Command = {
  help,
  async execute({ argv, env }: CommandContext) {
    const { json, store, ...options } = readOptions(help, argv, env)
    const { timezone: zone, ...change } = await createLedger({ store }).pause(options)
    const report = { ...change, zone, store, now: systemClock.now() }
    await print(json ? changeJson(report) : pausedText(report))
    return EXIT.ok
  },
}
