import { formatInstant } from '../../core/instant.ts'
import type { Schedule } from '../../core/schedule/schedule.ts'
import type { AffectedPeriod } from '../../core/switch/affected.ts'
import type { ExplainedSwitch, SafeSpan, SwitchSlot } from '../../core/switch/explain-switch.ts'
import type { Period } from '../../core/switch/period.ts'
import type { Instant } from '../../core/types.ts'
import { instantJson, labelled, labelledText, moment } from '../explain.ts'
import { inWords } from '../schedule-words.ts'
import { listed, printable, scheduleText } from '../text.ts'
import type { Labelled } from './explain-task.ts'

// The comparison of two schedules around the time at which they are switched.

/** Returns the comparison as text. Its lines are at most 80 columns wide, unless a single word is longer. */
export function explainSwitchText(explained: ExplainedSwitch, zoneData: string): string {
  const { from, to, at, affected, before, after, notRun } = explained
  const slots = (list: readonly SwitchSlot[]) =>
    list.length === 0 ? ['none'] : list.map((one) => slotText(one, explained))
  const lines: readonly Labelled[] = [
    ...labelled('from', scheduleTexts(from)),
    ...labelled('to', scheduleTexts(to)),
    ['zone data', zoneData],
    ['', ''],
    ['switch', moment(at, to.spec.zone)],
    ...labelled('result', affected.length === 0 ? [safeText(explained)] : affected.map((one) => affectedText(one, to))),
    ['', ''],
    ...labelled('before', slots(before)),
    ...labelled('after', slots(after)),
    ...(notRun.length === 0 ? [] : labelled('not run', slots(notRun))),
    ['', ''],
    ...labelled('safe', spanTexts(explained)),
  ]
  return labelledText(lines)
}

/** Returns the comparison as a JSON object for programs. */
export function explainSwitchJson(explained: ExplainedSwitch, zoneData: string): Record<string, unknown> {
  const { from, to, at, units, affected, before, after, notRun, safe, searchedUntil } = explained
  const zoneOf = ({ schedule }: SwitchSlot) => explained[schedule].spec.zone
  const slotJson = (one: SwitchSlot) => ({
    ...instantJson(one.slot, zoneOf(one)),
    schedule: one.schedule,
    affected: one.affected === null ? null : kindOf(one.affected),
  })
  const shown = (instant: Instant | null) => (instant === null ? null : instantJson(instant, to.spec.zone))
  return {
    from: scheduleJson(from),
    to: scheduleJson(to),
    zoneData,
    at: shown(at),
    units,
    affected: affected.map((one) => ({
      kind: kindOf(one),
      ...periodJson(one.period),
      runs: one.runs,
      withFrom: one.withFrom,
      withTo: one.withTo,
    })),
    before: before.map(slotJson),
    after: after.map(slotJson),
    notRun: notRun.map(slotJson),
    safe: safe.map((span) => ({ after: shown(span.after), before: shown(span.before) })),
    searchedUntil: formatInstant(searchedUntil),
  }
}

/** Returns the period for programs. An hour is real time in UTC, and the others are local times. */
function periodJson({ unit, from, to }: Period): { readonly unit: string; readonly from: string; readonly to: string } {
  const text = (second: number) => formatInstant(second * 1000).slice(0, unit === 'hour' ? undefined : -1)
  return { unit, from: text(from), to: text(to) }
}

function scheduleJson(schedule: Schedule): Record<string, unknown> {
  const { expression, zone, anchor } = schedule.spec
  return { expression, zone, ...(anchor !== undefined && { anchor: formatInstant(anchor) }), words: inWords(schedule) }
}

function scheduleTexts(schedule: Schedule): readonly string[] {
  return [printable(scheduleText(schedule.spec)), inWords(schedule)]
}

/** How a period is affected. `twice` and `never` are the usual cases of the other two. */
type AffectedKind = 'twice' | 'never' | 'moreOften' | 'lessOften'

function kindOf({ runs, withFrom, withTo }: AffectedPeriod): AffectedKind {
  if (runs === 0) return 'never'
  if (runs === 2 && Math.max(withFrom, withTo) === 1) return 'twice'
  return runs > withFrom ? 'moreOften' : 'lessOften'
}

function kindText(affected: AffectedPeriod): string {
  const { runs } = affected
  switch (kindOf(affected)) {
    case 'twice':
      return 'runs twice'
    case 'never':
      return 'never runs'
    case 'moreOften':
    case 'lessOften':
      return `runs ${runs === 1 ? 'once' : `${runs} times`}`
  }
}

function affectedText(affected: AffectedPeriod, to: Schedule): string {
  const { period, withFrom, withTo } = affected
  return `${periodText(period, to)} ${kindText(affected)}: it has ${slotCount(withFrom)} under the old schedule, and ${slotCount(withTo)} under the new one`
}

function slotCount(count: number): string {
  return count === 1 ? '1 slot' : `${count} slots`
}

function safeText({ units }: ExplainedSwitch): string {
  return `safe: no ${listed(units, 'or')} runs more often, or less often, than under one of the two schedules`
}

/** Names a period. An hour is real time, and is named by the clocks of the new schedule. */
function periodText({ unit, from }: Period, { spec }: Schedule): string {
  const date = new Date(from * 1000).toISOString().slice(0, 10)
  const weekday = new Intl.DateTimeFormat('en-US', { weekday: 'short', timeZone: 'UTC' }).format(from * 1000)
  switch (unit) {
    case 'hour':
      return `the hour from ${moment(from * 1000, spec.zone)}`
    case 'day':
      return `${weekday} ${date}`
    case 'week':
      return `the week of ${weekday} ${date}`
    case 'month':
      return date.slice(0, 7)
    case 'year':
      return date.slice(0, 4)
  }
}

function slotText({ slot, schedule, affected }: SwitchSlot, explained: ExplainedSwitch): string {
  const { spec } = explained[schedule]
  return [moment(slot, spec.zone), affected === null ? null : kindText(affected)].filter(Boolean).join('  ')
}

function spanTexts({ safe, at, to, searchedUntil }: ExplainedSwitch): readonly string[] {
  const shown = (instant: Instant) => moment(instant, to.spec.zone)
  if (safe.length === 0) return [`no span was found until ${shown(searchedUntil)}`]
  return safe.flatMap(({ after, before }: SafeSpan) => [
    `${after === at ? 'from  ' : 'after '}  ${shown(after)}`,
    before === null ? `no end was found until ${shown(searchedUntil)}` : `before  ${shown(before)}`,
  ])
}
