import { elapsed } from '../core/duration.ts'
import {
  countedAttempts,
  coveringSlot,
  hasCompleted,
  hasStarted,
  isRepaired,
  latenessMsOf,
  successOf,
} from '../core/row/attempts.ts'
import { isUnreadable, readableRow, type SlotRecord, type StatusSettings, statusOf } from '../core/row/status.ts'
import { isLate, type OffSchedule } from '../core/task/findings.ts'
import type { Unmet } from '../core/task/rules.ts'
import type { FoundSuspension } from '../core/task/suspensions.ts'
import type { Instant, Key, Row, Status, StoredRow } from '../core/types.ts'
import { RANGE_CAUTION } from './cautions.ts'
import { type SlotSituation, VERDICT_RULES, type VerdictFacts, type VerdictRule } from './rules.ts'
import type { Sentence } from './sentence.ts'
import { declareStep, type Step, showStep } from './steps.ts'
import { ofRow, type StepTarget } from './target.ts'

/**
 * Everything that cronledger says of a slot: the log, notifications, the commands, the pages and JSON only render it.
 *
 * `happened` is one sentence, with times that each surface writes in its own way. `work` answers whether it is safe to run
 * the slot again, and `caution` must stand wherever `steps` stand.
 */
export interface Verdict extends VerdictRule {
  readonly situation: SlotSituation
  /** Null for a slot that was not expected to run and has no row. */
  readonly status: Status | null
  /** How many attempts count against `--max-attempts`. */
  readonly attempts: number
  /** How many attempts scheduled triggers may start. Left out: only a run knows. */
  readonly maxAttempts?: number | undefined
}

/** What is said after an event of a run. The slot may not have been read. */
export type EventVerdict = Omit<Verdict, 'situation' | 'status'>

export interface SlotFound {
  readonly target: StepTarget
  readonly row: StoredRow | null
  /** Whether a slot without a row was due, or will be. Left out: yes. */
  readonly isExpected?: boolean
  readonly found?: FoundSuspension | null
  /** Left out: a recorded schedule has the slot. */
  readonly offSchedule?: OffSchedule | undefined
  /** Whether the task is only declared: no scheduled run has stated its schedule. Left out: no. */
  readonly isOnlyDeclared?: boolean
  readonly unmet?: readonly Unmet[]
  readonly firstSlot?: Instant | undefined
}

/** The times that decide what a slot is, in milliseconds. */
export interface VerdictSettings extends StatusSettings {
  readonly lateAfterMs?: number | null | undefined
  readonly maxAttempts?: number | undefined
  /** Whether the runs of the task go on from the last success. Left out: no. */
  readonly sinceLastSuccess?: boolean | undefined
}

const LEFT_TO_LATER: ReadonlySet<SlotSituation> = new Set(['missed', 'notStarted', 'failed', 'stale'])

const OFF_SCHEDULE: Readonly<Record<OffSchedule, string>> = {
  none: ', and no schedule of this task is recorded',
  other: ', and no recorded schedule has this slot',
}

export function verdictOf(slot: SlotFound, settings: VerdictSettings): Verdict {
  const { target, isExpected = true, found = null, offSchedule, isOnlyDeclared = false, unmet = [] } = slot
  const row = readableRow(slot.row)
  const { now, skewMs, maxAttempts } = settings
  const unread = slot.row !== null && isUnreadable(slot.row) ? slot.row : null
  const covering = row === null ? null : verdictOfCovering(row, slot, settings)
  const facts: VerdictFacts = { target, row, unread, now, skewMs, found, firstSlot: slot.firstSlot, covering, unmet }
  const at = { slot: target.slot, row: slot.row }
  const status = slot.row === null && !isExpected ? null : statusOf(at, settings)
  const isCovered = row !== null && coveringSlot(row) !== null
  const isOverdue = status === 'overdue' && !isCovered
  const basic = isOverdue ? statusOf(at, { ...settings, doneByMs: null }) : status
  const situation = isCovered ? 'covered' : situationOf(basic, facts, isOnlyDeclared)
  const attempts = row === null ? 0 : countedAttempts(row)
  const rule: VerdictRule = VERDICT_RULES[situation](facts)
  return {
    ...rule,
    ...(settings.sinceLastSuccess &&
      LEFT_TO_LATER.has(situation) && { caution: `${rule.caution ?? ''} ${RANGE_CAUTION}`.trim() }),
    situation,
    status,
    attempts,
    maxAttempts,
    ...(rule.nextTrigger === 'depends' &&
      maxAttempts !== undefined && { nextTrigger: attempts < maxAttempts ? 'starts' : 'refused' }),
    happened: [
      ...rule.happened,
      ...(isOverdue ? [', and should have completed by ', { at: target.slot + (settings.doneByMs ?? 0) }] : []),
      ...(offSchedule === undefined ? [] : [OFF_SCHEDULE[offSchedule]]),
      ...lateSentence(row, settings),
      ...coversSentence(row),
    ],
    steps: [
      ...(isOverdue ? overdueSteps(rule, target) : rule.steps),
      ...(offSchedule === 'none' && row !== null ? [declareStep(target, row.schedule)] : []),
    ],
  }
}

