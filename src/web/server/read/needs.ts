import { concurrently } from '../../../audit/concurrently.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { NO_FINDINGS, type TaskFinding } from '../../../core/task/findings.ts'
import type { Instant } from '../../../core/types.ts'
import { collectIncidents } from '../../../verdict/incidents.ts'
import type { Needs, TaskNeeds } from '../../views/overview/needs.tsx'
import { askOptions, faultOf, type Reading } from './reading.ts'

/** How many findings are listed of one kind for one task, and in total, if each kind has one. All are counted. */
const MAX_OF_A_KIND = 20
const MAX_LISTED = 500

/** The time from `since` to `until`, which is not part of it. */
export interface Span {
  readonly since: Instant
  readonly until: Instant
}

export interface NeedsQuery {
  /** The slots to look at, and `when` in words. */
  readonly span: Span
  readonly when: string
}

export interface NeedsReading {
  readonly whole: Promise<Needs>
  /** Returns the findings of the tasks that were read so far. */
  soFar(): Needs
}

/** Reads the findings of `check`. A task that cannot be checked becomes a problem, and does not hide the other tasks. */
export function beginNeeds({ span, when }: NeedsQuery, reading: Reading): NeedsReading {
  const { count, byTask, incidents, add } = openTally()
  const problems: string[] = []
  let tasks = 0
  const emitProblem = (problem: string) => problems.push(problem)
  const needs = (isWhole: boolean): Needs => ({
    ...{ count, byTask, problems, tasks, isWhole, when },
    incidents: incidents(),
    now: reading.now,
  })

  async function readAllNeeds(): Promise<Needs> {
    const list = (signal: AbortSignal) => reading.ledger.tasks({ emitProblem, ...askOptions({ ...reading, signal }) })
    const check = (one: KnownTask, signal: AbortSignal) => findingsOf(one, span, { ...reading, signal })
    for await (const part of concurrently(list, check, [reading.signal])) {
      if (part === 'end') tasks += 1
      else if (typeof part === 'string') emitProblem(part)
      else add(part)
    }
    return needs(true)
  }

  return { whole: readAllNeeds(), soFar: () => needs(false) }
}

/** Yields the findings of a task, or the problem of one that cannot be checked, and then `end`. */
async function* findingsOf(task: KnownTask, span: Span, reading: Reading): AsyncGenerator<TaskFinding | string, void> {
  try {
    yield* findingsIn(task, span, reading)
  } catch (error) {
    yield `task ${task.task}: ${faultOf(error)}`
  }
  yield 'end'
}

export function findingsIn(task: KnownTask | string, { since, until }: Span, reading: Reading) {
  const range = { task, since: new Date(since), until: new Date(until) }
  return reading.ledger.check({ ...range, ...askOptions(reading) })
}

interface OpenTask extends Omit<TaskNeeds, 'kinds'> {
  readonly kinds: Map<TaskFinding['kind'], { count: number; readonly listed: TaskFinding[] }>
}

/** Counts all findings, and keeps those that a page lists. The findings must come task by task, and newest first for each. */
function openTally() {
  const count: Record<TaskFinding['kind'], number> = { ...NO_FINDINGS }
  const byTask = new Map<string, OpenTask>()
  const { add: addToIncidents, incidents } = collectIncidents()
  let listed = 0
  return {
    count,
    byTask,
    incidents,
    add(finding: TaskFinding): void {
      const { task, kind, owner } = finding
      addToIncidents(finding)
      count[kind] += 1
      const own = byTask.get(task) ?? { task, owner, kinds: new Map() }
      byTask.set(task, own)
      const group = own.kinds.get(kind) ?? { count: 0, listed: [] }
      own.kinds.set(kind, group)
      group.count += 1
      if (group.count > 1 && (group.count > MAX_OF_A_KIND || listed >= MAX_LISTED)) return
      group.listed.push(finding)
      listed += 1
    },
  }
}
