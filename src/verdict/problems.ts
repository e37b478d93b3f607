import { groupedBy } from '../core/objects.ts'
import { decidingAttempt } from '../core/row/decide.ts'
import { reportedFacts } from '../core/row/report.ts'
import { commonZone } from '../core/schedule/zone.ts'
import { expectedText } from '../core/task/rules.ts'
import type { Instant, Key } from '../core/types.ts'
import { endingText } from './endings.ts'
import { FINDING_KINDS, type FindingKind, isFinding, type JudgedSlot, NO_FINDINGS, type TaskFinding } from './judge.ts'
import { unmetOf } from './remarks.ts'

// What is open, grouped once for every surface. The findings of one task, of one kind and with the same words, between two of
// its slots that are done, are a streak. A problem is streaks of one kind and the same words that began together. A finding that
// waits for another task stands below the problem that has the slot for which it waits.

export interface ProblemTask {
  readonly task: string
  readonly owner: string | undefined
  /** The newest first. */
  readonly slots: readonly Instant[]
  readonly from: Instant
  readonly to: Instant
  /** The zone of the oldest slot, which may not be that of the newest one. */
  readonly fromZone: string
  readonly newest: TaskFinding
  /** Whether the newest slot of the task that is over is one of these. */
  readonly isStill: boolean
  readonly waitsFor?: string
}

export interface Problem {
  readonly kind: FindingKind
  /** What is wrong, as most of its slots say it. Null: the kind says it all. Not yet safe to show. */
  readonly words: string | null
  readonly alike: number
  readonly tasks: readonly ProblemTask[]
  readonly waiting: readonly ProblemTask[]
  readonly from: Instant
  readonly to: Instant
  readonly slots: number
  /** How many of its tasks, also of those that wait, have had no success since. */
  readonly still: number
  /** The zone of more than half of the tasks, or else UTC. */
  readonly zone: string
}

const HOUR_MS = 3_600_000
const LONGEST_MS = 6 * HOUR_MS
/** The texts of a streak are counted up to this many. */
const MAX_TEXTS = 50
/** Memory holds this many streaks. With more of them, those of one task with the same words are one. */
const MAX_STREAKS = 20_000

/** Findings of one task, of one kind and with the same words, between two slots that are done. */
export interface Streak {
  readonly task: string
  readonly newest: TaskFinding
  /** The newest first. */
  readonly slots: Instant[]
  /** It is equal for the same kind and words. */
  readonly like: string
  readonly waitsFor: Key | null
  readonly texts: Map<string, number>
  fromZone: string
}

/** All findings of one task between two of its slots that are done. Those of slots that are done or run are a bout of their own. */
export interface Bout {
  readonly task: string
  readonly sort: 'work' | 'look'
  readonly streaks: Map<string, Streak>
  /** A later slot completed without anything unusual. */
  readonly isPast: boolean
}

interface TaskSlots {
  readonly bouts: Bout[]
  /** Those that may go on. */
  readonly open: Map<Bout['sort'], Bout>
  readonly count: Map<FindingKind, number>
  /** The spans of slots that are done, without another slot between them. */
  readonly done: { readonly to: Instant; from: Instant }[]
  readonly moving: Instant[]
  newestOver: Instant | null
  wasDone: boolean
  hasCalm: boolean
}

/** Collects problems from all slots that were read, not only from findings. Those of each task must come newest first. */
export function collectProblems() {
  let streaksSoFar = 0
  const byTask = new Map<string, TaskSlots>()
  return {
    byTask,
    /** `isWanted`: whether a finding is asked for. One that is not still says which slot of its task is the newest. */
    add(one: JudgedSlot, isWanted = true): void {
      const { task, slot, status, schedule } = one
      const own = byTask.get(task) ?? emptyTask()
      byTask.set(task, own)
      if (isOver(one)) own.newestOver ??= slot
      if (status === 'running' || status === 'waiting') own.moving.push(slot)
      const isDone = status === 'completed' || status === 'skipped'
      if (isDone) {
        const last = own.done.at(-1)
        if (last !== undefined && own.wasDone) last.from = slot
        else own.done.push({ from: slot, to: slot })
        if (streaksSoFar < MAX_STREAKS) {
          own.open.delete('work')
          if (!isFinding(one)) own.open.delete('look')
        }
        // A slot that an operator has settled is unusual all the same.
        own.hasCalm ||= status === 'completed' && Object.values(one.remarks).every(({ isFinding }) => !isFinding)
      }
      own.wasDone = isDone
      if (!isFinding(one) || !isWanted) return
      own.count.set(one.kind, (own.count.get(one.kind) ?? 0) + 1)
      const sort = isOfDone(one) ? 'look' : 'work'
      let bout = own.open.get(sort)
      if (bout === undefined) {
        bout = { task, sort, streaks: new Map(), isPast: sort === 'look' && own.hasCalm }
        own.open.set(sort, bout)
        own.bouts.push(bout)
      }
      const { words, like } = wordsOf(one)
      const waitsFor = one.blockedBy ?? null
      const key = waitsFor !== null && streaksSoFar < MAX_STREAKS ? `${like} ${waitsFor.slot}` : like
      let streak = bout.streaks.get(key)
      if (streak === undefined) {
        streak = { task, like, waitsFor, newest: one, slots: [], texts: new Map(), fromZone: schedule.zone }
        streaksSoFar += 1
        bout.streaks.set(key, streak)
      }
      streak.slots.push(slot)
      streak.fromZone = schedule.zone
      const { texts } = streak
      if (words !== null && (texts.size < MAX_TEXTS || texts.has(words))) texts.set(words, (texts.get(words) ?? 0) + 1)
    },
    /** Forgets the slots of a task, which will be read again. */
    forget: (task: string) => byTask.delete(task),
    count(isWanted: (task: string) => boolean = () => true): Readonly<Record<FindingKind, number>> {
      const sum: Record<FindingKind, number> = { ...NO_FINDINGS }
      for (const [task, { count }] of byTask) if (isWanted(task)) for (const [kind, slots] of count) sum[kind] += slots
      return sum
    },
    /** Returns the problems so far. Those that most tasks still have come first. `isWanted`: as if there were no others. */
    problems: (isWanted: (streak: Streak) => boolean = () => true) => problemsOf(byTask, isWanted),
  }
}

