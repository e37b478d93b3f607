import { formatInstant } from '../core/instant.ts'
import type { Attempt, Ending, ScheduleSpec } from '../core/types.ts'

// The phrases that the log, the tables and the pages share. The texts are not yet safe on a terminal.

/**
 * Returns how an attempt ended, for example `succeeded` or `failed (exit code 3)`. Returns `is running` or `is waiting`
 * for an attempt that has not ended.
 */
export function endingText({ outcome, exitCode, signal, phase }: Partial<Ending> & Pick<Attempt, 'phase'>): string {
  if (outcome === undefined) return phase === undefined ? 'is running' : 'is waiting'
  const words: Record<Ending['outcome'], string> = {
    succeeded: 'succeeded',
    failed: 'failed',
    timedOut: 'ran out of time',
    interrupted: 'was interrupted',
    leaseLost: 'lost its lease',
    abandoned: 'was abandoned',
    notStarted: 'was not started',
  }
  if (signal !== undefined) return `${words[outcome]} (${signal})`
  return exitCode === undefined || exitCode === 0 ? words[outcome] : `${words[outcome]} (exit code ${exitCode})`
}

/** Returns a schedule on one line: `0 3 * * * (Asia/Tokyo)`. */
export function scheduleText({ expression, zone, anchor }: ScheduleSpec): string {
  return `${expression} (${zone}${anchor === undefined ? '' : `, from ${formatInstant(anchor)}`})`
}
