import { DAY_MS } from '../../../core/duration.ts'
import { formatInstant } from '../../../core/instant.ts'
import type { Instant } from '../../../core/types.ts'
import { UTC, type WallClock } from './wall-clock.ts'

interface TimeProps {
  readonly at: Instant
  /** The clock of the zone of the task. */
  readonly clock: WallClock
  /** The time of the page. With it, a time of the last or the next day also says how far away it is. */
  readonly now?: Instant
  /** A time that stands before it. The date is left out if it is the date of that time. */
  readonly near?: Instant
}

/**
 * A time in the zone of the task with its offset. The style shows it in UTC instead when the switch in the header is on.
 * The text that a person copies contains both, and a pointer on it shows the time in UTC.
 */
export function Time({ at, clock, now, near }: TimeProps) {
  const utc = formatInstant(at)
  const textIn = (one: WallClock) => {
    const text = one.time(at)
    return near !== undefined && one.day(at) === one.day(near) ? text.slice('2026-11-24 '.length) : text
  }
  const isNear = now !== undefined && Math.abs(now - at) < DAY_MS
  return (
    <time class="time" datetime={utc} title={utc}>
      {clock.zone !== 'UTC' && (
        <>
          <span class="local">
            {textIn(clock)} <small>{clock.offset(at)}</small>
          </span>
          {/* It separates the two times of a copied text, and takes no room before a comma or a full stop. */}
          <span class="aside"> </span>
        </>
      )}
      <span class={clock.zone === 'UTC' ? undefined : 'utc'}>
        {textIn(UTC)} <small>UTC</small>
      </span>
      {isNear && <small class="age"> ({ageText(at, now)})</small>}
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
