import { formatDuration } from '../core/duration.ts'
import { formatInstant } from '../core/instant.ts'
import { attemptCount, hasStarted } from '../core/row/attempts.ts'
import { terminalState } from '../core/row/decide.ts'
import type { TaskFinding } from '../core/task/findings.ts'
import type { AttemptRecord, Instant, Row } from '../core/types.ts'
import { zonedTime } from './local-time.ts'
import type { LogObject } from './log/log.ts'
import { attentionSteps, decisionSteps, lookStep, rangeSteps, showStep } from './steps/next-steps.ts'
import { type NextStep, ofRow, ownerLines, type StepTarget, stepLines } from './steps/step.ts'
import { elapsed, printable, progressText } from './text.ts'

/** How the commands for a finding name the ledger and the schedule. */
export interface CheckedLedger {
  readonly store: string
  /** The user gave the schedule, so the ledger may have no task record. */
  readonly hasOwnSchedule: boolean
}

/**
 * Returns a finding as one line of text:
 * `missed  nightly  2026-11-24T03:00:00Z  2026-11-24 12:00 JST  due 3h 0m ago, no run is recorded`.
 */
export function findingLine(found: TaskFinding, now: Instant): string {
  const { kind, task, slot, schedule } = found
  const words = [kind.padEnd(6), task, formatInstant(slot), zonedTime(slot, schedule.zone), findingDetail(found, now)]
  return printable(words.join('  '))
}

/** Returns `2 missed, 1 failed`, or an empty text when all counts are zero. */
export function countsText(count: Readonly<Record<TaskFinding['kind'], number>>): string {
  return Object.entries(count)
    .flatMap(([kind, number]) => (number === 0 ? [] : `${number} ${kind}`))
    .join(', ')
}

/**
 * Returns the line below the findings: `3 slots need attention: 2 missed, 1 failed`. With `newMs`, the findings are those
 * that arose in this last span.
 */
export function checkSummary(count: Readonly<Record<TaskFinding['kind'], number>>, newMs?: number): string {
  const total = Object.values(count).reduce((sum, number) => sum + number, 0)
  const isNew = newMs !== undefined
  const when = isNew ? ` in the last ${formatDuration(newMs)}` : ''
  if (total === 0) return `no ${isNew ? 'new ' : ''}problems found${when}`
  const slots = `${total} ${isNew ? 'new ' : ''}${total === 1 ? 'slot needs' : 'slots need'}`
  return `${slots} attention${when}: ${countsText(count)}`
}

/** The findings of a task about which the operator can do something, or whose owner can. */
interface OpenFindings {
  readonly owner: string | undefined
  /** The slots that can be run again. Null if there are none. */
  readonly rerunnable: RerunnableNeeds | null
  /** The newest slot that needs attention, and that the rerun of a range leaves out. Null if there is none. */
  readonly notInRange: TaskFinding | null
  /** The newest slot that is overdue. Null if there is none. */
  readonly overdue: TaskFinding | null
}

interface RerunnableNeeds {
  readonly oldest: TaskFinding
  readonly newest: TaskFinding
  /** The newest slot in which an attempt failed or stopped reporting. Null if all slots were missed. */
  readonly newestTried: TaskFinding | null
  /** The newest slot in which it is unknown how much of the work was done. Null if there is none. */
  readonly newestStale: TaskFinding | null
  /** The oldest slot that is not stale. Null if all are. */
  readonly oldestKnown: TaskFinding | null
}

type OpenFindingsOfTasks = Map<string, OpenFindings>

/** Returns an empty collection of the findings for `needsLines`. Memory holds seven findings of each task. */
export function collectNeeds(): { add(found: TaskFinding): void; readonly needs: OpenFindingsOfTasks } {
  const needs: OpenFindingsOfTasks = new Map()
  return {
    needs,
    add(found) {
      const { task, kind, owner } = found
      // A late slot needs no step. We still name the owner, who may want to know the cause.
      if (kind === 'late' && owner === undefined) return
      const before = needs.get(task) ?? { owner, rerunnable: null, notInRange: null, overdue: null }
      if (kind === 'late') needs.set(task, before)
      else if (kind === 'overdue') needs.set(task, { ...before, overdue: newer(before.overdue, found) })
      else if (isNotInRange(found)) needs.set(task, { ...before, notInRange: newer(before.notInRange, found) })
      else needs.set(task, { ...before, rerunnable: withRerunnable(before.rerunnable, found) })
    },
  }
}

