import { elapsed } from '../../../core/duration.ts'
import { attemptCount, latenessMsOf } from '../../../core/row/attempts.ts'
import type { Instant } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/slot/row.ts'
import type { JudgedSlot } from '../../../verdict/judge.ts'
import { Badge } from '../frame/badge.tsx'
import { links } from '../frame/links.ts'
import { rejectedText } from '../frame/marks.ts'
import { Time } from '../frame/time.tsx'
import type { WallClock } from '../frame/wall-clock.ts'

interface HistoryProps {
  readonly task: string
  readonly slots: readonly JudgedSlot[]
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
        {slots.map((one) => {
          const { slot, row, own, mark, schedule } = one
          return (
            <tr>
              <th scope="row">
                <a href={links.slot(task, slot)}>
                  <Time at={slot} clock={clock.ofSlot(schedule.zone)} now={now} />
                </a>
              </th>
              <td>
                <Badge mark={mark} />
              </td>
              <td class="number">{own === null ? '' : attemptCount(own)}</td>
              <td class="number">{elapsedText(own && latenessMsOf(own))}</td>
              <td class="number">{elapsedText(durationMsOf(one))}</td>
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
