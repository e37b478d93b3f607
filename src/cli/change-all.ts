import type { FailedTaskChange, TaskChange } from '../api.ts'
import { type ErrorKind, usageError } from '../core/errors.ts'
import { endsAfter } from '../core/task/suspensions.ts'
import type { Environment } from '../core/types.ts'
import { gravestExit } from '../exit-code.ts'
import { type AllChanged, type ChangeReport, changeJson } from '../format/task/task-change.ts'
import { jsonArray, printable, safeJson } from '../format/text.ts'
import { systemClock } from '../process/clock.ts'
import type { Sink } from '../process/log/sink.ts'
import { isGiven } from './options/arguments.ts'
import { printAll } from './output.ts'

interface AllTexts {
  /** Returns the line of one task, or null if it has nothing to say. */
  one(report: ChangeReport): string | null
  end(all: AllChanged): string
}

/** Returns the environment without the task of a container, if the change on the command line is for all tasks. */
export function envForAll(argv: readonly string[], env: Environment): Environment {
  return isGiven('all', argv) ? { ...env, CRONLEDGER_TASK: undefined } : env
}

/** Throws a usage error unless the options have either a task or `--all`. */
export function taskOrAll({ task, all }: { readonly task: string | undefined; readonly all: boolean | undefined }) {
  if (all && task !== undefined) throw usageError(`--all and task ${task} are both given. Use one of them.`)
  if (!all && task === undefined) {
    throw usageError('--task is missing. Give --task NAME, or set CRONLEDGER_TASK. For all tasks, give --all.')
  }
  return all ? null : (task ?? null)
}

/**
 * Prints the results of a change of all tasks as they come, and the errors on standard error. Returns the exit code of the
 * gravest error.
 */
export async function printChanges(
  changes: AsyncIterable<TaskChange | FailedTaskChange>,
  { store, json }: { readonly store: string; readonly json: boolean | undefined },
  texts: AllTexts,
  sink: Sink,
): Promise<number> {
  const kinds = new Set<ErrorKind>()
  const failed: string[] = []
  let changed = 0
  let isOpen = false
  const reportOf = ({ timezone: zone, ...change }: TaskChange) => ({ ...change, zone, store, now: systemClock.now() })
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
      const text = 'error' in one ? null : texts.one(reportOf(one))
      if (text !== null) yield `${text}\n`
    }
    yield `${texts.end({ store, changed, failed, isOpen })}\n`
  }
  const jsonOf = (one: TaskChange | FailedTaskChange) =>
    'error' in one ? safeJson({ task: one.task, error: one.error.message }, 2) : changeJson(reportOf(one))
  // A reader that has gone away must not end the changes.
  await printAll(json ? jsonArray(counted(), jsonOf) : lines(), { toTheEnd: true })
  return gravestExit(kinds)
}