/**
 * Returns whether the rerun of a range leaves this slot out: it completed once, or a run with a schedule that is not in force
 * was refused in it.
 */
function isNotInRange(found: TaskFinding): boolean {
  const row = rowOf(found)
  if (row === null) return false
  return terminalState(row) === 'completed' || (found.otherSchedule !== undefined && !row.attempts.some(hasStarted))
}

function newer(one: TaskFinding | null, other: TaskFinding): TaskFinding {
  return one !== null && one.slot >= other.slot ? one : other
}

function older(one: TaskFinding | null, other: TaskFinding): TaskFinding {
  return one === null || other.slot < one.slot ? other : one
}

function withRerunnable(before: RerunnableNeeds | null, found: TaskFinding): RerunnableNeeds {
  const { newestTried = null, newestStale = null, oldestKnown = null } = before ?? {}
  return {
    oldest: older(before?.oldest ?? null, found),
    newest: newer(before?.newest ?? null, found),
    newestTried: found.kind === 'missed' ? newestTried : newer(newestTried, found),
    newestStale: found.kind === 'stale' ? newer(newestStale, found) : newestStale,
    oldestKnown: found.kind === 'stale' ? oldestKnown : older(oldestKnown, found),
  }
}

/** Returns what the operator can do about each task, as lines: its name, its owner, and the commands below it. */
export function needsLines(needs: OpenFindingsOfTasks, ledger: CheckedLedger): readonly string[] {
  return [...needs].flatMap(([task, { owner, rerunnable, notInRange, overdue }]) => {
    const steps = [
      ...(overdue === null ? [] : stepsOf(overdue, ledger)),
      ...(rerunnable === null ? [] : stepsOfRerunnable(rerunnable, ledger)),
      ...(notInRange === null ? [] : stepsOfLeftOut(notInRange, ledger, rerunnable === null)),
    ]
    return ['', `${task}:`, ...ownerLines(owner), ...stepLines(steps)].map(printable)
  })
}

/**
 * We must not offer to run slots again before the operator has seen what an attempt has already done. The work of a stale
 * slot may be complete, so the commands for several slots leave these out.
 */
function stepsOfRerunnable(
  { oldest, newest, newestTried, newestStale, oldestKnown }: RerunnableNeeds,
  ledger: CheckedLedger,
): readonly NextStep[] {
  if (oldest === newest) return stepsOf(oldest, ledger)
  const target = (found: TaskFinding) => ({ ...findingTarget(found, ledger), schedule: givenSchedule(found, ledger) })
  const end = newest.slot + 1000
  const isSeen = newestTried === null || newestTried === newestStale
  const look = isSeen ? [] : [lookStep(findingTarget(newestTried, ledger), 'check the latest log')]
  if (newestStale === null) return [...look, ...rangeSteps(target(oldest), end)]
  return [
    ...look,
    { ...showStep('see the latest stale slot', target(newestStale)), note: STALE_SLOTS_NOTE },
    ...(oldestKnown === null ? [] : rangeSteps(target(oldestKnown), end, ['missed', 'failed'])),
  ]
}

const STALE_SLOTS_NOTE =
  'The batch of a stale slot may still be running, or its work may be done. Look at each of them before you run it again.'

/** The slot needs a decision of its own, so its rerun is not beside the reruns of other slots. */
function stepsOfLeftOut(found: TaskFinding, ledger: CheckedLedger, isAlone: boolean): readonly NextStep[] {
  return isAlone
    ? stepsOf(found, ledger)
    : [showStep('see the slot that a range leaves out', findingTarget(found, ledger))]
}

