import { formatInstant } from '../../core/instant.ts'
import type { Schedule } from '../../core/schedule/schedule.ts'
import type { ExplainedSwitch, Period, SwitchSlot } from '../../core/task/schedule-switch.ts'
import type { Instant } from '../../core/types.ts'
import { scheduleText } from '../../verdict/sentence.ts'
import { instantJson, labelledText, moment } from '../explain.ts'
import { inWords } from '../schedule-words.ts'
import { labelled, listed, printable } from '../text.ts'

/** Returns the comparison as text, with up to `count` slots on each side. Its lines are at most 80 columns wide. */
export function explainSwitchText(explained: ExplainedSwitch, count: number, zoneData: string): string {
  const { from, to, at, units, affected, safe, searchedUntil } = explained
  const { before, after, notRun } = slotsShown(explained, count)
  const shown = (instant: Instant) => moment(instant, to.spec.zone)
  const slotTexts = (list: readonly SwitchSlot[]) =>
    list.map(({ slot, schedule, affected }) =>
      [moment(slot, explained[schedule].spec.zone), ...(affected === null ? [] : [runsText(affected)])].join('  '),
    )
  const isSafe = `safe: no ${listed(units, 'or')} runs more often, or less often, than under one of the two schedules`
  const spans = safe.flatMap(({ after, before }) => [
    `${after === at ? 'from  ' : 'after '}  ${shown(after)}`,
    before === null ? `no end was found until ${shown(searchedUntil)}` : `before  ${shown(before)}`,
  ])
  return labelledText([
    ...labelled('from', [printable(scheduleText(from.spec)), inWords(from)]),
    ...labelled('to', [printable(scheduleText(to.spec)), inWords(to)]),
    ['zone data', zoneData],
    ['', ''],
    ['switch', shown(at)],
    ...labelled('result', affected.length === 0 ? [isSafe] : affected.map(periodText)),
    ['', ''],
    ...labelled('before', before.length === 0 ? ['none'] : slotTexts(before)),
    ...labelled('after', after.length === 0 ? ['none'] : slotTexts(after)),
    ...labelled('not run', slotTexts(notRun)),
    ['', ''],
    ...labelled('safe', spans.length === 0 ? [`no span was found until ${shown(searchedUntil)}`] : spans),
  ])
}

export function explainSwitchJson(explained: ExplainedSwitch, count: number, zoneData: string) {
  const { from, to, at, units, affected, safe, searchedUntil } = explained
  const { before, after, notRun } = slotsShown(explained, count)
  const shown = (instant: Instant | null) => (instant === null ? null : instantJson(instant, to.spec.zone))
  const slotsJson = (list: readonly SwitchSlot[]) =>
    list.map(({ slot, schedule, affected }) => {
      return { ...instantJson(slot, explained[schedule].spec.zone), schedule, affected: affected?.name ?? null }
    })
  return {
    ...{ from: namedJson(from), to: namedJson(to), zoneData, at: shown(at), units, affected },
    ...{ before: slotsJson(before), after: slotsJson(after), notRun: slotsJson(notRun) },
    safe: safe.map((span) => ({ after: shown(span.after), before: shown(span.before) })),
    searchedUntil: formatInstant(searchedUntil),
  }
}

function namedJson(schedule: Schedule) {
  const { expression, zone, anchor } = schedule.spec
  return { expression, zone, ...(anchor !== undefined && { anchor: formatInstant(anchor) }), words: inWords(schedule) }
}

/** Returns the slots that run before and after the switch, and those of affected periods that do not run. */
function slotsShown({ slots, at }: ExplainedSwitch, count: number) {
  const pick = (schedule: SwitchSlot['schedule'], runs: boolean) =>
    slots.filter((one) => {
      const hasRun = (schedule === 'from') === one.slot < at
      return one.schedule === schedule && hasRun === runs && (runs || one.affected !== null)
    })
  return {
    before: pick('from', true).slice(-count),
    after: pick('to', true).slice(0, count),
    notRun: [...pick('to', false).slice(-count), ...pick('from', false).slice(0, count)],
  }
}

const runsText = ({ runs }: Period) => ['never runs', 'runs once', 'runs twice'][runs] ?? `runs ${runs} times`

function periodText(period: Period): string {
  const slots = (count: number) => (count === 1 ? '1 slot' : `${count} slots`)
  const name = `${period.unit === 'week' ? 'the week of ' : ''}${period.name}`
  return `${name} ${runsText(period)}: it has ${slots(period.withFrom)} under the old schedule, and ${slots(period.withTo)} under the new one`
}
