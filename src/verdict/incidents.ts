import { DAY_MS } from '../core/duration.ts'
import { formatInstant } from '../core/instant.ts'
import { groupedBy } from '../core/objects.ts'
import { decidingAttempt } from '../core/row/decide.ts'
import { NOTHING_LATER } from '../core/row/range.ts'
import { commonZone } from '../core/schedule/zone.ts'
import type { Instant, Key } from '../core/types.ts'
import { causeReported, endingText } from './endings.ts'
import {
  CAUSES,
  FINDING_KINDS,
  FINDINGS,
  type FindingKind,
  type IncidentCause,
  NO_FINDINGS,
  type TaskFinding,
} from './judge.ts'

export interface IncidentTask {
  readonly task: string
  readonly owner: string | undefined
  readonly counts: ReadonlyMap<FindingKind, number>
  readonly from: Instant
  readonly to: Instant
  /** The zone of the oldest slot, which may not be that of the newest one. */
  readonly fromZone: string
  readonly newest: TaskFinding
  /** The task whose problem keeps this one from starting (`--after`). Left out: none. */
  readonly blockedBy?: string
}

/**
 * Findings with one kind of cause. Those of several tasks began together: within an hour of each other, or while the
 * problems of the others went on. They are of at least three tasks, and of a twentieth of the tasks that were due then. If three
 * did so within half an hour, one or two that are further away are left out. So is a failure that began further away from all
 * others and says what none of them says. All other findings of a task are one incident of this task, however far apart they are.
 * A blocked slot belongs to the incident of the slot that blocks it.
 */
export interface Incident {
  /** It stays the same while the oldest of its slots is found, also if more tasks join it. */
  readonly id: string
  readonly cause: IncidentCause
  /** By name, and those that are blocked come last. */
  readonly tasks: readonly IncidentTask[]
  readonly from: Instant
  readonly to: Instant
  /** Its oldest slot, also if that was repaired since. */
  readonly began: Instant
  readonly slots: number
  /** The zone of more than half of the tasks, or else UTC. */
  readonly zone: string
  /** What most of its failures say: `22 of 27 report: connection to db-7 refused`. Null: no two say the same. */
  readonly says: string | null
  /** How many of its tasks each owner has, the most first. */
  readonly owners: ReadonlyMap<string, number>
}

const GAP_MS = DAY_MS / 24
/** Many tasks are due each half hour. What is further from the problems of three tasks has another cause more often. */
const NEAR_MS = GAP_MS / 2
/** A problem that begins later than this is not a part of the incident, or unrelated problems would be joined. */
const LONGEST_MS = 6 * GAP_MS
/** Fewer tasks than this often fail at the same time by chance, and of many tasks also more than these. */
const [MIN_TASKS, MIN_SHARE] = [3, 1 / 20]
/** So many tasks are one incident, however many were due. */
const ENOUGH_TASKS = 20
/** What the failures of a streak say is counted for this many texts. */
const MAX_TEXTS = 50
/** Memory holds this many rows of problems. With more of them, each task has one row for all later problems. */
const MAX_STREAKS = 20_000

/** Problems of one task with one kind of cause that follow each other. */
export interface Streak extends Omit<IncidentTask, 'from' | 'fromZone' | 'counts' | 'blockedBy'> {
  /** The slot that keeps the newest one from starting. Null: none does. */
  readonly blockedBy: Key | null
  readonly cause: IncidentCause
  readonly counts: Record<FindingKind, number>
  /** How many failures say each text. */
  readonly texts: Map<string, number>
  from: Instant
  fromZone: string
  /** When the last of its slots was repaired. Null: one of them is not. */
  endedAt: Instant | null
}

/** Returns how many tasks were due in a span. */
export type CountDue = (from: Instant, to: Instant) => number

