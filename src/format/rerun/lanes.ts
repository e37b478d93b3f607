import { groupedBy } from '../../core/objects.ts'
import { tasksAfter } from '../../core/task/pattern.ts'
import { depthOf } from '../../verdict/upstream.ts'
import type { ShownSlot } from '../slot/show.ts'

/** A task whose slots the script runs: one after the other, the oldest first. */
interface Lane {
  readonly task: string
  /** Counts from 1. */
  readonly number: number
  /** The lanes of the tasks that it comes after. */
  readonly after: readonly number[]
}

export interface SlotInLane {
  readonly lane: Lane
  readonly shown: ShownSlot
}

type Upstreams = ReadonlyMap<string, readonly string[]>

/**
 * Returns the slots in the order of the script. Tasks for which no work was done come first, then the oldest slot. A slot waits
 * for those above it, of its lane and of the lanes that it comes after: no circle of tasks can hold it up.
 */
export function slotsInLanes(slots: readonly ShownSlot[], upstreams: Upstreams): readonly SlotInLane[] {
  const byTask = groupedBy(slots, ({ task }) => task)
  const tasks = new Set(byTask.keys())
  const ranks = new Map(
    [...byTask].map(([task, own]) => {
      const depth = depthOf(task, tasks, upstreams)
      const isSafe = depth === 0 && own.every(({ verdict }) => verdict.work === 'not done')
      return [task, { depth, rank: isSafe ? 0 : 1 }]
    }),
  )
  const of = ({ task }: ShownSlot) => ranks.get(task) ?? { depth: 0, rank: 0 }
  const inOrder = slots.toSorted(
    (one, other) =>
      of(one).rank - of(other).rank ||
      one.slot - other.slot ||
      of(one).depth - of(other).depth ||
      (one.task < other.task ? -1 : 1),
  )
  const numbers = new Map([...new Set(inOrder.map(({ task }) => task))].map((task, index) => [task, index + 1]))
  const lanes = new Map(
    [...numbers].map(([task, number]) => {
      const upstream = tasksAfter(upstreams.get(task) ?? [], task, tasks)
      const after = upstream.flatMap((one) => (one === task ? [] : (numbers.get(one) ?? [])))
      return [task, { task, number, after }]
    }),
  )
  return inOrder.flatMap((shown) => {
    const lane = lanes.get(shown.task)
    return lane === undefined ? [] : [{ lane, shown }]
  })
}

/**
 * Returns about how many milliseconds the slots take: the longest chain of those that wait for each other, or the time of all of
 * them shared among `jobs`, whichever is longer.
 */
export function usualTimeOf(slots: readonly SlotInLane[], usualMs: ReadonlyMap<string, number>, jobs: number): number {
  const ends = new Map<number, number>()
  let [total, longest] = [0, 0]
  for (const { lane } of slots) {
    const ms = usualMs.get(lane.task) ?? 0
    const end = ms + Math.max(...[lane.number, ...lane.after].map((number) => ends.get(number) ?? 0))
    ends.set(lane.number, end)
    total += ms
    longest = Math.max(longest, end)
  }
  return Math.max(total / jobs, longest)
}
