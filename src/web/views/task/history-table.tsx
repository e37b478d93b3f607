import { attemptCount, hasStarted } from '../../../core/row/attempts.ts'
import type { SlotRecord } from '../../../core/row/status.ts'
import { readableRow } from '../../../core/row/status.ts'
import type { Instant, Row, Status } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/row.ts'
import { elapsed } from '../../../format/text.ts'
import { Badge } from '../frame/badge.tsx'
import { rejectedText } from '../frame/marks.ts'
import { Time } from '../frame/time.tsx'
import type { WallClock } from '../frame/wall-clock.ts'

/** A slot with its status. */
export interface SlotWithStatus extends SlotRecord {
  readonly status: Status
}

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
  const { slot, row, status } = record
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
        <Badge status={status} />
      </td>
      <td class="number">{own === null ? '' : attemptCount(own)}</td>
      <td class="number">{durationText(own && latenessMsOf(own))}</td>
      <td class="number">{durationText(own && durationMsOf(own, status, now))}</td>
      <td>{rejectedText(row)}</td>
    </tr>
  )
}

function durationText(ms: number | null): string {
  return ms === null ? '' : elapsed(ms)
}

/**
 * Returns how long after its slot the first scheduled attempt started, in milliseconds. Returns null when none started.
 */
export function latenessMsOf({ slot, attempts }: Row): number | null {
  const first = attempts.find((attempt) => hasStarted(attempt) && attempt.trigger.kind === 'scheduled')
  // On a host whose clock is slow, an attempt may start a moment before its slot.
  return first === undefined ? null : Math.max(0, first.startedAt - slot)
}
