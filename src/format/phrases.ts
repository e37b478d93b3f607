import { formatInstant } from '../core/instant.ts'
import type { Attempt, Ending, ScheduleSpec } from '../core/types.ts'

// What the log, the tables and the pages say in the same words. Texts are not yet safe on a terminal.

/** `succeeded`, `failed (exit code 3)`, `was interrupted (SIGTERM)`: an ending for a person. */
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

/** `0 3 * * * (Asia/Tokyo)`: a schedule for a person, on one line. */
export function scheduleText({ expression, zone, anchor }: ScheduleSpec): string {
  return `${expression} (${zone}${anchor === undefined ? '' : `, from ${formatInstant(anchor)}`})`
}
