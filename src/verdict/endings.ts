import { batchReport, hasSucceeded } from '../core/row/attempts.ts'
import { reportedFacts, reportLine } from '../core/row/report.ts'
import type { AttemptRecord, Ending, Outcome } from '../core/types.ts'

const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  succeeded: 'succeeded',
  failed: 'failed',
  timedOut: 'timed out',
  interrupted: 'was interrupted',
  leaseLost: 'lost its lease and was stopped',
  abandoned: 'never reported its end',
  notStarted: 'was not started',
}

/** Returns how an attempt ended, for example `succeeded` or `failed (exit code 3)`. The text is not yet safe to show. */
export function endingText({ outcome, exitCode, signal }: Ending): string {
  // Only a command that the system could not start has an exit code without a start.
  const words = outcome === 'notStarted' && exitCode !== undefined ? 'could not be started' : OUTCOME_WORDS[outcome]
  if (signal !== undefined) return `${words} (${signal})`
  return exitCode === undefined || exitCode === 0 ? words : `${words} (exit code ${exitCode})`
}

/** Returns what the batch said of an attempt, to follow how it ended. The first line of a text is why it failed. */
export function reportedText(attempt: AttemptRecord): string {
  const report = batchReport(attempt)
  if (report === undefined) return ''
  const isCause = !hasSucceeded(attempt) && reportedFacts(report) === null
  return isCause ? `: ${reportLine(report)}` : ` (reported: ${reportLine(report)})`
}

export function progressText(attempt: AttemptRecord): string {
  return attempt.phase === 'ended' ? endingText(attempt) : `is ${attempt.phase}`
}

/** Returns why an attempt failed: the first line that the batch reported, otherwise how it ended. */
export function causeText(ending: Ending): string {
  return causeReported(ending) ?? endingText(ending)
}

/** Returns the first line that the batch of a failed attempt reported, or its fact `message`. Null: none, or other facts. */
function causeReported({ report }: Ending): string | null {
  const facts = reportedFacts(report)
  const text = facts === null ? report : facts['message']
  return typeof text === 'string' && text !== '' ? reportLine(text) : null
}
