import type { TaskFinding } from '../../../core/task/findings.ts'
import type { Instant } from '../../../core/types.ts'
import { commonZone } from './axis.ts'

const HOUR_MS = 3_600_000

/** Problems belong together if no more time than this is between them. */
const GAP_MS = HOUR_MS
/**
 * Only this much of a row of problems of one task counts. Otherwise a task that fails in each of its slots for days would
 * join problems that have nothing to do with each other.
 */
const LONGEST_MS = 6 * HOUR_MS
/** Fewer tasks than this often fail at the same time by chance. */
const MIN_TASKS = 3
/** Memory holds this many rows of problems of all tasks. With more of them, nothing is said about a common cause. */
const MAX_STREAKS = 20_000

/**
 * Several tasks whose problems began in one time. `from` and `to` are the first and the last of these slots. A task that
 * had problems before is not counted.
 */
export interface Outage {
  readonly tasks: number
  readonly from: Instant
  readonly to: Instant
  /** The zone of more than half of these tasks, or else UTC. */
  readonly zone: string
}

/** Problems of one task that follow each other. */
interface Streak {
  readonly task: string
  readonly zone: string
  readonly from: Instant
  readonly to: Instant
}

/**
 * Finds the time in which the most tasks have problems. The findings must come task by task, and newest first for each
 * task.
 */
export function findOutage() {
  const streaks: Streak[] = []
  let task = ''
  let zone = ''
  /** The slots of the streak of `task` that is being added, newest first. */
  let slots: Instant[] = []

  function withOpen(): readonly Streak[] {
    const [to, from] = [slots[0], slots.at(-1)]
    return to === undefined || from === undefined ? streaks : [...streaks, { task, zone, from, to }]
  }

  return {
    add(found: Pick<TaskFinding, 'task' | 'slot' | 'schedule'>): void {
      const [newest, oldest] = [slots[0], slots.at(-1)]
      if (newest !== undefined && oldest !== undefined && (found.task !== task || oldest - found.slot > GAP_MS)) {
        if (streaks.length < MAX_STREAKS) streaks.push({ task, zone, from: oldest, to: newest })
        slots = []
      }
      task = found.task
      zone = found.schedule.zone
      slots.push(found.slot)
      while ((slots[0] ?? 0) - found.slot > LONGEST_MS) slots.shift()
    },
    outage: () => (streaks.length >= MAX_STREAKS ? null : outageOf(withOpen())),
  }
}

/** Returns the outage of the most tasks, and the newest one of these. Returns null if there is none of three tasks. */
function outageOf(streaks: readonly Streak[]): Outage | null {
  let worst: Outage | null = null
  let tasks = new Map<string, { readonly zone: string }>()
  let from = 0
  let to = Number.NEGATIVE_INFINITY
  for (const streak of streaks.toSorted((one, other) => one.from - other.from)) {
    if (streak.from - to > GAP_MS) {
      tasks = new Map()
      from = streak.from
    }
    tasks.set(streak.task, streak)
    to = Math.max(to, streak.to)
    if (tasks.size >= Math.max(MIN_TASKS, worst?.tasks ?? 0))
      worst = { tasks: tasks.size, from, to, zone: commonZone(tasks.values()) }
  }
  return worst
}
