import { DAY_MS } from '../../../core/duration.ts'
import { formatInstant } from '../../../core/instant.ts'
import type { Instant } from '../../../core/types.ts'
import type { WallClock } from './wall-clock.ts'

interface TimeProps {
  readonly at: Instant
  readonly clock: WallClock
  /** The time of the page. With it, a time of the last or the next day also says how far away it is. */
  readonly now?: Instant
  /** A time that stands before it. A date or an offset that both share is left out. */
  readonly near?: Instant
}

/** A time by its clock, with its offset. A pointer on it shows the time in UTC. */
export function Time({ at, clock, now, near }: TimeProps) {
  const utc = formatInstant(at)
  const text = clock.time(at)
  const isSameDay = near !== undefined && clock.day(at) === clock.day(near)
  const hasOffset = near === undefined || clock.offset(at) !== clock.offset(near)
  const isNear = now !== undefined && Math.abs(now - at) < DAY_MS
  return (
    <time class="time" datetime={utc} title={utc}>
      {isSameDay ? text.slice('2026-11-24 '.length) : text}
      {hasOffset && <small> {clock.offset(at)}</small>}
      {isNear && <small class="age"> ({ageText(at, now)})</small>}
    </time>
  )
}

interface BriefProps extends TimeProps {
  readonly now: Instant
  /** The zone of the table. A time in another one has its offset. */
  readonly zone: string
}

/** A time for a column: the time of the day with its age, or with the date if it is not today's. A pointer on it shows the time in UTC. */
export function BriefTime({ at, clock, now, zone }: BriefProps) {
  const utc = formatInstant(at)
  const isToday = clock.day(at) === clock.day(now)
  const text = clock.time(at).slice(isToday ? '2026-11-24 '.length : '2026-'.length)
  return (
    <time class="time" datetime={utc} title={utc}>
      {text}
      {clock.zone !== zone && <small> {clock.offset(at)}</small>}
      {isToday && <small class="age"> ({ageText(at, now)})</small>}
    </time>
  )
}

const UNITS = [
  { name: 'd', ms: DAY_MS },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
] as const

/** Returns how far away a time is, in its largest unit: `8 h ago`, `in 3 h`, `now`. */
export function ageText(at: Instant, now: Instant): string {
  const ms = Math.abs(now - at)
  const unit = UNITS.find((one) => ms >= one.ms)
  if (unit === undefined) return 'now'
  const amount = `${Math.floor(ms / unit.ms)} ${unit.name}`
  return at > now ? `in ${amount}` : `${amount} ago`
}