/** Collects incidents. The findings of a task must come newest first. Without `countDue`, three tasks are enough. */
export function collectIncidents(countDue: CountDue = () => 0) {
  const found: Streak[] = []
  const open = new Map<string, Streak>()
  const all = (isWanted: (streak: Streak) => boolean, countOf: CountDue) => {
    // The slots of several tasks may have come mixed.
    const streaks = found
      .filter(isWanted)
      .toSorted((one, other) => (one.task < other.task ? -1 : Number(one.task > other.task)))
    const { roots, blocked } = rootsOf(streaks)
    return CAUSES.flatMap((cause) => incidentsOf(cause, roots, blocked, countOf))
  }
  return {
    /**
     * Returns the problems that the finding is one of, which belong to one incident. `endedAt`: when it was repaired since. Null:
     * it was not.
     */
    add(finding: TaskFinding, endedAt: Instant | null = null): Streak {
      const { kind, slot, owner, schedule, task, blockedBy = null } = finding
      const cause = finding.doubt === undefined ? FINDINGS[kind].cause : 'doubtful'
      const like = `${task} ${cause} ${blockedBy?.task}`
      let streak = open.get(like)
      if (streak === undefined || (isApart(slot, endedAt, streak) && found.length < MAX_STREAKS)) {
        streak = {
          task,
          owner,
          cause,
          blockedBy,
          counts: { ...NO_FINDINGS },
          texts: new Map(),
          from: slot,
          fromZone: schedule.zone,
          to: slot,
          // There may be many repaired ones, and their rows are not needed.
          newest: endedAt === null ? finding : { ...finding, row: null, own: null, older: [], later: NOTHING_LATER },
          endedAt,
        }
        found.push(streak)
        open.set(like, streak)
      }
      streak.from = slot
      streak.fromZone = schedule.zone
      streak.endedAt = endedAt === null || streak.endedAt === null ? null : Math.max(endedAt, streak.endedAt)
      streak.counts[kind] += 1
      const text = failureText(finding)
      if (text !== null && (streak.texts.size < MAX_TEXTS || streak.texts.has(text)))
        streak.texts.set(text, (streak.texts.get(text) ?? 0) + 1)
      return streak
    },
    /**
     * Returns the incidents so far: those of the most tasks first, then the most urgent ones, then those of the most slots.
     * `isWanted`: as if the others had not been found, where `countOf` counts the tasks that were looked at.
     */
    incidents: (isWanted: (streak: Streak) => boolean = () => true, countOf = countDue): readonly Incident[] =>
      all(isWanted, countOf)
        .map(({ incident }) => incident)
        .sort(byWeight),
    incidentsOfStreaks: (): ReadonlyMap<Streak, Incident> =>
      new Map(all(() => true, countDue).flatMap(({ incident, of }) => of.map((streak) => [streak, incident] as const))),
  }
}

/** Returns whether an older slot is far from the problems, or was repaired before they began. */
function isApart(slot: Instant, endedAt: Instant | null, { from }: Streak): boolean {
  return from - slot > GAP_MS || (endedAt !== null && endedAt <= from)
}

export function byWeight(one: Incident, other: Incident): number {
  return (
    other.tasks.length - one.tasks.length ||
    CAUSES.indexOf(one.cause) - CAUSES.indexOf(other.cause) ||
    other.slots - one.slots
  )
}

/** What a failure says of its cause, to follow how many say it. Null: it did not fail, or only waited for another one. */
function failureText({ kind, own, blockedBy }: TaskFinding): string | null {
  const attempt = kind === 'failed' && own !== null && blockedBy === undefined ? decidingAttempt(own) : undefined
  if (attempt?.phase !== 'ended') return null
  const reported = causeReported(attempt)
  return reported === null ? endingText(attempt) : `report: ${reported}`
}

type Blocked = ReadonlyMap<Streak | null, readonly Streak[]>

const taskOf = ({ task }: Streak) => task

/** Returns the streaks that none blocks, and those that each of them blocks, also by others. */
function rootsOf(streaks: readonly Streak[]): { readonly roots: readonly Streak[]; readonly blocked: Blocked } {
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
  const roots = blocked.get(null) ?? []
  blocked.delete(null)
  return { roots, blocked }
}

interface MadeIncident {
  readonly incident: Incident
  readonly of: readonly Streak[]
}

function incidentsOf(
  cause: IncidentCause,
  streaks: readonly Streak[],
  blocked: Blocked,
  countDue: CountDue,
): readonly MadeIncident[] {
  const isCommon = (some: readonly Streak[]) => areCommon(some, countDue)
  const common: MadeIncident[] = []
  const others: Streak[] = []
  const own = streaks.filter((streak) => streak.cause === cause)
  for (const all of begunTogether(own, GAP_MS)) {
    const group = withoutUnlike(all)
    const parts = [...begunTogether(group, NEAR_MS)]
    const [first, last] = [parts.findIndex(isCommon), parts.findLastIndex(isCommon)]
    const core = first === -1 ? (isCommon(group) ? group : []) : parts.slice(first, last + 1).flat()
    if (core.length > 0) common.push(incidentOf(cause, core, blocked))
    const inCore = new Set(core)
    for (const streak of all) if (!inCore.has(streak)) others.push(streak)
  }
  const ofOneTask = [...groupedBy(others, taskOf).values()].flatMap((streaks) => [...episodes(streaks)])
  return [...common, ...ofOneTask.map((streaks) => incidentOf(cause, streaks, blocked))]
}

