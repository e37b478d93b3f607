import { formatInstant } from '../../core/instant.ts'
import { attemptCount, batchReport, sinceOf } from '../../core/row/attempts.ts'
import { keptRejections, rejectedWords } from '../../core/row/rejections.ts'
import { type FoundSuspension, suspensionOf } from '../../core/task/suspensions.ts'
import { futureTime } from '../../core/task/wrong-clock.ts'
import type { Instant, Row, Status } from '../../core/types.ts'
import { bytesOf } from '../../core/user-text.ts'
import { scheduleOf } from '../../verdict/found.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { type Sentence, scheduleText } from '../../verdict/sentence.ts'
import { neededSteps } from '../../verdict/steps.ts'
import type { StepTarget } from '../../verdict/target.ts'
import { targetOfSlot, type Verdict, verdictOf } from '../../verdict/verdict.ts'
import { offsetName, timeNear, zonedTime } from '../local-time.ts'
import { hangingLines, stepsOnScreen, widthOf } from '../table.ts'
import { notExpectedText } from '../task/declaration.ts'
import { printable, safeJson } from '../text.ts'
import { nextTriggerText, sentenceText, verdictJson } from '../verdict.ts'
import { absentJson, coveredByOf, rowJson } from './row.ts'
import { slotTimeline, type TimelineEntry, withSource } from './timeline.ts'

export interface ShownSlot extends JudgedSlot {
  readonly verdict: Verdict
  readonly target: StepTarget
  readonly found: FoundSuspension | null
}

export function shownSlot(one: JudgedSlot, store: string): ShownSlot {
  const target = targetOfSlot(one, store)
  return { ...one, target, verdict: verdictOf(one, target), found: suspensionOf(one.of.record ?? null, one.slot) }
}

/** Lines are broken where the screen ends, except what the batch reported. `withIds`: with the runs and their places. */
export function showText(shown: ShownSlot, columns: number | null = null, withIds = false): string {
  const { task, slot, schedule, verdict, owner, own: row } = shown
  const steps = neededSteps(verdict.steps, 'record')
  const lines = [
    // The lines below have times without a zone. Here is the zone.
    `${task} ${zonedTime(slot, schedule.zone)} (${formatInstant(slot)})`,
    ...factTable(columns, {
      ...verdictFacts(shown),
      ...(steps.length === 0 && verdict.caution !== null && { caution: verdict.caution }),
      ...(row === null ? absentFacts(shown) : rowFacts(row, verdict.status, schedule.zone)),
      ...(shown.found !== null && { 'not expected': notExpectedText(shown.found, schedule.zone) }),
      ...clockFact(shown),
    }),
    ...(row === null ? [] : ['', ...timelineLines(row, schedule.zone, columns, withIds), ...reportLines(row)]),
    ...(steps.length === 0
      ? []
      : ['', 'NEXT STEPS', ...stepsOnScreen(owner, [verdict.caution ?? []].flat(), steps, columns)]),
  ]
  return lines.map(printable).join('\n')
}

export function showJson(shown: ShownSlot): string {
  const { row, slot, schedule, owner, verdict } = shown
  const coveredBy = coveredByOf(shown)
  return safeJson(
    {
      ...(row === null ? absentJson(shown) : rowJson(row, verdict.status)),
      ...(owner !== undefined && { owner }),
      ...(coveredBy !== undefined && { coveredBy }),
      ...verdictJson(verdict, slot, schedule.zone),
    },
    2,
  )
}

function verdictFacts({ slot, schedule, verdict }: ShownSlot): Readonly<Record<string, string>> {
  return {
    status: verdict.status ?? 'not expected',
    happened: sentenceText(verdict.happened, slot, schedule.zone),
    work: verdict.workText,
    'next trigger': nextTriggerText(verdict),
  }
}

function absentFacts(shown: ShownSlot): Readonly<Record<string, string>> {
  const schedule = scheduleOf(shown)
  return schedule === null ? {} : { schedule: scheduleText(schedule) }
}

/** `check` says it in a note. */
function clockFact({ own, of, schedule }: ShownSlot): Readonly<Record<string, string>> {
  const ahead = own && futureTime(own, of.now + of.times.skewMs)
  if (ahead === null) return {}
  const at = zonedTime(ahead.at, schedule.zone)
  const why = `the clock of ${ahead.host} was ahead, or that of this host is behind`
  return { clock: `an attempt has the time ${at}, which is in the future: ${why}` }
}

