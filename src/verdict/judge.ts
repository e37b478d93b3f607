import { keysOf, objectOf } from '../core/objects.ts'
import { blockedBy, hasCompleted, hasStarted } from '../core/row/attempts.ts'
import type { Rerunnable } from '../core/row/policy.ts'
import type { ReportedFacts } from '../core/row/report.ts'
import { inForceAt } from '../core/task/task-record.ts'
import type { Instant, Key, ScheduleSpec, Status } from '../core/types.ts'
import { type SlotInTask, type SlotRecord, scheduleOf, slotInTask, type TaskFacts } from './found.ts'
import { isSettled, REMARKS, type RemarkName, type Remarks } from './remarks.ts'
import { MAY_BE_OVERDUE, OVERDUE, SITUATIONS, type SlotSituation, type VerdictRule } from './situations.ts'

type Rows = (typeof SITUATIONS)[SlotSituation] | typeof OVERDUE
type OfRemarks = (typeof REMARKS)[RemarkName]['kind']

type GivenKind = Exclude<Rows['kind'], null> | OfRemarks

/** The kinds of findings that a row of a table gives, with the words that follow the time of the slot in a message. */
export const FINDINGS: Readonly<Record<GivenKind, string>> = {
  missed: 'missed',
  failed: 'failed',
  stale: 'is stale',
  unknown: 'cannot be read',
  overdue: 'is overdue',
  unusual: 'is unusual',
  late: 'was late',
}
export type FindingKind = keyof typeof FINDINGS
export const FINDING_KINDS: readonly FindingKind[] = keysOf(FINDINGS)
export const NO_FINDINGS: Readonly<Record<FindingKind, number>> = objectOf(FINDING_KINDS, () => 0)

export type SlotMark = NonNullable<Rows['status']> | RemarkName | Extract<Rows, { readonly mark: string }>['mark']

/** The one judgement of a slot. All commands, pages and metrics filter and count these, and `verdictOf` makes the words. */
export interface JudgedSlot extends SlotInTask {
  readonly situation: SlotSituation
  /** Null: the slot has no row, and was not due. */
  readonly status: Status | null
  readonly mark: SlotMark
  /** The kind of its finding. Null: it needs no attention. */
  readonly kind: FindingKind | null
  /** As what the rerun of a range selects it. Null: a range leaves it out. */
  readonly range: Rerunnable | null
  readonly work: VerdictRule['work']
  readonly remarks: Remarks
  /** The schedule of the slot: its times are shown in the zone of that. */
  readonly schedule: ScheduleSpec
  readonly blockedBy?: Key
  readonly owner?: string
}

export type TaskFinding = JudgedSlot & { readonly kind: FindingKind; readonly status: Status }

export interface TaskHealth {
  readonly task: string
  readonly status: Status | null
  readonly lastSuccessAt: Instant | null
  readonly lastDurationMs: number | null
  readonly next: Instant | null
  readonly duplicates: number
  readonly owner: string | undefined
  /** The facts that the batch of the newest completed slot reported. Empty: it reported nothing, or a text. */
  readonly facts: ReportedFacts
  readonly findings: Readonly<Record<FindingKind, number>>
}

export function judge(record: SlotRecord, of: TaskFacts): JudgedSlot {
  const found = slotInTask(record, of)
  const situation = keysOf(SITUATIONS).find((name) => SITUATIONS[name].holds(found)) ?? 'completed'
  const row = SITUATIONS[situation]
  const common = {
    ...found,
    situation,
    // A row that cannot be read does not say its schedule.
    schedule: scheduleOf(found) ?? inForceAt(of.record?.schedules ?? [], found.slot)?.spec ?? NO_SCHEDULE,
    ...(of.record?.expectations?.owner !== undefined && { owner: of.record.expectations.owner }),
  }
  const isOverdue = MAY_BE_OVERDUE.has(situation) && isPastDoneBy(found)
  const { status, kind, range } = isOverdue ? OVERDUE : row
  const remarks = remarksOf(found)
  const said = keysOf(REMARKS).filter((name) => remarks[name] !== undefined)
  const open = isSettled(found.own) ? [] : said
  const finding = kind ?? open.find((name) => remarks[name]?.isFinding) ?? null
  const blocker = found.own === null ? null : blockedBy(found.own)
  return {
    ...common,
    status,
    kind: finding,
    remarks,
    mark: (status === 'completed' && open[0]) || ('mark' in row ? row.mark : (status ?? 'skipped')),
    range: hasNoSchedule(found) || found.later.covering?.kind === 'unknown' ? null : range,
    work: typeof row.work === 'function' ? row.work(found) : row.work,
    ...(blocker !== null && (kind === 'failed' || kind === 'overdue') && { blockedBy: blocker }),
  }
}

function remarksOf(found: SlotInTask): Remarks {
  // The work of a covered slot was done by another run, so its own attempts are not measured.
  if (found.own === null || found.later.covering?.by != null) return {}
  return Object.fromEntries(
    keysOf(REMARKS).flatMap((name) => {
      const remark = REMARKS[name].of(found)
      return remark === null ? [] : [[name, remark]]
    }),
  )
}

export function isPastDoneBy({ slot, own, of: { now, times } }: SlotInTask): boolean {
  // A slot that has completed once is not made overdue by a force that runs its work again.
  return times.doneByMs !== null && now >= slot + times.doneByMs && (own === null || !hasCompleted(own))
}

/** A row that no schedule has, and in which nothing started: the run that was refused may have had a wrong schedule. */
function hasNoSchedule({ own, of, slot }: SlotInTask): boolean {
  return own !== null && !own.attempts.some(hasStarted) && scheduleOf({ of, own: null, slot }) === null
}

const NO_SCHEDULE: ScheduleSpec = { expression: '', zone: 'UTC' }

export function isFinding(one: JudgedSlot): one is TaskFinding {
  return one.kind !== null
}
