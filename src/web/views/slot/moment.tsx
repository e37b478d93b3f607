import { formatInstant } from '../../../core/instant.ts'
import type { Instant } from '../../../core/types.ts'
import { UTC, type WallClock } from '../frame/wall-clock.ts'

interface MomentProps {
  readonly at: Instant
  /** The slot of the page. The date is left out if it is the date of the slot. */
  readonly slot: Instant
  readonly clock: WallClock
}

/** A time of the day of a slot. It is a `Time` without the date that the title of the page has already. */
export function Moment({ at, slot, clock }: MomentProps) {
  const utc = formatInstant(at)
  return (
    <time class="time" datetime={utc} title={utc}>
      {clock.zone !== 'UTC' && (
        <span class="local">
          {near(at, slot, clock)} <small>{clock.offset(at)}</small>
        </span>
      )}
      {/* The space is in the part that is hidden, because a full stop may come after the time. */}
      <span class={clock.zone === 'UTC' ? undefined : 'utc'}>
        {clock.zone === 'UTC' ? '' : ' '}
        {near(at, slot, UTC)} <small>UTC</small>
      </span>
    </time>
  )
}

function near(at: Instant, slot: Instant, clock: WallClock): string {
  const time = clock.time(at)
  return clock.day(at) === clock.day(slot) ? time.slice('2026-11-24 '.length) : time
}
