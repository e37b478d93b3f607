import { formatInstant } from '../../core/instant.ts'
import { attemptCount, batchReport, sinceOf } from '../../core/row/attempts.ts'
import { keptRejections } from '../../core/row/rejections.ts'
import { readableRow } from '../../core/row/status.ts'
import { slotAfter } from '../../core/schedule/slot.ts'
import { dueKeys } from '../../core/task/expected-slots.ts'
import type { OffSchedule } from '../../core/task/findings.ts'
import { unmetRules } from '../../core/task/rules.ts'
import { type InForce, scheduleWith } from '../../core/task/schedules-in-force.ts'
import { type FoundSuspension, gapsOf, suspensionOf } from '../../core/task/suspensions.ts'
import { isOnlyDeclared, rulesOf, type TaskRecord } from '../../core/task/task-record.ts'
import type { Instant, Row, ScheduleSpec, StoredRow } from '../../core/types.ts'
import { bytesOf } from '../../core/user-text.ts'
import { scheduleText } from '../../verdict/sentence.ts'
import { neededSteps } from '../../verdict/steps.ts'
import { ofRow, otherScheduleOf, type StepTarget } from '../../verdict/target.ts'
import { type Verdict, type VerdictSettings, verdictOf } from '../../verdict/verdict.ts'
import { ownedSteps } from '../command-line.ts'
import { localTimeIn, zonedTime } from '../local-time.ts'
import { notExpectedText } from '../task/suspensions.ts'
import { printable, safeJson } from '../text.ts'
import { nextTriggerText, sentenceText, verdictJson } from '../verdict.ts'
import { missedJson, rowJson } from './row.ts'
import { slotTimeline, type TimelineEntry, withSource } from './timeline.ts'

export interface ShownSlot {
  readonly task: string
  readonly slot: Instant
  readonly windowEnd: Instant | null
  readonly row: StoredRow | null
  /** The schedule that has the slot. Null if it is not known, or if none has it. */
  readonly schedule: ScheduleSpec | null
  readonly verdict: Verdict
  readonly target: StepTarget
  readonly found: FoundSuspension | null
  readonly owner: string | undefined
}

export interface SlotTask {
  readonly store: string
  readonly task: string
  /** Null: the task has no record. Undefined: its record cannot be read. */
  readonly record: TaskRecord | null | undefined
  /** Its schedules, the oldest first, without those that cannot be read. */
  readonly inForce: readonly InForce[]
  /** The rows before the slot, the newest first, which say what is usual. Left out: that is not known. */
  readonly older?: readonly Row[]
}

export function shownSlot(
  slot: Instant,
  row: StoredRow | null,
  { store, task, record, inForce, older = [] }: SlotTask,
  settings: VerdictSettings,
): ShownSlot {
  const known = record ?? null
  const rules = rulesOf(known)
  const [recorded, own] = [scheduleWith(inForce, slot), readableRow(row)]
  const schedule = own?.schedule ?? recorded?.spec ?? null
  const due = { task, schedules: inForce, gaps: gapsOf(known), withPlain: true } as const
  const [key] = row === null ? dueKeys([due], slot, slot + 1) : []
  const of = { ...otherScheduleOf(schedule, known), ...ofRow(row, known?.ecs) }
  const found = suspensionOf(known, slot)
  const target = { store, task, slot, doubt: key?.doubt, ...of }
  const slotFound = {
    target,
    row,
    found,
    isExpected: key !== undefined && !key.doubt?.isPlain,
    isOnlyDeclared: known !== null && isOnlyDeclared(known),
    unmet: rules === null || own === null ? [] : unmetRules(own, rules, older),
    firstSlot: known?.schedules[0]?.since,
    offSchedule: record === undefined || recorded !== null ? undefined : offScheduleOf(row, known),
  }
  const end = recorded === null ? null : slotAfter(recorded, slot)
  return {
    ...{ task, slot, row, schedule, target, found },
    windowEnd: row === null ? end : (own?.windowEnd ?? null),
    verdict: verdictOf(slotFound, settings),
    owner: known?.expectations?.owner,
  }
}

function offScheduleOf(row: StoredRow | null, known: TaskRecord | null): OffSchedule | undefined {
  if (row === null) return undefined
  return known === null || known.schedules.length === 0 ? 'none' : 'other'
}

export function showText(shown: ShownSlot): string {
  const { task, slot, schedule, verdict, owner } = shown
  const row = readableRow(shown.row)
  const steps = neededSteps(verdict.steps, 'record')
  const lines = [
    // The lines below have local times without a zone. Here is the zone.
    `${task} ${zonedTime(slot, schedule?.zone ?? 'UTC')} (${formatInstant(slot)})`,
    ...factTable({
      ...verdictFacts(shown),
      ...(steps.length === 0 && verdict.caution !== null && { caution: verdict.caution }),
      ...(row === null ? absentFacts(shown) : slotFacts(row)),
      ...foundFact(shown),
    }),
    ...(row === null ? [] : ['', 'TIMELINE (UTC)', ...timelineLines(row), ...reportLines(row)]),
    ...(steps.length === 0 ? [] : ['', 'NEXT STEPS', ...ownedSteps(owner, steps, verdict.caution)]),
  ]
  return lines.map(printable).join('\n')
}

