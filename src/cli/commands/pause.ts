import type { FailedTaskChange, Ledger, TaskChange } from '../../api.ts'
import { countNotExpected, MAX_COUNTED } from '../../audit/retirement.ts'
import type { ErrorKind } from '../../core/errors.ts'
import { EXIT } from '../../core/exit.ts'
import type { OptionTable } from '../../core/option.ts'
import { endsAfter } from '../../core/task/suspensions.ts'
import { gravestExit } from '../../exit-code.ts'
import {
  type AllChanged,
  type ChangeReport,
  changeJson,
  type NotExpected,
  pausedAllText,
  pausedOneText,
  pausedText,
  resumedAllText,
  resumedOneText,
  resumedText,
  retiredText,
} from '../../format/task/task-change.ts'
import { printable, safeJson } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import type { Sink } from '../../process/log/sink.ts'
import { describeStore } from '../../store/open.ts'
import { envForAll, taskOrAll } from '../lookup.ts'
import { type Command, defineCommand, readOptions, type Values } from '../options/arguments.ts'
import { type CommandHelp, TASK_CHANGE, TASK_OR_ALL } from '../options/options.ts'
import { print, printTexts } from '../output.ts'

const PAUSE = {
  name: 'pause',
  summary: `Pause a task: its scheduled triggers start nothing and exit with ${EXIT.ok}, and its slots are not missed. Forced runs still start.`,
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
  notes: `A pause with --from in the past also covers the slots since then that were missed. If --until is in the past, too, the pause is over, but its slots are not missed. A program that keeps a ledger open sees the pause within a minute.\nExit codes: ${EXIT.ok}, otherwise as in run.`,
} as const satisfies CommandHelp

export const pause = changeCommand(PAUSE, {
  one: (ledger, options) => ledger.pause(options),
  all: (ledger, options) => ledger.pauseAll(options),
  text: pausedText,
  lineOfAll: pausedOneText,
  endOfAll: pausedAllText,
})

const RESUME = {
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
  notes: `With --all, only pauses that pause --all recorded end. A pause of one task, and a retirement, stay.\nExit codes: ${EXIT.ok}, also if there is nothing to resume, otherwise as in run.`,
} as const satisfies CommandHelp

export const resume = changeCommand(RESUME, {
  one: (ledger, options) => ledger.resume(options),
  all: (ledger, options) => ledger.resumeAll(options),
  text: resumedText,
  lineOfAll: resumedOneText,
  endOfAll: resumedAllText,
})

const RETIRE = {
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
  notes: `A scheduled trigger for a slot after the retirement runs, and ends the retirement with a warning.\nExit codes: ${EXIT.ok}, also if it is retired already, otherwise as in run.`,
} as const satisfies CommandHelp

export const retire = defineCommand(RETIRE, async ({ json, store, ...options }) => {
  const report = reportOf(await createLedger({ store }).retire(options), store)
  const notExpected = notExpectedOf(report)
  await print(json ? changeJson(report, notExpected) : retiredText(report, notExpected))
})

function notExpectedOf({ record, suspensions: [retirement], now }: ChangeReport) {
  if (retirement === undefined) return null
  const count = countNotExpected(record, retirement, now)
  return count === null ? null : ({ count, isMore: count === MAX_COUNTED } satisfies NotExpected)
}

interface Change<Options> {
  one(ledger: Ledger, options: Options & { readonly task: string }): Promise<TaskChange>
  all(ledger: Ledger, options: Options): AsyncIterable<TaskChange | FailedTaskChange>
  text(report: ChangeReport): string
  lineOfAll(report: ChangeReport): string | null
  endOfAll(all: AllChanged): string
}

type OfAll = typeof TASK_OR_ALL & Pick<typeof TASK_CHANGE, 'store' | 'json'>

function changeCommand<Options extends OptionTable & OfAll>(
  help: CommandHelp & { readonly options: Options },
  change: Change<Values<Options>>,
): Command {
  return {
    help,
    async execute({ argv, env, sink }) {
      const values = readOptions(help, argv, envForAll(argv, env))
      const { store, json }: Values<OfAll> = values
      const ledger = createLedger({ store })
      const task = taskOrAll(values)
      if (task === null) return changeAll(values, change.all(ledger, values), change, sink)
      const report = reportOf(await change.one(ledger, { ...values, task }), store)
      await print(json ? changeJson(report) : change.text(report))
      return EXIT.ok
    },
  }
}

/** Prints the results as they come, and the errors on standard error. Returns the exit code of the gravest error. */
async function changeAll(
  { store, json = false }: Values<OfAll>,
  changes: AsyncIterable<TaskChange | FailedTaskChange>,
  { lineOfAll, endOfAll }: Pick<Change<never>, 'lineOfAll' | 'endOfAll'>,
  sink: Sink,
): Promise<number> {
  const kinds = new Set<ErrorKind>()
  const failed: string[] = []
  let changed = 0
  let isOpen = false
  async function* texts() {
    for await (const one of changes) {
      if ('error' in one) {
        const { task, error } = one
        kinds.add(error.kind)
        failed.push(task)
        if (json) yield safeJson({ task, error: error.message }, 2)
        else sink.write(printable(`cronledger: ${task}: not changed: ${error.message}`))
        continue
      }
      if (one.changed) changed += 1
      isOpen ||= one.changed && one.suspensions.some((suspension) => endsAfter(suspension, systemClock.now()))
      const report = reportOf(one, store)
      const text = json ? changeJson(report) : lineOfAll(report)
      if (text !== null) yield text
    }
    if (!json) yield endOfAll({ store, changed, failed, isOpen, mayHideTasks: describeStore(store).mayHideTasks })
  }
  // A reader that has gone away must not end the changes.
  await printTexts(texts(), json, { toTheEnd: true })
  return gravestExit(kinds)
}

function reportOf({ timezone: zone, ...change }: TaskChange, store: string): ChangeReport {
  return { ...change, zone, store, now: systemClock.now() }
}
