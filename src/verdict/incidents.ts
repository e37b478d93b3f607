import { DAY_MS } from '../core/duration.ts'
import { groupedBy } from '../core/objects.ts'
import { commonZone } from '../core/schedule/zone.ts'
import type { Instant, Key } from '../core/types.ts'
import {
  CAUSES,
  FINDING_KINDS,
  FINDINGS,
  type FindingKind,
  type IncidentCause,
  NO_FINDINGS,
  type TaskFinding,
} from './judge.ts'

type Kind = FindingKind

export interface IncidentTask {
  readonly task: string
  readonly owner: string | undefined
  readonly counts: ReadonlyMap<Kind, number>
  readonly from: Instant
  readonly to: Instant
  /** The zone of the oldest slot, which may not be that of the newest one. */
  readonly fromZone: string
  readonly newest: TaskFinding
  /** The task whose problem keeps this one from starting (`--after`). Left out: none. */
  readonly blockedBy?: string
}

/**
 * Findings with one kind of cause. Those of at least three tasks began together: within an hour of each other, or while the
 * problems of the others went on. If three did so within half an hour, one or two that are further away are left out. All other
 * findings of a task are one incident of this task, however far apart they are. A blocked slot belongs to the incident of the
 * slot that blocks it.
 */
export interface Incident {
  readonly cause: IncidentCause
  /** By name, and those that are blocked come last. */
  readonly tasks: readonly IncidentTask[]
  readonly from: Instant
  readonly to: Instant
  readonly slots: number
  /** The zone of more than half of the tasks, or else UTC. */
  readonly zone: string
}

const GAP_MS = DAY_MS / 24
/** Many tasks are due each half hour. What is further from the problems of three tasks has another cause more often. */
const NEAR_MS = GAP_MS / 2
/** A problem that begins later than this is not a part of the incident, or unrelated problems would be joined. */
const LONGEST_MS = 6 * GAP_MS
/** Fewer tasks than this often fail at the same time by chance. */
const MIN_TASKS = 3
/** Memory holds this many rows of problems. With more of them, each task has one row for all later problems. */
const MAX_STREAKS = 20_000

/** Problems of one task with one kind of cause that follow each other. */
interface Streak extends Omit<IncidentTask, 'from' | 'fromZone' | 'counts' | 'blockedBy'> {
  /** The slot that keeps the newest one from starting. Null: none does. */
  readonly blockedBy: Key | null
  readonly cause: IncidentCause
  readonly counts: Record<Kind, number>
  from: Instant
  fromZone: string
}

/** Collects incidents. The findings must come task by task, and newest first for each task. */
export function collectIncidents() {
  const streaks: Streak[] = []
  let open = new Map<string, Streak>()
  let task = ''
  return {
    add(found: TaskFinding): void {
      if (found.task !== task) open = new Map()
      task = found.task
      const { kind, slot, owner, schedule } = found
      const cause = causeOf(found)
      const { blockedBy = null } = found
      const like = `${cause} ${blockedBy?.task}`
      let streak = open.get(like)
      if (streak === undefined || (streak.from - slot > GAP_MS && streaks.length < MAX_STREAKS)) {
        streak = {
          task,
          owner,
          cause,
          blockedBy,
          counts: { ...NO_FINDINGS },
          from: slot,
          fromZone: schedule.zone,
          to: slot,
          newest: found,
        }
        streaks.push(streak)
        open.set(like, streak)
      }
      streak.from = slot
      streak.fromZone = schedule.zone
      streak.counts[kind] += 1
    },
    /** Returns the incidents so far: those of the most tasks first, then the most urgent ones, then those of the most slots. */
    incidents: (): readonly Incident[] => {
      const blocked = blockedStreaks(streaks)
      const others = new Set([...blocked.values()].flat())
      const roots = streaks.filter((streak) => !others.has(streak))
      return CAUSES.flatMap((cause) => incidentsOf(cause, roots, blocked)).sort(byWeight)
    },
  }
}

function byWeight(one: Incident, other: Incident): number {
  return (
    other.tasks.length - one.tasks.length ||
    CAUSES.indexOf(one.cause) - CAUSES.indexOf(other.cause) ||
    other.slots - one.slots
  )
}

function causeOf({ doubt, kind }: TaskFinding): IncidentCause {
  return doubt === undefined ? FINDINGS[kind].cause : 'doubtful'
}

