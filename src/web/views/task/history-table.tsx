import { elapsed } from '../../../core/duration.ts'
import { attemptCount, latenessMsOf } from '../../../core/row/attempts.ts'
import { readableRow } from '../../../core/row/status.ts'
import type { Instant } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/slot/row.ts'
import { Badge } from '../frame/badge.tsx'
import { links } from '../frame/links.ts'
import { rejectedText } from '../frame/marks.ts'
import type { SlotWithStatus } from '../frame/slot-facts.ts'
import { Time } from '../frame/time.tsx'
import type { WallClock } from '../frame/wall-clock.ts'

interface HistoryProps {
  readonly task: string
  readonly slots: readonly SlotWithStatus[]
  readonly clock: WallClock
  readonly now: Instant
}

/** The slots of a page. It has the columns of `cronledger history`, and shows how late the first attempt started. */
export function HistoryTable({ task, slots, clock, now }: HistoryProps) {
  return (
    <table class="list">
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
      <tbody>
        {slots.map(({ slot, row, status, mark }) => {
          const own = readableRow(row)
          return (
            <tr>
              <th scope="row">
                <a href={links.slot(task, slot)}>
                  <Time at={slot} clock={clock} now={now} />
                </a>
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
        })}
      </tbody>
    </table>
  )
}

function elapsedText(ms: number | null): string {
  return ms === null ? '' : elapsed(ms)
}
