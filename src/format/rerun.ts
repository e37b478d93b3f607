import { formatInstant } from '../core/instant.ts'
import { keysOf } from '../core/objects.ts'
import type { Rerunnable } from '../core/row/policy.ts'
import type { ScheduleOptions } from '../core/schedule/schedule-options.ts'
import type { Instant } from '../core/types.ts'
import { localTimeIn, zonedTime } from './local-time.ts'
import type { LogFormat } from './log/log.ts'
import { listed, printable, safeJson } from './text.ts'

/** The number of slots of a range, by the result of their rerun. */
interface RerunCounts {
  readonly completed: number
  readonly failed: number
  /** The batch succeeded, but that could not be recorded. */
  readonly unrecorded: number
  readonly refused: number
  /** The slot was given up, because another slot of the task was running. */
  readonly skipped: number
  /** Another run or an operator completed or skipped the slot after it was found. */
  readonly duplicate: number
  /** The rerun did not reach the slot, because of a failure, a stop, or an error of the ledger. */
  readonly left: number
}

const COUNT_WORDS: Readonly<Record<keyof RerunCounts, string>> = {
  completed: 'succeeded',
  failed: 'failed',
  unrecorded: 'succeeded but not recorded',
  refused: 'refused',
  skipped: 'skipped because another slot was running',
  duplicate: 'already completed or skipped',
  left: 'not run',
}

/** The result of the rerun of a range. `only` names the kinds of slots that were to run. */
export interface RerunReport {
  readonly task: string
  readonly only: readonly Rerunnable[]
  readonly counts: RerunCounts
  readonly exitCode: number
}

/** Returns the counts as a line of the log: `1 failed, 17 not run. …`. Returns null when the format omits it. */
export function rerunLine(
  { task, only, counts, exitCode }: RerunReport,
  format: LogFormat,
  now: Instant,
): string | null {
  const words = keysOf(COUNT_WORDS).flatMap((name) =>
    counts[name] === 0 ? [] : `${counts[name]} ${COUNT_WORDS[name]}`,
  )
  const left = counts.left > 0 ? '. Run the same command again to continue.' : ''
  const message = words.length === 0 ? nothing(only) : `${words.join(', ')}${left}`
  if (format === 'json') {
    const level = exitCode === 0 ? 'info' : 'error'
    return safeJson({ time: formatInstant(now), level, event: 'rerun', task, ...counts, exitCode, message })
  }
  return format === 'quiet' && exitCode === 0 ? null : printable(`cronledger: ${task}: ${message}`)
}

/** With the longest usual text after it, the bar fits a terminal of 80 columns. */
const BAR_CHARS = 20

/** Returns the line before each slot of a range: `[#####...............] 25%  1 of 4 done, next 2026-… (missed)`. */
export function progressLine(done: number, total: number, next: Instant, zone: string, why: Rerunnable): string {
  const share = done / total
  const bar = '#'.repeat(Math.round(share * BAR_CHARS)).padEnd(BAR_CHARS, '.')
  return `[${bar}] ${Math.floor(share * 100)}%  ${done} of ${total} done, next ${zonedTime(next, zone)} (${why})`
}

/** Returns the line of a plan for one slot: `2026-11-24T03:00:00Z  2026-11-24 12:00 Asia/Tokyo  missed`. */
export function plannedLine(slot: Instant, zone: string, why: Rerunnable): string {
  return printable(`${formatInstant(slot)}  ${localTimeIn(slot, zone)}  ${why}`)
}

/** Returns a slot of a plan as a JSON object for programs. */
export function plannedJson(task: string, slot: Instant, status: Rerunnable, schedule: ScheduleOptions): string {
  const { schedule: expression, timezone = 'UTC', anchor = null } = schedule
  return safeJson({ task, slot: formatInstant(slot), status, schedule: expression, zone: timezone, anchor })
}

/** Returns the last line of a plan: `2 missed, 1 failed`. */
export function planSummary(slots: readonly { readonly why: Rerunnable }[], only: readonly Rerunnable[]): string {
  const words = only.flatMap((what) => {
    const count = slots.filter(({ why }) => why === what).length
    return count === 0 ? [] : `${count} ${what}`
  })
  return words.length === 0 ? nothing(only) : words.join(', ')
}

function nothing(only: readonly Rerunnable[]): string {
  const leftOut = only.includes('missed')
    ? '. A slot that may not have been due is left out: cronledger check shows it.'
    : ''
  return `nothing to do: no slot in the range is ${listed(only, 'or')}${leftOut}`
}
