import { formatInstant } from '../../core/instant.ts'
import type { Instant } from '../../core/types.ts'
import type { WallClock } from './wall-clock.ts'

/** A time in the zone of the task, followed by the same time in UTC. */
export function Time({ at, clock }: { readonly at: Instant; readonly clock: WallClock }) {
  const utc = formatInstant(at)
  return (
    <time class="time" datetime={utc}>
      <span>{clock.time(at)}</span> <small>{utc}</small>
    </time>
  )
}
