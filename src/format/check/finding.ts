import { formatDuration } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { attemptCount } from '../../core/row/attempts.ts'
import { readableRow } from '../../core/row/status.ts'
import { KEY } from '../../core/row/stored-parts.ts'
import type { Doubt } from '../../core/task/expected-slots.ts'
import type { TaskFinding } from '../../core/task/findings.ts'
import type { Instant, StoredRow } from '../../core/types.ts'
import { ofRow, type StepTarget } from '../../verdict/target.ts'
import { type Verdict, verdictOf } from '../../verdict/verdict.ts'
import { zonedTime } from '../local-time.ts'
import type { LogObject } from '../log/log.ts'
import { doubtJson } from '../row.ts'
import { printable } from '../text.ts'
import { sentenceText, verdictJson } from '../verdict.ts'

/**
 * Returns a finding as one line of text:
 * `missed  nightly  2026-11-24T03:00:00Z  2026-11-24 12:00 JST  due 3h 0m ago, no run is recorded`.
 */
export function findingLine(found: TaskFinding, detail = findingDetail(found)): string {
  const { kind, task, slot, schedule } = found
  return printable([kind.padEnd(6), task, formatInstant(slot), zonedTime(slot, schedule.zone), detail].join('  '))
}

export interface FindingGroup {
  readonly newest: TaskFinding
  readonly oldest: TaskFinding
  readonly count: number
}

/**
 * Yields a line for each finding, which come newest first. The slots that one change of the schedule leaves in doubt are one
 * line, because there may be hundreds.
 */
export async function* findingLines(found: AsyncIterable<TaskFinding>): AsyncGenerator<string, void> {
  let group: FindingGroup | null = null
  for await (const finding of found) {
    if (group !== null && isSameDoubt(group.newest, finding)) {
      group = { newest: group.newest, oldest: finding, count: group.count + 1 }
      continue
    }
    if (group !== null) yield groupLine(group)
    group = doubtOf(finding) === undefined ? null : { newest: finding, oldest: finding, count: 1 }
    if (group === null) yield findingLine(finding)
  }
  if (group !== null) yield groupLine(group)
}

export function isSameDoubt(one: TaskFinding, other: TaskFinding): boolean {
  const [doubt, others] = [doubtOf(one), doubtOf(other)]
  if (doubt === undefined || others === undefined) return false
  return (
    one.task === other.task && one.kind === other.kind && doubt.after === others.after && doubt.until === others.until
  )
}

function groupLine({ newest, oldest, count }: FindingGroup): string {
  if (count === 1) return findingLine(newest)
  const end = zonedTime(newest.slot, oldest.schedule.zone)
  return findingLine(oldest, `${count} slots up to ${end} ${findingDetail(newest)}`)
}

/** Returns `2 missed, 1 failed`, or an empty text when all counts are zero. */
export function countsText(count: Readonly<Record<TaskFinding['kind'], number>>): string {
  return Object.entries(count)
    .flatMap(([kind, number]) => (number === 0 ? [] : `${number} ${kind}`))
    .join(', ')
}

export function totalOf(count: Readonly<Record<TaskFinding['kind'], number>>): number {
  return Object.values(count).reduce((sum, number) => sum + number, 0)
}

/**
 * Returns the line below the findings: `3 slots need attention: 2 missed, 1 failed`. With `newMs`, the findings are those
 * that arose in this last span.
 */
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
    ...(owner !== undefined && { owner }),
    ...verdictJson(verdict, slot, schedule.zone),
  }
}

const KIND_WORDS: Readonly<Record<TaskFinding['kind'], string>> = {
  missed: 'missed',
  failed: 'failed',
  stale: 'is stale',
  unknown: 'cannot be read',
  overdue: 'is overdue',
  late: 'was late',
}

/** For a notification. */
export function findingObject(found: TaskFinding, now: Instant, store: string): LogObject {
  const { kind, ...fields } = findingJson(found, store)
  return {
    time: formatInstant(now),
    level: 'error',
    event: found.kind,
    task: found.task,
    slot: formatInstant(found.slot),
    ...fields,
    message: `${zonedTime(found.slot, found.schedule.zone)} ${KIND_WORDS[found.kind]}: ${findingDetail(found)}`,
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
  return verdictOf({ target: findingTarget(found, store), row: rowOf(found), isOnlyDeclared, offSchedule }, times)
}

/** Returns what happened in the slot of a finding. The text is not yet safe on a terminal. */
export function findingDetail(found: TaskFinding): string {
  // The sentence about a slot does not depend on its ledger.
  const { happened } = verdictOfFinding(found, '')
  return sentenceText(happened, found.slot, found.schedule.zone)
}
