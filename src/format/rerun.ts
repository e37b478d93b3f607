import { formatInstant } from '../core/instant.ts'
import type { Rerunnable } from '../core/row/rerunnable.ts'
import type { Instant } from '../core/types.ts'
import { localTimeIn } from './local-time.ts'
import type { LogFormat } from './log.ts'
import { listed, printable, safeJson } from './text.ts'

/** How many of the slots of a range became what. */
interface RerunCounts {
  readonly completed: number
  readonly failed: number
  /** Ran well, but that could not be recorded. */
  readonly unrecorded: number
  readonly refused: number
  /** Given up, since another slot of the task was running. */
  readonly skipped: number
  /** Somebody else has completed or skipped the slot in the meantime. */
  readonly duplicate: number
  /** Not come to: after a failure, a stop, or without the ledger. */
  readonly left: number
}

const WORDS: Readonly<Record<keyof RerunCounts, string>> = {
  completed: 'ran well',
  failed: 'failed',
  unrecorded: 'ran well, unrecorded',
  refused: 'refused',
  skipped: 'skipped for another slot',
  duplicate: 'done by others in the meantime',
  left: 'not run',
}

/** What became of the slots of a range, of which those were looked for that are one of `only`. */
export interface RerunReport {
  readonly task: string
  readonly only: readonly Rerunnable[]
  readonly counts: RerunCounts
  readonly exitCode: number
}

/** `12 ran well, 1 failed, 17 not run: the same command goes on from there`; as a line of the log, null where it has none. */
export function rerunLine(
  { task, only, counts, exitCode }: RerunReport,
  format: LogFormat,
  now: Instant,
): string | null {
  const words = Object.entries(WORDS).flatMap(([name, word]) => {
    const count = counts[name as keyof RerunCounts]
    return count === 0 ? [] : `${count} ${word}`
  })
  const left = counts.left > 0 ? ': the same command goes on from there' : ''
  const message = words.length === 0 ? nothing(only) : `${words.join(', ')}${left}`
  if (format === 'json') {
    const level = exitCode === 0 ? 'info' : 'error'
    return safeJson({ time: formatInstant(now), level, event: 'rerun', task, ...counts, exitCode, message })
  }
  return format === 'quiet' && exitCode === 0 ? null : printable(`cronledger: ${task}: ${message}`)
}

/** A slot that is to be run, for a person: `2026-11-24T03:00:00Z  2026-11-24 12:00 Asia/Tokyo  missed`. */
export function plannedLine(slot: Instant, zone: string, why: Rerunnable): string {
  return printable(`${formatInstant(slot)}  ${localTimeIn(slot, zone)}  ${why}`)
}

/** The last line of a plan: `2 missed, 1 failed`. */
export function planSummary(slots: readonly { readonly why: Rerunnable }[], only: readonly Rerunnable[]): string {
  const words = only.flatMap((what) => {
    const count = slots.filter(({ why }) => why === what).length
    return count === 0 ? [] : `${count} ${what}`
  })
  return words.length === 0 ? nothing(only) : words.join(', ')
}

function nothing(only: readonly Rerunnable[]): string {
  return `nothing to do: no slot of the range is ${listed(only, 'or')}`
}
