import { tasksAfter } from '../core/task/pattern.ts'
import type { Key } from '../core/types.ts'
import type { VerdictRule } from './situations.ts'

export interface SlotToRun extends Key {
  readonly work: VerdictRule['work']
}

export type Upstreams = ReadonlyMap<string, readonly string[]>

/** A slot in a plan. It waits for those above it only, so no circle of tasks can hold it up. */
export type InOrder<Slot> = Slot & {
  /** The numbers of the slots that end before it begins: the last one above it of its own task, and of each task that it comes after. */
  readonly after: readonly number[]
}

/** Returns the slots in their order: tasks for which no work was done first, then by slot, depth and name. */
export function planSteps<Slot extends SlotToRun>(slots: readonly Slot[], upstreams: Upstreams) {
  const waitsFor = waitsOf(new Set(slots.map(({ task }) => task)), upstreams)
  const depths = depthsOf(waitsFor)
  const isUnsafe = new Set(
    slots.flatMap(({ task, work }) => (work === 'not done' && depths.get(task) === 0 ? [] : task)),
  )
  const rankOf = ({ task }: Slot) => (isUnsafe.has(task) ? 1 : 0)
  const inOrder = slots.toSorted(
    (one, other) =>
      rankOf(one) - rankOf(other) ||
      one.slot - other.slot ||
      (depths.get(one.task) ?? 0) - (depths.get(other.task) ?? 0) ||
      (one.task < other.task ? -1 : 1),
  )
  const last = new Map<string, number>()
  return inOrder.map((slot, number) => {
    const after = [slot.task, ...(waitsFor.get(slot.task) ?? [])].flatMap((task) => last.get(task) ?? [])
    last.set(slot.task, number)
    return { ...slot, after }
  })
}

/** Returns the tasks that each of `tasks` comes after, of these tasks. A task may come after its own slots, too. */
export function waitsOf(tasks: ReadonlySet<string>, upstreams: Upstreams) {
  const othersOf = (task: string, after: readonly string[]) =>
    after.length === 0 ? [] : tasksAfter(after, task, tasks).filter((one) => tasks.has(one) && one !== task)
  return new Map([...tasks].map((task) => [task, othersOf(task, upstreams.get(task) ?? [])]))
}

/** Returns how many tasks, one after the other, each task comes after. A circle counts once. */
export function depthsOf(waitsFor: Upstreams): ReadonlyMap<string, number> {
  const depths = new Map<string, number>()
  const depthOf = (task: string): number => {
    const known = depths.get(task)
    if (known !== undefined) return known
    depths.set(task, 0)
    const depth = Math.max(0, ...(waitsFor.get(task) ?? []).map((one) => 1 + depthOf(one)))
    depths.set(task, depth)
    return depth
  }
  for (const task of waitsFor.keys()) depthOf(task)
  return depths
}

/**
 * Returns about how many milliseconds these steps take: the longest chain of those that wait for each other, or the time of all
 * of them shared among `jobs` tasks, whichever is longer. `isLeft` says which steps are still to run.
 */
export function usualTimeOf(
  steps: readonly InOrder<Pick<SlotToRun, 'task'>>[],
  usualMs: ReadonlyMap<string, number>,
  jobs: number,
  isLeft: (number: number) => boolean = () => true,
): number {
  const ends: number[] = []
  let [total, longest] = [0, 0]
  for (const [number, { task, after }] of steps.entries()) {
    const ms = isLeft(number) ? (usualMs.get(task) ?? 0) : 0
    const end = ms + Math.max(0, ...after.map((one) => ends[one] ?? 0))
    ends.push(end)
    total += ms
    longest = Math.max(longest, end)
  }
  return Math.max(total / jobs, longest)
}
