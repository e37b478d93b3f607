import { isNewerSchema } from '../../core/row/decide.ts'
import { attemptCount } from '../../core/row/transition.ts'
import type { Instant, Row } from '../../core/types.ts'
import { durationMsOf } from '../../format/row.ts'
import { elapsed } from '../../format/text.ts'
import { Badge } from './badge.tsx'
import { type Mark, rejectedText, type SlotRecord } from './marks.ts'
import { Time } from './time.tsx'
import type { WallClock } from './wall-clock.ts'

/** A slot with what it is shown as. */
export interface MarkedSlot extends SlotRecord {
  readonly mark: Mark
}

export interface HistoryRowProps {
  readonly record: MarkedSlot
  readonly clock: WallClock
  /** Where all of the slot is told; null: nowhere else. */
  readonly href: string | null
  readonly id?: string | undefined
  readonly now: Instant
}

export function HistoryHead() {
  return (
    <thead>
      <tr>
        <th scope="col">Slot</th>
        <th scope="col">State</th>
        <th scope="col" class="number">
          Attempts
        </th>
        <th scope="col" class="number">
          Started after
        </th>
        <th scope="col" class="number">
          Took
        </th>
        <th scope="col">Rejected</th>
      </tr>
    </thead>
  )
}

/** A line of the history: the columns of `cronledger history`, and how late the first attempt was. */
export function HistoryRow({ record, clock, href, id, now }: HistoryRowProps) {
  const { slot, row, mark } = record
  const own = row === null || isNewerSchema(row) ? null : row
  return (
    <tr id={id}>
      <th scope="row">
        {href === null ? (
          <Time at={slot} clock={clock} />
        ) : (
          <a href={href}>
            <Time at={slot} clock={clock} />
          </a>
        )}
      </th>
      <td>
        <Badge mark={mark} />
      </td>
      <td class="number">{own === null ? '' : attemptCount(own)}</td>
      <td class="number">{durationText(own && latenessMsOf(own))}</td>
      <td class="number">{durationText(own && durationMsOf(own, mark === 'running' ? now : null))}</td>
      <td>{rejectedText(row)}</td>
    </tr>
  )
}

function durationText(ms: number | null): string {
  return ms === null ? '' : elapsed(ms)
}

/** How long after its slot the first attempt of a scheduled trigger started; null where there is none. */
export function latenessMsOf({ slot, attempts }: Row): number | null {
  const first = attempts.find(
    ({ outcome, phase, trigger }) => outcome !== 'notStarted' && phase !== 'waiting' && trigger.kind === 'scheduled',
  )
  // A clock that is behind may start an attempt a moment before its slot.
  return first === undefined ? null : Math.max(0, first.startedAt - slot)
}