function emptyTask(): TaskSlots {
  return {
    bouts: [],
    open: new Map(),
    count: new Map(),
    done: [],
    moving: [],
    newestOver: null,
    wasDone: false,
    hasCalm: false,
  }
}

function problemsOf(byTask: ReadonlyMap<string, TaskSlots>, isWanted: (streak: Streak) => boolean): readonly Problem[] {
  const bouts = [...byTask.values()].flatMap((own) => own.bouts)
  const streaks = bouts.flatMap((bout) => [...bout.streaks.values()]).filter(isWanted)
  const [begun, waits] = [true, false].map((is) => streaks.filter(({ waitsFor }) => (waitsFor === null) === is))
  const waiting = groupedBy(waits ?? [], rootsIn(streaks))
  const isDone = ({ task, slot }: Key) =>
    byTask.get(task)?.done.some(({ from, to }) => from <= slot && slot <= to) === true
  // A task that failed and is missed now has done nothing since.
  const isStill = ({ task, streaks: own }: Bout) => {
    const newest = Math.max(...[...own.values()].map(({ slots: [last = 0] }) => last))
    return newest >= (byTask.get(task)?.newestOver ?? newest)
  }
  const still = new Set(bouts.filter(isStill).flatMap((bout) => [...bout.streaks.values()]))
  const stillOf = (streak: Streak) => still.has(streak)
  const waited = groupedBy(
    waiting.get(null) ?? [],
    ({ waitsFor }) => waitsFor && `waited for ${waitsFor.task}${isDone(waitsFor) ? ', which is done' : ''}`,
  )
  return [
    ...[...begunTogether(begun ?? [])].map((own) =>
      problemOf(
        own,
        own.flatMap((one) => waiting.get(one) ?? []),
        null,
        stillOf,
      ),
    ),
    ...[...waited].map(([words, own]) => problemOf(own, [], words, stillOf)),
  ].sort(byWeight)
}

/** Returns whether the finding is one of a slot that is done or runs: it does not say that its work is not done. */
export function isOfDone({ kind }: TaskFinding): boolean {
  return kind === 'unusual' || kind === 'late'
}

/** A slot that goes on, or may still start, says nothing of whether its task has a problem. */
function isOver({ status }: JudgedSlot): boolean {
  return status !== null && !GOING_ON.has(status)
}

const GOING_ON: ReadonlySet<NonNullable<JudgedSlot['status']>> = new Set([
  'running',
  'waiting',
  'due',
  'scheduled',
  'overdue',
])

/** Returns what is said to be wrong, or null, and a text that is equal for the same kind and words. */
export function wordsOf(found: TaskFinding): { readonly words: string | null; readonly like: string } {
  const { kind, own, blockedBy } = found
  if (blockedBy !== undefined) return { words: null, like: `waits ${blockedBy.task}` }
  if (kind === 'unusual') {
    const words = unmetOf(found)
      .map((one) => `${one.name} ${expectedText({ ...one, usual: null, slots: 1 })}`)
      .join(', ')
    return { words, like: `${kind} ${words}` }
  }
  const attempt = kind === 'failed' && own !== null ? decidingAttempt(own) : undefined
  if (own === null || attempt?.phase !== 'ended') return { words: null, like: kind }
  if (own.resolutions.some(({ afterAttempt }) => afterAttempt >= attempt.number))
    return { words: 'marked as failed', like: `${kind} marked` }
  const reported = reportedFacts(attempt.report) === null ? firstLineOf(attempt.report) : undefined
  if (reported !== undefined) return { words: reported, like: `${kind} ${alikeText(reported)}` }
  const words = endingText(attempt).replace(/^failed \((.*)\)$/, '$1')
  return { words, like: `${kind} ended ${words}` }
}

