import { NO_FINDINGS, type TaskFinding } from '../../../core/task/findings.ts'
import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import type { Status } from '../../../core/types.ts'

/** The kinds of findings of each task that has one. */
export type KindsOfTasks = ReadonlyMap<string, ReadonlySet<TaskFinding['kind']>>

/** The states by which tasks can be filtered, the most urgent first. */
export const TASK_STATES = [
  'failed',
  'stale',
  'missed',
  'overdue',
  'late',
  'running',
  'waiting',
  'skipped',
  'unknown',
  'paused',
  'retired',
] as const
export type TaskState = (typeof TASK_STATES)[number]

export function isTaskState(text: string): text is TaskState {
  return TASK_STATES.some((state) => state === text)
}

/** Returns whether the findings of `check` say which tasks have this state. */
export function isFindingKind(state: TaskState): state is TaskFinding['kind'] {
  return state in NO_FINDINGS
}

interface StateFacts {
  readonly task: string
  /** The status of the newest slot that was due. Null if there is none. */
  readonly newest: Status | null
  readonly suspended: FoundSuspension | null
}

/**
 * Returns what is not usual about a task: the status of its newest slot, what needs attention, and whether it is paused. A
 * retired task has no other state.
 */
export function statesOf({ task, newest, suspended }: StateFacts, kinds: KindsOfTasks): ReadonlySet<TaskState> {
  if (suspended?.kind === 'retirement') return new Set<TaskState>(['retired'])
  const states = new Set<TaskState>(kinds.get(task))
  if (suspended !== null) states.add('paused')
  if (newest !== null && isTaskState(newest)) states.add(newest)
  return states
}

/** How many tasks have each state. States that no task has are left out. */
export type StateCounts = readonly { readonly state: TaskState; readonly count: number }[]

export function countStates(tasks: Iterable<ReadonlySet<TaskState>>): StateCounts {
  const counts = new Map<TaskState, number>()
  for (const states of tasks) for (const state of states) counts.set(state, (counts.get(state) ?? 0) + 1)
  return TASK_STATES.flatMap((state) => {
    const count = counts.get(state)
    return count === undefined ? [] : [{ state, count }]
  })
}

/** Tasks that stand together. `name` is the line above them, or null where they have none. */
export interface TaskGroup<Task> {
  readonly kind: 'attention' | 'prefix' | 'others'
  readonly name: string | null
  readonly tasks: readonly Task[]
}

/**
 * Puts the tasks that need attention first, and then groups the others by the part of their name before the first slash,
 * where at least two tasks share it. The tasks must be in the order of their names. Within a group they stay in that order.
 */
export function groupTasks<Task extends { readonly task: string }>(
  tasks: readonly Task[],
  needsAttention: (task: Task) => boolean,
): readonly TaskGroup<Task>[] {
  const first = tasks.filter(needsAttention)
  const calm = tasks.filter((task) => !needsAttention(task))
  const byPrefix = new Map<string, Task[]>()
  for (const task of calm) {
    const prefix = prefixOf(task.task)
    if (prefix !== null) {
      const shared = byPrefix.get(prefix)
      if (shared === undefined) byPrefix.set(prefix, [task])
      else shared.push(task)
    }
  }
  const groups: { kind: 'prefix' | 'others'; name: string | null; tasks: Task[] }[] = []
  for (const task of calm) {
    const prefix = prefixOf(task.task)
    const shared = prefix === null ? [] : (byPrefix.get(prefix) ?? [])
    const last = groups.at(-1)
    if (shared.length < 2) {
      if (last?.kind === 'others') last.tasks.push(task)
      else groups.push({ kind: 'others', name: null, tasks: [task] })
    } else if (shared[0] === task) {
      groups.push({ kind: 'prefix', name: prefix, tasks: shared })
    }
  }
  return first.length === 0 ? groups : [{ kind: 'attention', name: 'Needs attention', tasks: first }, ...groups]
}

/** Returns `billing/` for `billing/invoices`, or null for a name without a slash. */
function prefixOf(task: string): string | null {
  const end = task.indexOf('/', 1)
  return end < 0 ? null : task.slice(0, end + 1)
}
