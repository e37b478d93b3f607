import { usageError } from '../../core/errors.ts'
import type { OptionTable } from '../../core/option.ts'
import type { ExpectedTimesGiven } from '../../core/task/task-record.ts'
import type { CommandContext } from '../command.ts'
import { isGiven, type Values } from './arguments.ts'
import { COMMON, variableOf } from './options.ts'

/** The options that say which slots were due, for the commands that find missed slots. */
export const DUE_BY = {
  schedule: {
    kind: 'text',
    value: 'EXPR',
    group: 'Advanced',
    spaces: true,
    help: 'Schedule of the task, if the recorded one is missing or wrong',
    details: 'A schedule from the environment counts only until a run of the task has recorded one.',
  },
  timezone: { ...COMMON.timezone, group: 'Advanced', help: 'IANA time zone of --schedule' },
  anchor: { ...COMMON.anchor, group: 'Advanced', help: 'Start of the first window of --schedule rate(…)' },
} as const satisfies OptionTable

/** The same for the commands about one slot or a range of slots. */
export const SCHEDULE_OF_SLOT = {
  schedule: {
    ...DUE_BY.schedule,
    otherwise: 'the recorded one',
    help: 'Schedule of the slot',
    details: 'A schedule from the environment is used only if the slot is not in any recorded schedule.',
  },
  timezone: DUE_BY.timezone,
  anchor: DUE_BY.anchor,
} as const satisfies OptionTable

type DueBy = Values<typeof DUE_BY>

/**
 * Returns the options with a schedule only if that schedule belongs to the task. An environment has the schedule of its
 * own task. That schedule does not apply to a command about all tasks, or about another task that a flag names.
 *
 * Throws a usage error for a flag that would be ignored.
 */
export function withDueBy<Given extends DueBy & { readonly task: string | undefined }>(
  given: Given,
  { argv, env }: Pick<CommandContext, 'argv' | 'env'>,
): Given {
  const isOfTask = given.task !== undefined && (env[variableOf('task')] || given.task) === given.task
  const known = (name: keyof DueBy) => (isOfTask || isGiven(name, argv) ? given[name] : undefined)
  const schedule = known('schedule')
  if (schedule !== undefined && given.task === undefined) {
    throw usageError('--schedule requires --task.')
  }
  if (schedule !== undefined) return { ...given, schedule, timezone: known('timezone'), anchor: known('anchor') }
  for (const name of ['timezone', 'anchor']) {
    if (isGiven(name, argv)) throw usageError(`--${name} requires --schedule.`)
  }
  return { ...given, schedule: undefined, timezone: undefined, anchor: undefined }
}

/**
 * Returns the options without the expected times that belong to another task. The environment of a batch's container has
 * the times of its own task. The times that are left replace those that the runs of the tasks state.
 */
export function withTimes<Given extends ExpectedTimesGiven & { readonly task?: string | undefined }>(
  given: Given,
  { argv, env }: Pick<CommandContext, 'argv' | 'env'>,
): Given {
  const ownTask = env[variableOf('task')]
  const isOfOther = Boolean(ownTask) && ownTask !== given.task
  const known = (name: keyof ExpectedTimesGiven) => (isOfOther && !isGiven(name, argv) ? undefined : given[name])
  return { ...given, graceMs: known('graceMs'), lateAfterMs: known('lateAfterMs'), doneByMs: known('doneByMs') }
}
