import { usageError } from '../../core/errors.ts'
import type { OptionTable } from '../../core/option.ts'
import type { CommandContext } from '../command.ts'
import { isGiven, type Values } from './arguments.ts'
import { COMMON, variableOf } from './options.ts'

/** The options that say which slots were due, for the commands that find missed slots. */
export const DUE_BY = {
  schedule: {
    kind: 'text',
    value: 'EXPR',
    otherwise: "the registry's",
    help: 'What was due, where the registry does not know it or is wrong; needs --task',
  },
  timezone: { ...COMMON.timezone, help: 'IANA zone that --schedule is read in' },
  anchor: { ...COMMON.anchor, help: 'Where a --schedule rate(…) starts counting' },
} as const satisfies OptionTable

/** Returns the options of a schedule whose default is `usual`, for the commands about one slot or a range of slots. */
export const scheduleOf = (usual: string, help: string) =>
  ({
    schedule: { kind: 'text', value: 'EXPR', otherwise: usual, help },
    timezone: { ...COMMON.timezone, otherwise: `${usual}; with --schedule, UTC` },
    anchor: COMMON.anchor,
  }) as const satisfies OptionTable

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
    throw usageError('--schedule is given, but no --task that has it')
  }
  if (schedule !== undefined) return { ...given, schedule, timezone: known('timezone'), anchor: known('anchor') }
  for (const name of ['timezone', 'anchor']) {
    if (isGiven(name, argv)) throw usageError(`--${name} is given, but no --schedule that is read by it`)
  }
  return { ...given, schedule: undefined, timezone: undefined, anchor: undefined }
}
