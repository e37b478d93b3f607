import { formatInstant } from '../../core/instant.ts'
import type { Schedule } from '../../core/schedule/schedule.ts'
import type { ExplainedSwitch, Period } from '../../core/task/schedule-switch.ts'
import type { Instant } from '../../core/types.ts'
import { scheduleText } from '../../verdict/sentence.ts'
import { instantJson, labelledText, moment, specJson } from '../explain.ts'
import { inWords } from '../schedule-words.ts'
import { counted, labelled, listed, printable } from '../text.ts'

/** Returns the comparison as text, with up to `count` slots on each side. Its lines are at most 80 columns wide. */
export function explainSwitchText(explained: ExplainedSwitch, count: number, zoneData: string): string {
  const { from, to, at, units, affected, safe, searchedUntil } = explained
  const shown = (instant: Instant) => moment(instant, to.spec.zone)
  const before = explained.before.slice(-count).map((slot) => moment(slot, from.spec.zone))
  const after = explained.after.slice(0, count).map(shown)
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
    ...labelled('before', before.length === 0 ? ['none'] : before),
    ...labelled('after', after.length === 0 ? ['none'] : after),
    ['', ''],
    ...labelled('safe', spans.length === 0 ? [`no span was found until ${shown(searchedUntil)}`] : spans),
  ])
}

export function explainSwitchJson(explained: ExplainedSwitch, count: number, zoneData: string) {
  const { from, to, at, units, affected, safe, searchedUntil } = explained
  const withWords = (schedule: Schedule) => ({ ...specJson(schedule.spec), words: inWords(schedule) })
  const shown = (instant: Instant | null) => (instant === null ? null : instantJson(instant, to.spec.zone))
  return {
    ...{ from: withWords(from), to: withWords(to), zoneData, at: shown(at), units, affected },
    before: explained.before.slice(-count).map((slot) => instantJson(slot, from.spec.zone)),
    after: explained.after.slice(0, count).map(shown),
    safe: safe.map((span) => ({ after: shown(span.after), before: shown(span.before) })),
    searchedUntil: formatInstant(searchedUntil),
  }
}

const runsText = ({ runs }: Period) => ['never runs', 'runs once', 'runs twice'][runs] ?? `runs ${runs} times`

function periodText(period: Period): string {
  const name = `${period.unit === 'week' ? 'the week of ' : ''}${period.name}`
  return `${name} ${runsText(period)}: it has ${counted(period.withFrom, 'slot')} under the old schedule, and ${counted(period.withTo, 'slot')} under the new one`
}