/** Returns what is said of a slot, for a list that has no room for steps and does not read the task record. */
export function saidOf(
  { task, slot, row }: Key & SlotRecord,
  settings: VerdictSettings,
): Pick<VerdictRule, 'happened' | 'work' | 'workText' | 'caution'> {
  const target = { store: '', task, slot, ecs: null }
  const { happened, work, workText, caution } = verdictOf({ target, row }, settings)
  return { happened, work, workText, caution }
}

/** Returns the verdict on the covering slot, which the covered slot repeats. */
function verdictOfCovering({ covering }: Row, slot: SlotFound, settings: VerdictSettings): VerdictFacts['covering'] {
  if (covering == null) return null
  const { doubt: _, attempt: __, only: ___, ...same } = slot.target
  const target = { ...same, slot: covering.slot, ...ofRow(covering), ...(same.ecs && { ecs: same.ecs }) }
  const row = isUnreadable(covering) ? covering : withoutCovers(covering)
  return { slot: covering.slot, verdict: verdictOf({ target, row }, settings) }
}

/** A covered slot is one of the slots that the other one covers, so its sentence does not list them again. */
function withoutCovers({ covers: _, ...row }: Row): Row {
  return row
}

function coversSentence(row: Row | null): Sentence {
  if (row?.covers === undefined) return []
  const { slots, since } = row.covers
  const missed = slots === 1 ? '1 missed slot' : `${slots} missed slots`
  return since === undefined ? [`. It covers ${missed}`] : [`. It covers ${missed} after `, { at: since }]
}

function situationOf(
  status: Status | null,
  { target, row, unread, now, unmet }: VerdictFacts,
  isOnlyDeclared: boolean,
): SlotSituation {
  switch (status) {
    case null:
      return 'notExpected'
    case 'unknown':
      return unread !== null && 'damage' in unread ? 'damaged' : 'newer'
    case 'running':
      return row !== null && row.leaseUntil !== null && now > row.leaseUntil ? 'silent' : 'running'
    case 'missed':
      if (target.doubt !== undefined) return 'doubtful'
      return isOnlyDeclared ? 'declared' : 'missed'
    case 'overdue':
      return 'due'
    case 'scheduled':
    case 'due':
    case 'waiting':
    case 'skipped':
      return status
    case 'completed':
      if (unmet.length > 0) return 'unusual'
      return row === null ? status : completedSituation(row)
    case 'stale':
    case 'failed':
      return row === null ? status : endedSituation(status, row)
  }
}

export function completedSituation(row: Row): 'completed' | 'repaired' | 'marked' {
  if (successOf(row) === undefined) return 'marked'
  return isRepaired(row) ? 'repaired' : 'completed'
}

/** A slot in which an attempt has failed or stopped reporting, or in which none has started. */
function endedSituation(status: 'stale' | 'failed', row: Row): SlotSituation {
  if (hasCompleted(row)) return 'repeated'
  const isUntried = status === 'failed' && !row.attempts.some(hasStarted) && row.resolutions.length === 0
  return isUntried ? 'notStarted' : status
}

/** Nothing is decided yet, because a run that goes on, or a late trigger, may still complete the slot. */
function overdueSteps({ steps }: VerdictRule, target: StepTarget): readonly Step[] {
  const others = steps
    .filter(({ kind }) => kind !== 'show')
    .map(({ isOptional, ...step }) => (isOptional && step.kind !== 'run' ? { ...step, isOptional } : step))
  return [showStep('see why it is overdue', target), ...others]
}

function lateSentence(row: Row | null, { lateAfterMs = null }: VerdictSettings): Sentence {
  if (row === null || !isLate(row, { lateAfterMs })) return []
  return [`. The first attempt started ${elapsed(latenessMsOf(row) ?? 0)} late`]
}