/** Returns the problems, the oldest first, without the failures that say what no other one says, and began far from all of them. */
function withoutUnlike(streaks: readonly Streak[]): readonly Streak[] {
  const said = new Map<string, number>()
  for (const text of streaks.flatMap(({ texts }) => [...texts.keys()])) said.set(text, (said.get(text) ?? 0) + 1)
  const isNear = (from: Instant, other?: Streak) => other !== undefined && Math.abs(other.from - from) <= NEAR_MS
  return streaks.filter(
    ({ texts, from }, index) =>
      texts.size === 0 ||
      isNear(from, streaks[index - 1]) ||
      isNear(from, streaks[index + 1]) ||
      [...texts.keys()].some((text) => (said.get(text) ?? 0) > 1),
  )
}

/** Yields the problems of one task in groups. Those after a time at which all were repaired are another group. */
function* episodes(streaks: readonly Streak[]): Generator<readonly Streak[], void> {
  let group: Streak[] = []
  for (const streak of streaks.toSorted((one, other) => one.from - other.from)) {
    if (group.length > 0 && group.every(({ endedAt }) => endedAt !== null && endedAt <= streak.from)) {
      yield group
      group = []
    }
    group.push(streak)
  }
  if (group.length > 0) yield group
}

function areCommon(streaks: readonly Streak[], countDue: CountDue): boolean {
  const tasks = new Set(streaks.map(taskOf)).size
  if (tasks < MIN_TASKS || tasks >= ENOUGH_TASKS) return tasks >= ENOUGH_TASKS
  const begins = streaks.map(({ from }) => from)
  // Whole half hours, so that spans are asked for again and again.
  const [from, to] = [Math.floor(Math.min(...begins) / NEAR_MS), Math.ceil(Math.max(...begins) / NEAR_MS)]
  return tasks >= MIN_SHARE * countDue((from - 1) * NEAR_MS, (to + 1) * NEAR_MS)
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

/** Returns the incident that these problems are, which are known to belong together. */
export function incidentOfStreaks(streaks: readonly Streak[]): Incident {
  const { roots, blocked } = rootsOf(streaks)
  return incidentOf(roots[0]?.cause ?? 'broken', roots, blocked).incident
}

function incidentOf(cause: IncidentCause, roots: readonly Streak[], blocked: Blocked): MadeIncident {
  const followers = roots.flatMap((root) => blocked.get(root) ?? [])
  const ofRoots = new Set(roots.map(taskOf))
  const isOfRoot = ({ task }: Streak) => ofRoots.has(task)
  // A task that has problems of its own, and others because of another task, is one task.
  const own = [...roots, ...followers.filter(isOfRoot)]
  const tasks = [...joinedByTask(own), ...joinedByTask(followers.filter((streak) => !isOfRoot(streak)))]
  const from = Math.min(...tasks.map((one) => one.from))
  const oldest = tasks.find((one) => one.from === from)?.task
  const incident = {
    id: `${cause} ${oldest} ${formatInstant(from)}`,
    cause,
    tasks,
    from,
    to: Math.max(...tasks.map(({ to }) => to)),
    began: from,
    slots: tasks.flatMap(({ counts }) => [...counts.values()]).reduce((sum, count) => sum + count, 0),
    zone: commonZone(tasks.map(({ newest }) => newest.schedule)),
    says: saidBy(roots),
    owners: new Map(
      [...groupedBy(tasks, ({ owner = '' }) => owner)]
        .map(([owner, { length }]) => [owner, length] as const)
        .sort(([, one], [, other]) => other - one),
    ),
  }
  return { incident, of: [...roots, ...followers] }
}

function saidBy(streaks: readonly Streak[]): string | null {
  const texts = new Map<string, number>()
  for (const [text, count] of streaks.flatMap((streak) => [...streak.texts]))
    texts.set(text, (texts.get(text) ?? 0) + count)
  const [most] = [...texts].sort(([, one], [, other]) => other - one)
  const all = [...texts.values()].reduce((sum, count) => sum + count, 0)
  return most === undefined || most[1] < 2
    ? null
    : `${most[1] === all ? `all ${all}` : `${most[1]} of ${all}`} ${most[0]}`
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
  const countOf = (kind: FindingKind) => streaks.reduce((sum, { counts: one }) => sum + one[kind], 0)
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
