import { formatDuration } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { defined } from '../../core/objects.ts'
import { attemptCount } from '../../core/row/attempts.ts'
import { decidingAttempt } from '../../core/row/decide.ts'
import { reportMembers } from '../../core/row/report.ts'
import { readableRow } from '../../core/row/status.ts'
import { KEY } from '../../core/row/stored-row.ts'
import type { Doubt } from '../../core/task/expected-slots.ts'
import type { TaskFinding } from '../../core/task/findings.ts'
import type { Instant, Row, StoredRow } from '../../core/types.ts'
import { causeText } from '../../verdict/endings.ts'
import { ofRow, type StepTarget } from '../../verdict/target.ts'
import { type Verdict, verdictOf } from '../../verdict/verdict.ts'
import { zonedTime } from '../local-time.ts'
import type { LogObject } from '../log/log.ts'
import { doubtJson } from '../slot/row.ts'
import { sentenceText, verdictJson } from '../verdict.ts'

export interface FindingGroup {
  readonly newest: TaskFinding
  readonly oldest: TaskFinding
  readonly count: number
}

export function isSameDoubt(one: TaskFinding, other: TaskFinding): boolean {
  const [doubt, others] = [doubtOf(one), doubtOf(other)]
  if (doubt === undefined || others === undefined) return false
  return (
    one.task === other.task && one.kind === other.kind && doubt.after === others.after && doubt.until === others.until
  )
}

/** Returns `2 missed, 1 failed`, or an empty text when all counts are zero. */
export function countsText(count: Readonly<Partial<Record<TaskFinding['kind'], number>>>): string {
  return Object.entries(count)
    .flatMap(([kind, number]) => (number === 0 ? [] : `${number} ${kind}`))
    .join(', ')
}

export function totalOf(count: Readonly<Record<TaskFinding['kind'], number>>): number {
  return Object.values(count).reduce((sum, number) => sum + number, 0)
}

/** Returns `3 slots need attention: 2 missed, 1 failed`. With `newMs`, the findings are those of this last span. */
export function checkSummary(count: Readonly<Record<TaskFinding['kind'], number>>, newMs?: number): string {
  const total = totalOf(count)
  const isNew = newMs !== undefined
  const when = isNew ? ` in the last ${formatDuration(newMs)}` : ''
  if (total === 0) return `no ${isNew ? 'new ' : ''}problems found${when}`
  const slots = `${total} ${isNew ? 'new ' : ''}${total === 1 ? 'slot needs' : 'slots need'}`
  return `${slots} attention${when}: ${countsText(count)}`
}

export function findingJson(found: TaskFinding, store: string): Record<string, unknown> {
  const { kind, status, task, slot, schedule, owner } = found
  const row = readableRow(rowOf(found))
  const doubt = doubtOf(found)
  const verdict = verdictOfFinding(found, store)
  return {
    kind,
    status,
    task,
    slot: formatInstant(slot),
    zone: schedule.zone,
    ...(row !== null && { state: row.state, attempts: attemptCount(row) }),
    ...(doubt !== undefined && { doubt: doubtJson(doubt) }),
    ...('blockedBy' in found && found.blockedBy !== undefined && { blockedBy: KEY.encode(found.blockedBy) }),
    local: zonedTime(slot, schedule.zone),
    ...(owner !== undefined && { owner }),
    ...(row !== null && endingJson(row)),
    ...verdictJson(verdict, slot, schedule.zone),
    message: messageOf(found),
  }
}

function endingJson(row: Row) {
  const attempt = decidingAttempt(row)
  const { outcome, exitCode, signal, report } = attempt?.phase === 'ended' ? attempt : {}
  return { ...defined({ host: attempt?.host, outcome, exitCode, signal }), ...reportMembers(report) }
}

const KIND_WORDS: Readonly<Record<TaskFinding['kind'], string>> = {
  missed: 'missed',
  failed: 'failed',
  stale: 'is stale',
  unknown: 'cannot be read',
  overdue: 'is overdue',
  unusual: 'is unusual',
  late: 'was late',
}

function messageOf(found: TaskFinding): string {
  return `${zonedTime(found.slot, found.schedule.zone)} ${KIND_WORDS[found.kind]}: ${findingDetail(found)}`
}

/** Returns why a slot was found, in a few words: what the batch reported of its failure, or what happened. */
export function findingCause(found: TaskFinding): string {
  const row = readableRow(rowOf(found))
  const attempt = found.kind === 'failed' && row !== null ? decidingAttempt(row) : undefined
  return attempt?.phase === 'ended' ? causeText(attempt) : findingDetail(found)
}

export function findingObject(found: TaskFinding, now: Instant, store: string): LogObject {
  const { kind, ...fields } = findingJson(found, store)
  return {
    time: formatInstant(now),
    level: 'error',
    event: found.kind,
    task: found.task,
    slot: formatInstant(found.slot),
    ...fields,
    message: messageOf(found),
  }
}

export function doubtOf(found: TaskFinding): Doubt | undefined {
  return found.kind === 'missed' || found.kind === 'overdue' ? found.doubt : undefined
}

export function rowOf(found: TaskFinding): StoredRow | null {
  return found.kind === 'missed' ? null : found.row
}

export function findingTarget(found: TaskFinding, store: string): StepTarget {
  const { task, slot, ecs, otherSchedule } = found
  return { store, task, slot, otherSchedule, doubt: doubtOf(found), ...ofRow(rowOf(found), ecs) }
}

export function verdictOfFinding(found: TaskFinding, store: string): Verdict {
  const { isOnlyDeclared = false, offSchedule, times } = found
  const unmet = found.kind === 'unusual' ? found.unmet : []
  const target = findingTarget(found, store)
  return verdictOf({ target, row: rowOf(found), isOnlyDeclared, offSchedule, unmet }, times)
}

/** Returns what happened in the slot of a finding. The text is not yet safe on a terminal. */
export function findingDetail(found: TaskFinding): string {
  // The sentence about a slot does not depend on its ledger.
  const { happened } = verdictOfFinding(found, '')
  return sentenceText(happened, found.slot, found.schedule.zone)
}