function factTable(columns: number | null, facts: Readonly<Record<string, string>>): readonly string[] {
  const width = Math.max(...Object.keys(facts).map(({ length }) => length))
  return Object.entries(facts).flatMap(([name, text]) => hangingLines(`  ${name.padEnd(width)}  `, text, columns))
}

/** Leaves out what the lines around it say already: the status, and the attempts that the timeline has. */
function rowFacts(row: Row, status: Status | null, zone: string): Readonly<Record<string, string>> {
  const { 'stored state': state, attempts, rejected, ...others } = slotFacts(row)
  const facts = {
    ...(row.state.toLowerCase() !== status && { 'stored state': state }),
    ...others,
    ...(row.unlistedAttempts > 0 && { attempts }),
    ...(row.rejections.count > 0 && { rejected }),
  }
  const textOf = (part: Sentence[number]) => (typeof part === 'string' ? part : zonedTime(part.at, zone))
  return Object.fromEntries(Object.entries(facts).map(([name, sentence]) => [name, sentence.map(textOf).join('')]))
}

export function slotFacts(row: Row) {
  const { slot, windowEnd, schedule, rejections, unlistedAttempts, leaseUntil, checkpoint, expiresAt } = row
  const since = sinceOf(row)
  const end = windowEnd === null ? [', no end: the schedule has no later slot'] : [' to ', { at: windowEnd }]
  const unlisted = unlistedAttempts === 0 ? '' : ` (${unlistedAttempts} of them never started and are not listed)`
  const { otherCommands } = rejections
  const others = otherCommands > 0 ? `, ${otherCommands} of them with another command line` : ''
  const dropped = rejections.count - keptRejections(row).length
  return {
    'stored state': [row.state],
    window: [{ at: slot }, ...end],
    schedule: [`${scheduleText(schedule)}, zone data ${row.zoneData}`],
    ...(since !== undefined && { range: ['after ', { at: since }, ', up to ', { at: slot }] }),
    attempts: [`${attemptCount(row)}${unlisted}`],
    rejected: [`${rejectedWords(rejections)}${others}${dropped > 0 ? `, ${dropped} of them only counted` : ''}`],
    ...(leaseUntil !== null && { lease: ['until ', { at: leaseUntil }] }),
    ...(checkpoint !== undefined && { checkpoint: [checkpointText(checkpoint)] }),
    ...(expiresAt !== null && { expires: [{ at: expiresAt }] }),
  } satisfies Readonly<Record<string, Sentence>>
}

const SHOWN_CHECKPOINT = 60

function checkpointText(checkpoint: string): string {
  const shown = [...checkpoint].slice(0, SHOWN_CHECKPOINT).join('')
  return `${shown}${shown === checkpoint ? '' : '…'} (${bytesOf(checkpoint)} bytes, for the next attempt)`
}

/** Up to this many events that are alike have lines of their own: a terminal cannot open an entry. */
const FEW = 3

/** Times have a date where it is not that of the slot, and the name of the zone only if not all have the same one. */
function timelineLines(row: Row, zone: string, columns: number | null, withIds: boolean): readonly string[] {
  const entries = slotTimeline(row).flatMap((entry): readonly TimelineEntry[] =>
    entry.kind === 'folded' && entry.listed.length <= FEW ? entry.listed : [entry],
  )
  const names = new Set(entries.map(({ at }) => offsetName(at, zone)))
  const [name = ''] = names
  const timeOf = (at: Instant) => `${timeNear(at, row.slot, zone)}${names.size > 1 ? ` ${offsetName(at, zone)}` : ''}`
  const width = widthOf(entries.map(({ at }) => timeOf(at)))
  const lines = entries.flatMap((entry) =>
    hangingLines(`${timeOf(entry.at).padEnd(width)}  `, timelineText(entry, timeOf, withIds), columns),
  )
  return [names.size > 1 ? 'TIMELINE' : `TIMELINE (${name})`, ...lines]
}

/** The timeline has the first line of a report. Here is the newest one whole, if it has more. */
function reportLines({ attempts }: Row): readonly string[] {
  const attempt = attempts.findLast((one) => batchReport(one) !== undefined)
  const lines = (attempt && batchReport(attempt)?.split('\n')) ?? []
  return lines.length < 2 ? [] : ['', `REPORT OF ATTEMPT ${attempt?.number}`, ...lines.map((line) => `  ${line}`)]
}

function timelineText(entry: TimelineEntry, timeOf: (at: Instant) => string, withIds: boolean): string {
  if (entry.kind === 'event') return withSource(withIds ? entry : { ...entry, source: entry.why })
  return `${entry.text}, the last one at ${timeOf(entry.until)} (--json lists them)`
}
