import { formatInstant } from '../core/instant.ts'
import { attemptCount, hasStarted } from '../core/row/attempts.ts'
import type { TaskFinding } from '../core/row/expected-slots.ts'
import type { AttemptRecord, Instant } from '../core/types.ts'
import { localTimeIn } from './local-time.ts'
import type { LogObject } from './log.ts'
import { elapsed, printable, progressText } from './text.ts'

/**
 * Returns a finding as one line of text:
 * `missed  nightly  2026-11-24T03:00:00Z  2026-11-24 12:00 Asia/Tokyo  due 3h 0m ago, nothing on record`.
 */
export function findingLine(found: TaskFinding, now: Instant): string {
  const { kind, task, slot, schedule } = found
  const words = [kind.padEnd(6), task, formatInstant(slot), localTimeIn(slot, schedule.zone), findingDetail(found, now)]
  return printable(words.join('  '))
}

/** Returns `2 missed, 1 failed`, or an empty text when all counts are zero. */
export function countsText(count: Readonly<Record<TaskFinding['kind'], number>>): string {
  return Object.entries(count)
    .flatMap(([kind, number]) => (number === 0 ? [] : `${number} ${kind}`))
    .join(', ')
}

/** Returns a finding as a JSON object for programs. */
export function findingJson(found: TaskFinding): Record<string, unknown> {
  const { kind, status, task, slot, schedule } = found
  return {
    kind,
    status,
    task,
    slot: formatInstant(slot),
    zone: schedule.zone,
    ...(found.kind === 'missed' ? {} : { state: found.row.state, attempts: attemptCount(found.row) }),
  }
}

/** Returns a finding as a log event, for a notification. */
export function findingObject(found: TaskFinding, now: Instant): LogObject {
  const { kind, ...fields } = findingJson(found)
  return {
    time: formatInstant(now),
    level: 'error',
    event: found.kind,
    task: found.task,
    slot: formatInstant(found.slot),
    ...fields,
    message: `${found.kind}: ${findingDetail(found, now)}`,
  }
}

/** Returns what is known about a finding, in a few words. The text is not yet safe on a terminal. */
export function findingDetail(found: TaskFinding, now: Instant): string {
  if (found.kind === 'missed') return `due ${elapsed(now - found.slot)} ago, nothing on record`
  const { row } = found
  const first = row.attempts.find(hasStarted)
  if (found.kind === 'late' && first !== undefined)
    return `started ${elapsed(first.startedAt - row.slot)} after its slot`
  const attempt = row.attempts.at(-1)
  if (attempt === undefined) return `${row.state}, without an attempt`
  return `attempt ${attempt.number} on ${attempt.host} ${found.kind === 'stale' ? staleText(attempt) : progressText(attempt)}`
}

function staleText(attempt: AttemptRecord): string {
  return hasStarted(attempt) ? 'never reported its end' : 'claimed the slot and never started'
}
