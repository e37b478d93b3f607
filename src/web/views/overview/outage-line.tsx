import { Time } from '../frame/time.tsx'
import { wallClock } from '../frame/wall-clock.ts'
import { Moment } from '../slot/moment.tsx'
import type { Outage } from './outage.ts'

/** Says that several tasks have problems in one time, in the zone that most of these tasks share. */
export function OutageLine({ outage: { tasks, from, to, zone } }: { readonly outage: Outage }) {
  const clock = wallClock(zone)
  return (
    <p class="outage">
      <strong>
        {tasks} tasks have problems that began {from === to ? 'at' : 'between'} <Time at={from} clock={clock} />
        {from !== to && (
          <>
            {' and '}
            <Moment at={to} slot={from} clock={clock} />
          </>
        )}
        .
      </strong>{' '}
      They may have one cause.
    </p>
  )
}