const MAX_WORDS = 200

function firstLineOf(report = ''): string | undefined {
  const line = report
    .split('\n')
    .map((text) => text.trim())
    .find((text) => text !== '')
  return line !== undefined && line.length > MAX_WORDS ? `${[...line].slice(0, MAX_WORDS).join('')}…` : line
}

/** Each piece of ASCII letters, digits, `.`, `_` and `-` that has a digit is one sign: a row number, an address, an id. */
function alikeText(line: string): string {
  return line.replace(/[A-Za-z\p{Nd}._-]+/gu, (piece) => (/\p{Nd}/u.test(piece) ? '#' : piece))
}

/** Yields groups of streaks of one kind and the same words. Each began within an hour of the one before. */
function* begunTogether(streaks: readonly Streak[]): Generator<readonly Streak[], void> {
  for (const alike of groupedBy(streaks, ({ like }) => like).values()) {
    let group: Streak[] = []
    for (const streak of alike.sort((one, other) => beginOf(one) - beginOf(other))) {
      const [first, last] = [group[0], group.at(-1)]
      const begin = beginOf(streak)
      if (first && last && (begin - beginOf(last) > HOUR_MS || begin - beginOf(first) > LONGEST_MS)) {
        yield group
        group = []
      }
      group.push(streak)
    }
    yield group
  }
}

export function beginOf({ slots }: Streak): Instant {
  return slots.at(-1) ?? 0
}

/** Returns how to find the streak that has the slot for which another one waits, through others that wait. Null: none has it. */
function rootsIn(streaks: readonly Streak[]) {
  const byTask = groupedBy(streaks, ({ task }) => task)
  const bySlot = new Map<string, ReadonlyMap<Instant, Streak>>()
  const slotsOf = (task: string) => {
    const known =
      bySlot.get(task) ?? new Map(byTask.get(task)?.flatMap((one) => one.slots.map((slot) => [slot, one] as const)))
    bySlot.set(task, known)
    return known
  }
  return (streak: Streak): Streak | null => {
    let root: Streak | undefined = streak
    // Records may have changed into a circle since.
    for (const seen = new Set<Streak>(); root?.waitsFor && !seen.has(root); ) {
      seen.add(root)
      root = slotsOf(root.waitsFor.task).get(root.waitsFor.slot)
    }
    return root?.waitsFor === null ? root : null
  }
}

function problemOf(
  streaks: readonly Streak[],
  followers: readonly Streak[],
  wait: string | null,
  stillOf: (streak: Streak) => boolean,
): Problem {
  const tasks = tasksOf(streaks, stillOf)
  const waiting = tasksOf(followers, stillOf)
  const texts = new Map<string, number>()
  for (const [text, count] of streaks.flatMap((streak) => [...streak.texts]))
    texts.set(text, (texts.get(text) ?? 0) + count)
  const [most] = [...texts].sort(([one, count], [other, others]) => others - count || (one < other ? -1 : 1))
  const kinds = new Set(streaks.map(({ newest }) => newest.kind))
  return {
    kind: FINDING_KINDS.find((kind) => kinds.has(kind)) ?? 'failed',
    words: wait ?? most?.[0] ?? null,
    alike: Math.max(0, texts.size - 1),
    tasks,
    waiting,
    from: Math.min(...tasks.map(({ from }) => from)),
    to: Math.max(...tasks.map(({ to }) => to)),
    slots: tasks.reduce((sum, { slots }) => sum + slots.length, 0),
    still: new Set([...tasks, ...waiting].flatMap(({ task, isStill }) => (isStill ? [task] : []))).size,
    zone: commonZone(tasks.map(({ newest }) => newest.schedule)),
  }
}

function tasksOf(streaks: readonly Streak[], stillOf: (streak: Streak) => boolean): readonly ProblemTask[] {
  return [...groupedBy(streaks, ({ task, waitsFor }) => JSON.stringify([task, waitsFor?.task])).values()]
    .flatMap((own) => {
      const [last, ...older] = own.sort((one, other) => beginOf(other) - beginOf(one))
      if (last === undefined) return []
      const slots = own.flatMap((one) => one.slots).sort((one, other) => other - one)
      const { task, newest, waitsFor } = last
      return {
        task,
        owner: newest.owner,
        slots,
        newest,
        isStill: own.some(stillOf),
        from: slots.at(-1) ?? 0,
        to: slots[0] ?? 0,
        fromZone: (older.at(-1) ?? last).fromZone,
        ...(waitsFor && { waitsFor: waitsFor.task }),
      }
    })
    .sort((one, other) => (one.task < other.task ? -1 : Number(one.task > other.task)))
}

function byWeight(one: Problem, other: Problem): number {
  return (
    other.still - one.still ||
    other.tasks.length - one.tasks.length ||
    FINDING_KINDS.indexOf(one.kind) - FINDING_KINDS.indexOf(other.kind) ||
    other.slots - one.slots ||
    other.from - one.from
  )
}
