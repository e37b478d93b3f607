import type { ExpectedTimesGiven } from '../../core/task/task-record.ts'
import type { CommandContext } from '../command.ts'
import { isGiven } from './arguments.ts'
import { variableOf } from './options.ts'

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
