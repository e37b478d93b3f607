import { elapsed } from '../../../core/duration.ts'
import { attemptCount, latenessMsOf } from '../../../core/row/attempts.ts'
import { readableRow } from '../../../core/row/status.ts'
import type { Instant } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/row.ts'
import { Badge } from '../frame/badge.tsx'
import { rejectedText } from '../frame/marks.ts'
import type { SlotWithStatus } from '../frame/slot-facts.ts'
import { Time } from '../frame/time.tsx'
import type { WallClock } from '../frame/wall-clock.ts'

export interface HistoryRowProps {
  readonly record: SlotWithStatus
  readonly clock: WallClock
  /** The address of the full description of the slot. Null when there is none. */
  readonly href: string | null
  readonly id?: string | undefined
  readonly now: Instant
}

export function HistoryHead() {
  return (
    <thead>
      <tr>
        <th scope="col">Slot</th>
        <th scope="col">Status</th>
        <th scope="col" class="number">
          Attempts
        </th>
        <th scope="col" class="number">
          Start delay
        </th>
        <th scope="col" class="number">
          Duration
        </th>
        <th scope="col">Rejected triggers</th>
      </tr>
    </thead>
  )
}

/** A line of the history. It has the columns of `cronledger history`, and shows how late the first attempt started. */
export function HistoryRow({ record, clock, href, id, now }: HistoryRowProps) {
  const { slot, row, status, mark } = record
  const own = readableRow(row)
  return (
    <tr id={id}>
      <th scope="row">
        {href === null ? (
          <Time at={slot} clock={clock} now={now} />
        ) : (
          <a href={href}>
            <Time at={slot} clock={clock} now={now} />
          </a>
        )}
      </th>
      <td>
        <Badge mark={mark} />
      </td>
      <td class="number">{own === null ? '' : attemptCount(own)}</td>
      <td class="number">{elapsedText(own && latenessMsOf(own))}</td>
      <td class="number">{elapsedText(own && durationMsOf(own, status, now))}</td>
      <td>{rejectedText(row)}</td>
    </tr>
  )
}

function elapsedText(ms: number | null): string {
  return ms === null ? '' : elapsed(ms)
}
