import { isKeyOf } from '../../../core/objects.ts'
import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import { FINDINGS, type FindingKind } from '../../../verdict/judge.ts'
import { MOST_URGENT_FIRST } from '../frame/marks.ts'
import type { Needs } from './needs.tsx'

export type TaskState = FindingKind | 'paused' | 'retired'

/** The states by which tasks can be filtered, the most urgent first. */
export const TASK_STATES: readonly TaskState[] = [
  ...MOST_URGENT_FIRST.filter((mark) => isKeyOf(mark, FINDINGS)),
  'paused',
  'retired',
]

/** Returns what is not usual about a task: what needs attention, and whether it is paused. A retired task has no other state. */
export function statesOf(
  kinds: ReturnType<Needs['byTask']['get']>,
  suspended: FoundSuspension | null,
): ReadonlySet<TaskState> {
  if (suspended?.kind === 'retirement') return new Set<TaskState>(['retired'])
  const states = new Set<TaskState>(kinds?.keys())
  if (suspended !== null) states.add('paused')
  return states
}

/** How many tasks have each state. States that no task has are left out. */
export type StateCounts = readonly { readonly state: TaskState; readonly count: number }[]

export function countStates(tasks: readonly ReadonlySet<TaskState>[]): StateCounts {
  return TASK_STATES.map((state) => ({ state, count: tasks.filter((states) => states.has(state)).length })).filter(
    ({ count }) => count > 0,
  )
}

/** Tasks that stand together. `name` is the line above them, or null where they have none. */
export interface TaskGroup<Task> {
  readonly name: string | null
  readonly tasks: readonly Task[]
}

/** Puts the tasks that need attention first, and the retired ones last. Within a group, they keep their order. */
export function groupTasks<Task>(
  tasks: readonly Task[],
  { needsAttention, isRetired }: Readonly<Record<'needsAttention' | 'isRetired', (task: Task) => boolean>>,
): readonly TaskGroup<Task>[] {
  const groups = [
    { name: 'Needs attention', tasks: tasks.filter((task) => !isRetired(task) && needsAttention(task)) },
    { name: null, tasks: tasks.filter((task) => !isRetired(task) && !needsAttention(task)) },
    { name: 'Retired', tasks: tasks.filter(isRetired) },
  ]
  return groups.filter((group) => group.tasks.length > 0)
}
