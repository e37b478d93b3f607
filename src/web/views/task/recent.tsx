import { elapsed } from '../../../core/duration.ts'
import { readableRow } from '../../../core/row/status.ts'
import { medianOf } from '../../../core/task/rules.ts'
import type { Instant } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/row.ts'
import { printable } from '../../../format/text.ts'
import type { SlotMark } from '../../../verdict/mark.ts'
import { Sign } from '../frame/badge.tsx'
import { Cell } from '../frame/cell.tsx'
import { links } from '../frame/links.ts'
import { cellSign, MARKS, MOST_URGENT_FIRST, rejectedText } from '../frame/marks.ts'
import { type SlotWithStatus, slotFactsOf, slotFactTexts } from '../frame/slot-facts.ts'
import type { WallClock } from '../frame/wall-clock.ts'

/** How many slots the strip and the plot show. They have that many columns, also if there are fewer slots. */
export const RECENT = 20
/** A label of the time stands below the first of this many columns. */
const COLUMNS_PER_LABEL = 5
/** A label needs the width of this many columns. */
const MIN_COLUMNS = 3

/** The newest slots of a task that were due. */
export interface RecentSlots {
  /** At most `RECENT` slots, newest first. */
  readonly slots: readonly SlotWithStatus[]
  /** Why some of them are missing. Null when all rows could be read. */
  readonly problem: string | null
}

interface RecentProps {
  readonly task: string
  readonly recent: RecentSlots
  readonly clock: WallClock
  readonly now: Instant
}

/** The newest slots: a strip of cells, and below it how long each slot took. */
export function Recent({ recent: { slots, problem }, ...props }: RecentProps) {
  return (
    <section class="recent">
      <h2>{slots.length > 1 ? `Last ${slots.length} slots` : 'Last slot'}</h2>
      {problem !== null && <p class="problem">{printable(problem)}</p>}
      {slots.length > 0 && (
        <>
          <Counts slots={slots} />
          <Strip {...props} slots={slots.toReversed()} />
        </>
      )}
      {slots.length === 0 && problem === null && <p class="empty">No slot has been due yet.</p>}
    </section>
  )
}

/** How many slots have each mark. It also says what the signs of the strip mean. */
function Counts({ slots }: Pick<RecentSlots, 'slots'>) {
  const countOf = (wanted: SlotMark) => slots.filter(({ mark }) => mark === wanted).length
  const rejected = slots.filter(({ row }) => rejectedText(row) !== '').length
  return (
    <ul class="counts">
      {MOST_URGENT_FIRST.filter((mark) => countOf(mark) > 0).map((mark) => (
        <li class="badge">
          <Sign mark={mark} />
          {countOf(mark)} {MARKS[mark].word}
        </li>
      ))}
      {rejected > 0 && (
        <li class="badge">
          <span class="c completed rejected" aria-hidden="true" />
          {rejected} with rejected triggers
        </li>
      )}
    </ul>
  )
}

/** The strip and the plot, as a table, so that each bar stands below its cell. `slots` comes oldest first. */
function Strip({ task, slots, clock, now }: Omit<RecentProps, 'recent'> & Pick<RecentSlots, 'slots'>) {
  return (
    <table class="chart">
      <thead data-roving>
        <tr>
          {slots.map((record, index) => (
            <th scope="col">
              <Cell
                href={links.slot(task, record.slot)}
                mark={record.mark}
                facts={slotFactTexts(task, slotFactsOf(record, now), clock)}
                isRejected={rejectedText(record.row) !== ''}
                isStop={index === slots.length - 1}
              />
            </th>
          ))}
          {slots.length < RECENT && <td colspan={RECENT - slots.length} />}
        </tr>
      </thead>
      <Plot
        points={slots.map(({ mark, row, status }) => {
          const own = readableRow(row)
          return { mark, ms: own && durationMsOf(own, status, now) }
        })}
      />
      <tfoot aria-hidden="true">
        <tr>
          {slots.map(({ slot }, index) => {
            const columns = Math.min(COLUMNS_PER_LABEL, slots.length - index)
            if (index % COLUMNS_PER_LABEL > 0) return null
            const hasRoom = index === 0 || columns >= MIN_COLUMNS
            return <td colspan={columns}>{hasRoom && <ShortTime at={slot} clock={clock} />}</td>
          })}
        </tr>
      </tfoot>
    </table>
  )
}

/** The height of the plot in pixels. The top has room for the sign above the longest bar. */
const HEIGHT = 80
const TOP = 18

/** One column of the plot. */
interface Point {
  readonly mark: SlotMark
  /** The height of the bar. Null when there is nothing to draw. */
  readonly ms: number | null
}

/**
 * A bar chart as rows of the table. Each column has a picture of its own without a viewBox, so its text keeps its size and
 * its lines meet those of the next column.
 */
export function Plot({ points }: { readonly points: readonly Point[] }) {
  const values = points.flatMap(({ ms }) => (ms === null ? [] : [ms]))
  const [median, most] = [medianOf(values) ?? 0, Math.max(1, ...values)]
  const yOf = (ms: number) => Math.round(HEIGHT - (ms / most) * (HEIGHT - TOP))
  return (
    <tbody>
      <tr>
        <th scope="rowgroup" colspan={RECENT}>
          <strong>Duration</strong>{' '}
          <span class="quiet">
            {values.length === 0 && 'no data'}
            {values.length === 1 && elapsed(most)}
            {values.length > 1 && `median ${elapsed(median)} (dashed line), longest ${elapsed(most)}`}
          </span>
        </th>
      </tr>
      {values.length > 0 && (
        <tr>
          {points.map(({ mark, ms }) => {
            const y = ms === null ? HEIGHT : Math.min(yOf(ms), HEIGHT - 2)
            return (
              <td>
                <svg height={HEIGHT} aria-hidden="true" class={mark}>
                  {ms !== null && <rect x="20%" width="60%" y={y} height={HEIGHT - y} />}
                  <line x1="0" x2="100%" y1={yOf(median)} y2={yOf(median)} />
                  {/* The sign comes last, so that no line crosses it. */}
                  <text x="50%" y={y - 4} text-anchor="middle">
                    {cellSign(mark)}
                  </text>
                </svg>
                <span class="aside">{ms === null ? MARKS[mark].word : elapsed(ms)}</span>
              </td>
            )
          })}
        </tr>
      )}
    </tbody>
  )
}

/** A time without its year and offset, in two parts that stand below each other where the columns are narrow. */
function ShortTime({ at, clock }: { readonly at: Instant; readonly clock: WallClock }) {
  const [day = '', time = ''] = clock.time(at).split(' ')
  return (
    <span>
      <span>{day.slice(5)}</span> <span>{time}</span>
    </span>
  )
}
