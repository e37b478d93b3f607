import { usageError } from './errors.ts'
import { quote } from './problem.ts'

/**
 * A name starts with a letter or a digit, so that no task looks like an option or like a partition of the ledger
 * itself.
 */
const TASK_NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/

/** Throws a usage error unless `task` is a valid task name. */
export function checkTaskName(task: string): void {
  if (typeof task === 'string' && TASK_NAME.test(task)) return
  throw usageError(
    `task is ${quote(String(task).slice(0, 200))}; allowed are 1 to 128 of A-Z a-z 0-9 . _ / - and a letter or digit first`,
  )
}
