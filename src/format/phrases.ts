import { formatInstant } from '../core/instant.ts'
import type { Attempt, Ending, Outcome, ScheduleSpec } from '../core/types.ts'

// The phrases that the log, the tables and the pages share. The texts are not yet safe on a terminal.

const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  succeeded: 'succeeded',
  failed: 'failed',
  timedOut: 'ran out of time',
  interrupted: 'was interrupted',
  leaseLost: 'lost its lease',
  abandoned: 'was abandoned',
  notStarted: 'was not started',
}

/** Returns how an attempt ended, for example `succeeded` or `failed (exit code 3)`. */
export function endingText({ outcome, exitCode, signal }: Ending): string {
  const words = OUTCOME_WORDS[outcome]
  if (signal !== undefined) return `${words} (${signal})`
  return exitCode === undefined || exitCode === 0 ? words : `${words} (exit code ${exitCode})`
}

/** Returns what an attempt does, `is running` or `is waiting`, or how it ended. */
export function progressText(attempt: Attempt): string {
  switch (attempt.phase) {
    case 'waiting':
      return 'is waiting'
    case 'running':
      return 'is running'
    case 'ended':
      return endingText(attempt)
  }
}

/** Returns a schedule on one line: `0 3 * * * (Asia/Tokyo)`. */
export function scheduleText({ expression, zone, anchor }: ScheduleSpec): string {
  return `${expression} (${zone}${anchor === undefined ? '' : `, from ${formatInstant(anchor)}`})`
}