export function showJson(shown: ShownSlot): string {
  const { row, slot, schedule, verdict } = shown
  const own = row === null ? missedJson(shown, verdict.status) : rowJson(row, verdict.status)
  return safeJson({ ...own, ...verdictJson(verdict, slot, schedule?.zone ?? 'UTC') }, 2)
}

function verdictFacts({ slot, schedule, verdict }: ShownSlot): Readonly<Record<string, string>> {
  return {
    status: verdict.status ?? 'not expected',
    happened: sentenceText(verdict.happened, slot, schedule?.zone ?? 'UTC'),
    work: verdict.workText,
    'next trigger': nextTriggerText(verdict),
  }
}

function absentFacts({ slot, schedule }: ShownSlot): Readonly<Record<string, string>> {
  if (schedule === null) return {}
  return { 'local time': localTimeIn(slot, schedule.zone), schedule: scheduleText(schedule) }
}

function foundFact({ found, schedule }: ShownSlot): Readonly<Record<string, string>> {
  return found === null ? {} : { 'not expected': notExpectedText(found, schedule?.zone ?? 'UTC') }
}

function factTable(facts: Readonly<Record<string, string>>): readonly string[] {
  const width = Math.max(...Object.keys(facts).map(({ length }) => length))
  return Object.entries(facts).map(([name, text]) => `  ${name.padEnd(width)}  ${text}`)
}

/** Returns the facts about a slot, by name. The texts are not yet safe on a terminal. */
export function slotFacts(row: Row): Readonly<Record<string, string>> {
  const { slot, windowEnd, schedule, rejections, unlistedAttempts } = row
  const { count, refused } = rejections
  const since = sinceOf(row)
  const end = windowEnd === null ? ', no end: the schedule has no later slot' : ` to ${formatInstant(windowEnd)}`
  const localEnd = windowEnd === null ? '' : ` to ${localTimeIn(windowEnd, schedule.zone)}`
  const unlisted = unlistedAttempts === 0 ? '' : ` (${unlistedAttempts} of them never started and are not listed)`
  const dropped = count - keptRejections(row).length
  const rejectedNotes = [refused > 0 && `${refused} refused`, dropped > 0 && `${dropped} of them are only counted`]
  const notes = rejectedNotes.filter(Boolean).join(', ')
  return {
    window: `${formatInstant(slot)}${end}`,
    'local time': `${localTimeIn(slot, schedule.zone)}${localEnd}`,
    schedule: `${scheduleText(schedule)}, zone data ${row.zoneData}`,
    ...(since === undefined ? {} : { range: `after ${formatInstant(since)}, up to ${formatInstant(slot)}` }),
    attempts: `${attemptCount(row)}${unlisted}`,
    rejected: `${count}${notes === '' ? '' : ` (${notes})`}`,
    ...(row.leaseUntil === null ? {} : { lease: `until ${formatInstant(row.leaseUntil)}` }),
    ...(row.checkpoint === undefined ? {} : { checkpoint: checkpointText(row.checkpoint) }),
    ...(row.expiresAt === null ? {} : { expires: formatInstant(row.expiresAt) }),
  }
}

/** In characters: what fits on a line. JSON has all of it. */
const SHOWN_CHECKPOINT = 60

function checkpointText(checkpoint: string): string {
  const shown = [...checkpoint].slice(0, SHOWN_CHECKPOINT).join('')
  return `${shown}${shown === checkpoint ? '' : '…'} (${bytesOf(checkpoint)} bytes, for the next attempt)`
}

/** Up to this many rejected triggers that are alike have lines of their own: a terminal cannot open an entry. */
const FEW = 3

function timelineLines(row: Row): string[] {
  const entries = slotTimeline(row).flatMap((entry): readonly TimelineEntry[] =>
    entry.kind === 'rejections' && entry.listed.length <= FEW ? entry.listed : [entry],
  )
  const width = Math.max(0, ...entries.map(({ at }) => formatInstant(at).length))
  return entries.map((entry) => `${formatInstant(entry.at).padEnd(width)}  ${timelineText(entry)}`)
}

/** The timeline has the last line of a report. Here is the newest one whole, if it has more. */
function reportLines({ attempts }: Row): readonly string[] {
  const attempt = attempts.findLast((one) => batchReport(one) !== undefined)
  const lines = (attempt && batchReport(attempt)?.split('\n')) ?? []
  return lines.length < 2 ? [] : ['', `REPORT OF ATTEMPT ${attempt?.number}`, ...lines.map((line) => `  ${line}`)]
}

function timelineText(entry: TimelineEntry): string {
  if (entry.kind === 'event') return withSource(entry)
  const source = entry.source === '' ? '--json lists them' : `${entry.source}; --json lists the others`
  return withSource({ text: `${entry.text}, the last one at ${formatInstant(entry.until)}`, source })
}
