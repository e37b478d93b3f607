import { countNotExpected, MAX_COUNTED } from '../../audit/retirement.ts'
import { type ChangeReport, changeJson, type NotExpected, retiredText } from '../../format/task/task-change.ts'
import { createLedger } from '../../ledger.ts'
import { reportOf } from '../change-all.ts'
import { defineCommand } from '../options/arguments.ts'
import { type CommandHelp, TASK_CHANGE } from '../options/options.ts'
import { print } from '../output.ts'

const help = {
  name: 'retire',
  summary:
    'Retire a task that was removed: no slot of it is expected any more, so check does not report it. Its history stays.',
  options: {
    ...TASK_CHANGE,
    from: { ...TASK_CHANGE.from, otherwise: 'after the last recorded slot' },
  },
  takesTask: true,
  examples: [
    [
      "cronledger retire nightly --store dynamodb:cronledger --reason 'replaced by nightly-v2'",
      'a task that was removed',
    ],
  ],
  notes:
    'A scheduled trigger for a slot after the retirement runs, and ends the retirement with a warning.\nExit codes: 0, also if it is retired already, otherwise as in run.',
} as const satisfies CommandHelp

export const retire = defineCommand(help, async ({ json, store, ...options }) => {
  const report = reportOf(await createLedger({ store }).retire(options), store)
  const notExpected = notExpectedOf(report)
  await print(json ? changeJson(report, notExpected) : retiredText(report, notExpected))
})

function notExpectedOf({ record, suspensions: [retirement], now }: ChangeReport) {
  if (retirement === undefined) return null
  const count = countNotExpected(record, retirement, now)
  return count === null ? null : ({ count, isMore: count === MAX_COUNTED } satisfies NotExpected)
}