/** Returns a finding as a JSON object for programs. */
export function findingJson(found: TaskFinding, ledger: CheckedLedger): Record<string, unknown> {
  const { kind, status, task, slot, schedule, owner } = found
  const row = rowOf(found)
  const todo = stepsOf(found, ledger)
  return {
    kind,
    status,
    task,
    slot: formatInstant(slot),
    zone: schedule.zone,
    ...(row !== null && { state: row.state, attempts: attemptCount(row) }),
    ...(owner !== undefined && { owner }),
    ...(todo.length > 0 && { todo }),
  }
}

const KIND_WORDS: Readonly<Record<TaskFinding['kind'], string>> = {
  missed: 'was missed',
  failed: 'failed',
  stale: 'is stale',
  overdue: 'is overdue',
  late: 'was late',
}

/** Returns a finding as a log event, for a notification. */
export function findingObject(found: TaskFinding, now: Instant, ledger: CheckedLedger): LogObject {
  const { kind, ...fields } = findingJson(found, ledger)
  return {
    time: formatInstant(now),
    level: 'error',
    event: found.kind,
    task: found.task,
    slot: formatInstant(found.slot),
    ...fields,
    message: `${zonedTime(found.slot, found.schedule.zone)} ${KIND_WORDS[found.kind]}: ${findingDetail(found, now)}`,
  }
}

function stepsOf(found: TaskFinding, ledger: CheckedLedger): readonly NextStep[] {
  const target = findingTarget(found, ledger)
  switch (found.kind) {
    case 'failed':
    case 'stale':
      return decisionSteps(target)
    case 'overdue':
      // It may still complete, so the operator looks first.
      return [showStep('see why it is overdue', target), ...attentionSteps(found.kind, target)]
    case 'missed':
      return attentionSteps(found.kind, target)
    case 'late':
      return []
  }
}

function rowOf(found: TaskFinding): Row | null {
  return found.kind === 'missed' ? null : found.row
}

/** The row has the schedule of its slot. A missed slot may be one of an earlier schedule, which the task record knows. */
function findingTarget(found: TaskFinding, ledger: CheckedLedger): StepTarget {
  const { task, slot, ecs, otherSchedule } = found
  const row = rowOf(found)
  const schedule = row?.schedule ?? givenSchedule(found, ledger)
  return { store: ledger.store, task, slot, schedule, otherSchedule, ...ofRow(row, ecs) }
}

function givenSchedule({ schedule }: TaskFinding, { hasOwnSchedule }: CheckedLedger): StepTarget['schedule'] {
  return hasOwnSchedule ? schedule : null
}

/** Returns what is known about a finding, in a few words. The text is not yet safe on a terminal. */
export function findingDetail(found: TaskFinding, now: Instant): string {
  if (found.kind === 'missed') {
    const which = found.isOnlyDeclared ? ' of this task is recorded at all' : ' is recorded'
    return `due ${elapsed(now - found.slot)} ago, no run${which}`
  }
  if (found.kind === 'overdue') {
    return `not completed ${elapsed(now - found.slot)} after the scheduled time, ${overdueText(found.row, found.schedule.zone)}`
  }
  const { row } = found
  const first = row.attempts.find(hasStarted)
  if (found.kind === 'late' && first !== undefined)
    return `started ${elapsed(first.startedAt - row.slot)} after the scheduled time`
  const [last, started] = [row.attempts.at(-1), row.attempts.findLast(hasStarted)]
  if (last === undefined) return `marked as ${row.state.toLowerCase()}, without an attempt`
  if (started === undefined || started === last) return attemptText(last)
  return `${attemptText(started)}, then ${attemptText(last)}`
}

function attemptText(attempt: AttemptRecord): string {
  const { number, host, phase, outcome } = attempt
  const isReported = phase === 'ended' && outcome !== 'abandoned'
  return `attempt ${number} on ${host} ${isReported ? progressText(attempt) : staleText(attempt)}`
}

function overdueText(row: Row | null, zone: string): string {
  const attempt = row?.attempts.at(-1)
  if (attempt === undefined) return 'no run is recorded yet'
  return `still ${hasStarted(attempt) ? 'running' : 'waiting'} since ${zonedTime(attempt.startedAt, zone)}`
}

function staleText(attempt: AttemptRecord): string {
  return hasStarted(attempt) ? 'stopped reporting' : 'claimed the slot and never started'
}
