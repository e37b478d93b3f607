import { formatInstant } from '../../core/instant.ts'
import { keysOf } from '../../core/objects.ts'
import type { Selectable } from '../../core/row/policy.ts'
import type { ScheduleOptions } from '../../core/schedule/schedule-options.ts'
import type { Instant, Key } from '../../core/types.ts'
import { LEFT_OUT, type LeftOut, STALE_SLOTS_CAUTION } from '../../verdict/cautions.ts'
import { cronledger } from '../../verdict/command.ts'
import type { Sentence } from '../../verdict/sentence.ts'
import type { VerdictRule } from '../../verdict/situations.ts'
import type { Step } from '../../verdict/steps.ts'
import { stepLines } from '../command-line.ts'
import { localTimeIn, zonedTime } from '../local-time.ts'
import { counted, listed, printable, safeJson } from '../text.ts'
import { sentenceText } from '../verdict.ts'

/** The slots that a range leaves out, and why. `oldest` is null if there are none. */
export interface LeftOutDoubts {
  readonly store: string
  readonly whys: readonly LeftOut[]
  readonly oldest: Instant | null
}

/** With the longest usual text after it, the bar fits a terminal of 80 columns. */
const BAR_CHARS = 20

/** Returns the line before each slot: `[#####...............] 25%  1 of 4 done, next nightly 2026-… (missed)`. */
export function progressLine(
  done: number,
  total: number,
  next: Key & { readonly zone: string; readonly why: Selectable | 'named' | 'running' },
): string {
  const { task, slot, zone, why } = next
  const share = done / total
  const bar = '#'.repeat(Math.round(share * BAR_CHARS)).padEnd(BAR_CHARS, '.')
  return printable(
    `[${bar}] ${Math.floor(share * 100)}%  ${done} of ${total} done, next ${task} ${zonedTime(slot, zone)} (${why})`,
  )
}

export interface PlannedSlot {
  readonly slot: Instant
  readonly why: Selectable | 'running'
  readonly schedule: ScheduleOptions
  /** What is said of the slot. Null: it has no row, so nothing is known to have run. */
  readonly verdict: Pick<VerdictRule, 'happened' | 'work' | 'workText' | 'caution'> | null
  /** The older slots whose work its run does, too. Left out, or empty: there are none. */
  readonly others?: Sentence
}

/** Returns `Its run does the work of 11:00 and 12:00, too (--each runs each).` Null: it does only that of its own slot. */
function othersText({ slot, others = [], schedule: { timezone = 'UTC' } }: PlannedSlot): string | null {
  if (others.length === 0) return null
  return `Its run does the work of ${sentenceText(others, slot, timezone)}, too (--each runs each).`
}

/** Returns the lines of a plan for one slot: `2026-11-24T03:00:00Z  2026-11-24 12:00 Asia/Tokyo  missed`, and what happened. */
export function plannedLines(planned: PlannedSlot): string {
  const { slot, why, schedule, verdict } = planned
  const { timezone = 'UTC' } = schedule
  const line = `${formatInstant(slot)}  ${localTimeIn(slot, timezone)}  ${why}`
  const others = othersText(planned)
  const more = others === null ? [] : [`  ${others}`]
  if (verdict === null) return [line, ...more].map(printable).join('\n')
  const { happened, workText, caution } = verdict
  const said = `: ${sentenceText(happened, slot, timezone)} (work: ${workText})`
  // The summary has the caution of all stale slots.
  const cautions = caution === null || why === 'stale' ? [] : [`  ${caution}`]
  return [`${line}${said}`, ...cautions, ...more].map(printable).join('\n')
}

export function plannedJson(task: string, planned: PlannedSlot): string {
  const { slot, why: status, schedule, verdict } = planned
  const { schedule: expression, timezone = 'UTC', anchor = null } = schedule
  const { happened = [], work = 'not done', caution = null } = verdict ?? {}
  return safeJson({
    task,
    slot: formatInstant(slot),
    status,
    schedule: expression,
    zone: timezone,
    anchor,
    work,
    ...(verdict !== null && { happened: sentenceText(happened, slot, timezone) }),
    ...(caution !== null && { caution }),
  })
}

/** Returns the last lines of a plan: `2 missed, 1 failed`, and what must be known before it is run. */
export function planSummary(
  task: string,
  slots: readonly Pick<PlannedSlot, 'why'>[],
  only: readonly Selectable[],
  doubts: LeftOutDoubts,
): string {
  const words = only.flatMap((what) => {
    const count = slots.filter(({ why }) => why === what).length
    return count === 0 ? [] : `${count} ${what}`
  })
  const summary = withDoubts(words.length === 0 ? nothing(only, doubts) : words.join(', '), doubts)
  const hasStale = slots.some(({ why }) => why === 'stale')
  return withDoubtSteps([summary, ...(hasStale ? [STALE_SLOTS_CAUTION] : [])], task, doubts)
}

/** Returns the line about the slots that a plan leaves out. The JSON does not have it. Null: there are none. */
export function leftOutLine(task: string, doubts: LeftOutDoubts): string | null {
  return doubts.whys.length === 0 ? null : withDoubtSteps([`cronledger: ${task}: ${doubtText(doubts)}`], task, doubts)
}

function withDoubtSteps(lines: readonly string[], task: string, doubts: LeftOutDoubts): string {
  return [...lines, ...stepLines(doubtSteps(task, doubts))].map(printable).join('\n')
}

function nothing(only: readonly Selectable[], { whys }: LeftOutDoubts): string {
  return whys.length === 0 ? `nothing to do: no slot in the range is ${listed(only, 'or')}` : 'nothing to run'
}

function withDoubts(text: string, doubts: LeftOutDoubts): string {
  return doubts.whys.length === 0 ? text : `${text.replace(/\.$/, '')}. ${doubtText(doubts)}`
}

/** Returns `2 slots of export that may not have been due`. */
function leftOutText(whys: readonly LeftOut[], of: string): string {
  const reasons = keysOf(LEFT_OUT).filter((why) => whys.includes(why))
  return `${counted(whys.length, 'slot')} of ${of} that ${reasons.map((why) => LEFT_OUT[why]).join(', or that ')}`
}

function doubtText({ whys }: LeftOutDoubts): string {
  return `Left out: ${leftOutText(whys, 'the range')}. Read what check says before you run them.`
}

function doubtSteps(task: string, { store, oldest }: LeftOutDoubts): readonly Step[] {
  if (oldest === null) return []
  return [
    {
      kind: 'show',
      what: 'see what check says',
      command: cronledger('check', { store, task, since: formatInstant(oldest) }),
    },
  ]
}
