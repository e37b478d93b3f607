import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { dueKeys, type TaskInForce } from '../core/task/expected-slots.ts'
import { readableSchedules } from '../core/task/schedules-in-force.ts'
import { gapsOf } from '../core/task/suspensions.ts'
import type { CountDue } from '../verdict/incidents.ts'
import type { KnownTask } from './tasks.ts'

/** After this many slots, stop signals and printed output get their turn. */
const SLOTS_PER_YIELD = 100

/** Returns a function that counts the tasks with a slot in a span. A task whose schedule cannot be read has none. */
export function countDueOf(tasks: readonly KnownTask[]): CountDue {
  const memo = new Map<string, TaskInForce>()
  const counts = new Map<string, number>()
  const inForce = (known: KnownTask) => {
    const { task } = known
    const made = memo.get(task) ?? { task, schedules: readableSchedules(known.schedules), gaps: gapsOf(known) }
    memo.set(task, made)
    return made
  }
  return (from, to) => {
    const asked = `${tasks.length} ${from} ${to}`
    const count = counts.get(asked) ?? tasks.filter((one) => !dueKeys([inForce(one)], from, to + 1).next().done).length
    counts.set(asked, count)
    return count
  }
}

export async function* yieldingOften<T>(items: Iterable<T>, pause: () => Promise<unknown> = yieldToEventLoop) {
  let count = 0
  for (const item of items) {
    yield item
    count += 1
    if (count % SLOTS_PER_YIELD === 0) await pause()
  }
}
