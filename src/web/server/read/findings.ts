import { NO_FINDINGS, type TaskFinding } from '../../../core/task/findings.ts'
import { collectNeeds, needsOf } from '../../../format/check/needs.ts'
import type { ShownFindings } from '../../views/task/findings.tsx'
import { findingsIn, type NeedsQuery } from './needs.ts'
import { faultOf, type Reading, type ReadTask } from './reading.ts'

/** How many findings the page of a task lists. The history has the others. */
const MAX_LISTED = 5

/** Reads what `check` finds in the slots of a task, and what to do about it. */
export async function readFindings(
  { head, known }: ReadTask,
  { span, when, store }: Pick<NeedsQuery, 'span' | 'when'> & { readonly store: string },
  reading: Reading,
): Promise<ShownFindings> {
  const count: Record<TaskFinding['kind'], number> = { ...NO_FINDINGS }
  const newest: TaskFinding[] = []
  const { needs, add } = collectNeeds()
  let problem: string | null = null
  try {
    for await (const one of findingsIn(known ?? head.task, span, reading)) {
      count[one.kind] += 1
      if (newest.length < MAX_LISTED) newest.push(one)
      add(one)
    }
  } catch (error) {
    problem = faultOf(error)
  }
  const { cautions = [], steps = [] } = needsOf(needs, store)[0] ?? {}
  return { count, newest, when, problem, cautions, steps }
}
