import type { FailedTaskChange, Ledger, TaskChange } from '../api.ts'
import { type ErrorKind, usageError } from '../core/errors.ts'
import type { OptionTable } from '../core/option.ts'
import { endsAfter } from '../core/task/suspensions.ts'
import type { Environment } from '../core/types.ts'
import { EXIT, gravestExit } from '../exit-code.ts'
import { type AllChanged, type ChangeReport, changeJson } from '../format/task/task-change.ts'
import { jsonArray, printable, safeJson } from '../format/text.ts'
import { createLedger } from '../ledger.ts'
import { systemClock } from '../process/clock.ts'
import type { Sink } from '../process/log/sink.ts'
import { describeStore } from '../store/open.ts'
import type { Command, CommandContext } from './options/arguments.ts'
import { isGiven, readOptions, type Values } from './options/arguments.ts'
import type { CommandHelp, TASK_CHANGE, TASK_OR_ALL } from './options/options.ts'
import { print, printAll } from './output.ts'

/** How a command changes one task or all of them, and what it says then. */
interface Change<Options> {
  one(ledger: Ledger, options: Options & { readonly task: string }): Promise<TaskChange>
  all(ledger: Ledger, options: Options): AsyncIterable<TaskChange | FailedTaskChange>
  text(report: ChangeReport): string
  /** Returns the line about one task, or null if there is nothing to say. */
  lineOfAll(report: ChangeReport): string | null
  endOfAll(all: AllChanged): string
}

type OfAll = typeof TASK_OR_ALL & Pick<typeof TASK_CHANGE, 'store' | 'json'>
type ChangeValues = Values<OfAll>

/** Returns the environment without the task of a container, if the command line is for all tasks, or those of an owner. */
export function envForAll(argv: readonly string[], env: Environment): Environment {
  return isGiven('all', argv) || isGiven('owner', argv) ? { ...env, CRONLEDGER_TASK: undefined } : env
}

export function reportOf({ timezone: zone, ...change }: TaskChange, store: string): ChangeReport {
  return { ...change, zone, store, now: systemClock.now() }
}

/** Returns the name of the task, or null for all tasks. Throws a usage error unless the options have one of the two. */
export function taskOrAll({ task, all }: Pick<ChangeValues, 'task' | 'all'>): string | null {
  if (all && task !== undefined) throw usageError(`--all and task ${task} are both given. Use one of them.`)
  if (!all && task === undefined) {
    throw usageError('--task is missing. Give --task NAME, or set CRONLEDGER_TASK. For all tasks, give --all.')
  }
  return task ?? null
}

/** Returns a command that makes a change of one task, or of all tasks with `--all`, and prints its result. */
export function changeCommand<Options extends OptionTable & OfAll>(
  help: CommandHelp & { readonly options: Options },
  change: Change<Values<Options>>,
): Command {
  return {
    help,
    async execute({ argv, env, sink }: CommandContext) {
      const values = readOptions(help, argv, envForAll(argv, env))
      const { store, json }: ChangeValues = values
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
  { store, json }: ChangeValues,
  changes: AsyncIterable<TaskChange | FailedTaskChange>,
  { lineOfAll, endOfAll }: Pick<Change<never>, 'lineOfAll' | 'endOfAll'>,
  sink: Sink,
): Promise<number> {
  const kinds = new Set<ErrorKind>()
  const failed: string[] = []
  let changed = 0
  let isOpen = false
  const { mayHideTasks } = describeStore(store)
  async function* counted() {
    for await (const one of changes) {
      if ('error' in one) {
        kinds.add(one.error.kind)
        failed.push(one.task)
        if (!json) sink.write(printable(`cronledger: ${one.task}: not changed: ${one.error.message}`))
      } else if (one.changed) {
        changed += 1
        isOpen ||= one.suspensions.some((suspension) => endsAfter(suspension, systemClock.now()))
      }
      yield one
    }
  }
  async function* lines() {
    for await (const one of counted()) {
      const text = 'error' in one ? null : lineOfAll(reportOf(one, store))
      if (text !== null) yield `${text}\n`
    }
    yield `${endOfAll({ store, changed, failed, isOpen, mayHideTasks })}\n`
  }
  const jsonOf = (one: TaskChange | FailedTaskChange) =>
    'error' in one ? safeJson({ task: one.task, error: one.error.message }, 2) : changeJson(reportOf(one, store))
  // A reader that has gone away must not end the changes.
  await printAll(json ? jsonArray(counted(), jsonOf) : lines(), { toTheEnd: true })
  return gravestExit(kinds)
}
