import { NO_FINDINGS, type TaskFinding } from '../../../core/task/findings.ts'
import { collectNeeds, needsOf } from '../../../format/check.ts'
import type { ShownFindings } from '../../views/task/findings.tsx'
import type { Span } from './needs.ts'
import { askOptions, faultOf, type Reading, type ReadTask } from './reading.ts'

/** How many findings the page of a task lists. The history has the others. */
const MAX_LISTED = 5

export interface FindingsQuery {
  /** The slots to look at, and `when` in words. */
  readonly span: Span
  readonly when: string
  readonly store: string
}

/** Reads what `check` finds in the slots of a task, and what to do about it. */
export async function readFindings(
  { head, known }: ReadTask,
  { span, when, store }: FindingsQuery,
  reading: Reading,
): Promise<ShownFindings> {
  const count: Record<TaskFinding['kind'], number> = { ...NO_FINDINGS }
  const newest: TaskFinding[] = []
  const { needs, add } = collectNeeds()
  let problem: string | null = null
  const { ledger, graceMs, skewMs, lateAfterMs, doneByMs } = reading
  const settings = { since: new Date(span.since), until: new Date(span.until), graceMs, skewMs, lateAfterMs, doneByMs }
  try {
    const found = ledger.check({ ...settings, task: known ?? head.task, ...askOptions(reading) })
    for await (const one of found) {
      count[one.kind] += 1
      if (newest.length < MAX_LISTED) newest.push(one)
      add(one)
    }
  } catch (error) {
    problem = faultOf(error)
  }
  const { cautions = [], steps = [] } = needsOf(needs, { store })[0] ?? {}
  return { count, newest, when, problem, cautions, steps }
}
