import { formatInstant } from '../../core/instant.ts'
import type { Instant } from '../../core/types.ts'
import type { WallClock } from './wall-clock.ts'

/** A time on the task's clocks, with UTC beside it. */
export function Time({ at, clock }: { readonly at: Instant; readonly clock: WallClock }) {
  const utc = formatInstant(at)
  return (
    <time class="time" datetime={utc}>
      <span>{clock.time(at)}</span> <small>{utc}</small>
    </time>
  )
}