type Blocked = ReadonlyMap<Streak | null, readonly Streak[]>

const taskOf = ({ task }: Streak) => task

/** Returns the streaks that a streak blocks, also by others. It is not blocked itself. */
function blockedStreaks(streaks: readonly Streak[]): Blocked {
  const byTask = groupedBy(streaks, taskOf)
  const blockerOf = ({ blockedBy }: Streak) =>
    blockedBy && byTask.get(blockedBy.task)?.find(({ from, to }) => from <= blockedBy.slot && blockedBy.slot <= to)
  const rootOf = (streak: Streak) => {
    let root = streak
    // Records may have changed into a circle since, so each streak is visited once.
    for (let left = streaks.length, next = blockerOf(root); next && left > 0; left--, next = blockerOf(root))
      root = next
    return root === streak || blockerOf(root) ? null : root
  }
  const blocked = groupedBy(streaks, rootOf)
  blocked.delete(null)
  return blocked
}

function incidentsOf(cause: IncidentCause, streaks: readonly Streak[], blocked: Blocked): readonly Incident[] {
  const common: Incident[] = []
  const others: Streak[] = []
  const own = streaks.filter((streak) => streak.cause === cause)
  for (const group of begunTogether(own, GAP_MS)) {
    const parts = [...begunTogether(group, NEAR_MS)]
    const [first, last] = [parts.findIndex(isCommon), parts.findLastIndex(isCommon)]
    const core = first === -1 ? (isCommon(group) ? group : []) : parts.slice(first, last + 1).flat()
    if (core.length > 0) common.push(incidentOf(cause, core, blocked))
    const inCore = new Set(core)
    for (const streak of group) if (!inCore.has(streak)) others.push(streak)
  }
  return [...common, ...[...groupedBy(others, taskOf).values()].map((streaks) => incidentOf(cause, streaks, blocked))]
}

function isCommon(streaks: readonly Streak[]): boolean {
  return new Set(streaks.map(taskOf)).size >= MIN_TASKS
}

/** Yields the streaks in groups, the oldest first. `gapMs` after the problems of a group, another one begins. */
function* begunTogether(streaks: readonly Streak[], gapMs: number): Generator<readonly Streak[], void> {
  let group: Streak[] = []
  let from = 0
  let to = 0
  for (const streak of streaks.toSorted((one, other) => one.from - other.from)) {
    if (group.length === 0 || streak.from - to > gapMs || streak.from - from > LONGEST_MS) {
      if (group.length > 0) yield group
      group = []
      from = streak.from
      to = streak.to
    }
    group.push(streak)
    to = Math.max(to, streak.to)
  }
  if (group.length > 0) yield group
}

function incidentOf(cause: IncidentCause, roots: readonly Streak[], blocked: Blocked): Incident {
  const followers = roots.flatMap((root) => blocked.get(root) ?? [])
  const tasks = [...joinedByTask(roots), ...joinedByTask(followers)]
  return {
    cause,
    tasks,
    from: Math.min(...tasks.map(({ from }) => from)),
    to: Math.max(...tasks.map(({ to }) => to)),
    slots: tasks.flatMap(({ counts }) => [...counts.values()]).reduce((sum, count) => sum + count, 0),
    zone: commonZone(tasks.map(({ newest }) => newest.schedule)),
  }
}

function joinedByTask(streaks: readonly Streak[]): readonly IncidentTask[] {
  const byTask = groupedBy(
    streaks.toSorted((one, other) => one.from - other.from),
    taskOf,
  )
  return [...byTask.values()].flatMap(joined).sort((one, other) => (one.task < other.task ? -1 : 1))
}

/** Returns the streaks of one task, the oldest first, as one. Returns none for none. */
function joined(streaks: readonly Streak[]): readonly IncidentTask[] {
  const [oldest, last] = [streaks[0], streaks.at(-1)]
  if (oldest === undefined || last === undefined) return []
  const { task, owner, to, newest, blockedBy } = last
  const countOf = (kind: Kind) => streaks.reduce((sum, { counts: one }) => sum + one[kind], 0)
  const counts = new Map(FINDING_KINDS.map((kind) => [kind, countOf(kind)] as const).filter(([, count]) => count > 0))
  return [
    {
      task,
      owner,
      counts,
      from: oldest.from,
      fromZone: oldest.fromZone,
      to,
      newest,
      ...(blockedBy && { blockedBy: blockedBy.task }),
    },
  ]
}
