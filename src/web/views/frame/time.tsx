import { DAY_MS } from '../../../core/duration.ts'
import { formatInstant } from '../../../core/instant.ts'
import { setWithin } from '../../../core/objects.ts'
import { isZone, openZone } from '../../../core/schedule/zone.ts'
import type { Instant } from '../../../core/types.ts'
import { offsetName } from '../../../format/local-time.ts'
import { printable } from '../../../format/text.ts'
import type { Sentence } from '../../../verdict/sentence.ts'
import { links } from './links.ts'

interface TimeProps {
  readonly at: Instant
  readonly clock: WallClock
  /** The time of the page. With it, a time of the last or the next day also says how far away it is. */
  readonly now?: Instant
  /** A time that stands before it. What both share is left out: the date or only its year, and the offset. */
  readonly near?: Instant
}

const DATE = '2026-11-24 '.length
const YEAR = '2026-'.length

/** A time by its clock, with its offset. A pointer on it shows the time in UTC. */
export function Time({ at, clock, now, near }: TimeProps) {
  const utc = formatInstant(at)
  const text = clock.time(at)
  const isShared = (length: number) => near !== undefined && clock.time(near).startsWith(text.slice(0, length))
  const left = [DATE, YEAR].find(isShared) ?? 0
  const hasOffset = near === undefined || clock.offset(at) !== clock.offset(near)
  const isNear = now !== undefined && Math.abs(now - at) < DAY_MS
  return (
    <time class="time" datetime={utc} title={utc}>
      {text.slice(left)}
      {hasOffset && <small> {clock.offset(at)}</small>}
      {isNear && <small class="age"> ({ageText(at, now)})</small>}
    </time>
  )
}

/** A time for a column in which all times have one clock and one form. A pointer on it shows the time in UTC. */
export function BriefTime({ at, clock, now }: Required<Omit<TimeProps, 'near'>>) {
  const utc = formatInstant(at)
  return (
    <time class="time" datetime={utc} title={utc}>
      {clock.time(at).slice(YEAR, '2026-11-24 12:00'.length)} <small class="age">{ageText(at, now)}</small>
    </time>
  )
}

/** Returns a time that stands after another one, without its date if both have the same. */
export function timeAfter(before: Instant, at: Instant, clock: WallClock): string {
  const [first, text] = [clock.time(before), clock.time(at)]
  return text.slice(first.slice(0, DATE) === text.slice(0, DATE) ? DATE : 0)
}

const UNITS = [
  { name: 'd', ms: DAY_MS },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
] as const

/** Returns how far away a time is, in its largest unit: `8 h ago`, `in 3 h`, `now`. */
function ageText(at: Instant, now: Instant): string {
  const ms = Math.abs(now - at)
  const unit = UNITS.find((one) => ms >= one.ms)
  if (unit === undefined) return 'now'
  const amount = `${Math.floor(ms / unit.ms)} ${unit.name}`
  return at > now ? `in ${amount}` : `${amount} ago`
}

export interface WallClock {
  readonly zone: string
  /** Returns the instant at which a clock of UTC shows what this clock shows at `instant`. */
  localMs(instant: Instant): number
  /** Returns `2026-11-24 03:00`, with seconds only where they are not zero. */
  time(instant: Instant): string
  /** Returns `JST`, or the offset from UTC where no abbreviation is in use, as in a terminal. */
  offset(instant: Instant): string
  /** Returns the clock for a slot whose schedule has this zone: its own, unless the reader has chosen one for all times. */
  ofSlot(zone: string): WallClock
}

/** Returns the words of a schedule with its zone. The words of `at(…)` contain the zone already. */
export function wordsIn(zone: string, words: string): string {
  return words.endsWith(` in ${zone}`) ? words : [words, zone].filter(Boolean).join(' · ')
}

/** A clock knows the offsets that it was asked for. A reader may spell a zone in many ways, so there is a limit. */
const CLOCKS = new Map<string, WallClock>()
const MAX_CLOCKS = 500

/** Returns the clock of a zone. A zone that this Node does not know is UTC. */
export function wallClock(name: string, isChosen = false): WallClock {
  const key = `${name} ${isChosen}`
  const clock = CLOCKS.get(key) ?? openClock(isZone(name) ? name : 'UTC', isChosen)
  if (!CLOCKS.has(key)) setWithin(CLOCKS, MAX_CLOCKS, key, clock)
  return clock
}

/** Uses offsets, because the formats of luxon take ten times as long. */
function openClock(zone: string, isChosen: boolean): WallClock {
  const { pieceAt } = openZone(zone)
  const localMs = (instant: Instant) => instant + pieceAt(instant / 1000).offset * 1000
  const time = (instant: Instant) =>
    formatInstant(localMs(instant))
      .slice(0, 19)
      .replace('T', ' ')
      .replace(/(:\d\d):00$/, '$1')
  const own: WallClock = {
    zone,
    localMs,
    time,
    offset: (instant) => offsetName(instant, zone),
    ofSlot: (other) => (isChosen ? own : wallClock(other)),
  }
  return own
}

export const UTC = wallClock('UTC')

interface SaidProps {
  readonly said: Sentence
  readonly clock: WallClock
  /** A time that stands before the sentence. */
  readonly near?: Instant
}

/** A sentence with its times as elements, in the zone of the page. The time of a slot is a link to it. */
export function Said({ said, clock, near }: SaidProps) {
  let before = near
  return said.map((part) => {
    if (typeof part === 'string') return printable(part)
    const time = <Time at={part.at} {...(before !== undefined && { near: before })} clock={clock} />
    before = before && part.at
    return part.task === undefined ? time : <a href={links.slot(part.task, part.at)}>{time}</a>
  })
}
