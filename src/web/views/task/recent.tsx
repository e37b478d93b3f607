import { elapsed } from '../../../core/duration.ts'
import { latenessMsOf } from '../../../core/row/attempts.ts'
import { readableRow } from '../../../core/row/status.ts'
import type { Instant, Row, Status } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/row.ts'
import { printable } from '../../../format/text.ts'
import type { SlotMark } from '../../../verdict/mark.ts'
import { Sign } from '../frame/badge.tsx'
import { Cell } from '../frame/cell.tsx'
import { Heading, type HeadingLevel } from '../frame/document.tsx'
import type { Links } from '../frame/links.ts'
import { MARKS, MOST_URGENT_FIRST, rejectedText } from '../frame/marks.ts'
import { type SlotWithStatus, slotFactsOf, slotFactTexts } from '../frame/slot-facts.ts'
import { UTC, type WallClock } from '../frame/wall-clock.ts'
import { Plot } from './plot.tsx'

/** How many slots the strip and the plots show. They have that many columns, also if there are fewer slots. */
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
  readonly links: Links
  readonly now: Instant
  readonly level: HeadingLevel
  /** Whether the page has the script for the arrow keys. Then the Tab key stops only at the newest slot. */
  readonly live: boolean
}

/** The newest slots: a strip of cells, and below it how long each slot took and how late it started. */
export function Recent({ recent: { slots, problem }, level, ...props }: RecentProps) {
  return (
    <section class="recent">
      <Heading level={level}>{titleOf(slots.length)}</Heading>
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

function titleOf(count: number): string {
  if (count === 0) return 'Last slots'
  return count === 1 ? 'Last slot' : `Last ${count} slots`
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

/** The strip and the plots. `slots` comes oldest first. */
function Strip({
  task,
  slots,
  clock,
  links,
  now,
  live,
}: Omit<RecentProps, 'recent' | 'level'> & Pick<RecentSlots, 'slots'>) {
  const columns = slots.map((record) => ({ record, facts: slotFactTexts(task, slotFactsOf(record, now), clock) }))
  const points = (msOf: (row: Row, status: Status) => number | null, factOf?: (ms: number) => string) =>
    columns.map(({ record: { row, status, mark }, facts }) => {
      const own = readableRow(row)
      const ms = own && msOf(own, status)
      return { mark, ms, facts: ms === null || factOf === undefined ? facts : [...facts, factOf(ms)] }
    })
  return (
    <table class="chart">
      <thead data-roving>
        <tr>
          <td class="axis" />
          {columns.map(({ record: { slot, row, mark }, facts }, index) => (
            <th scope="col">
              <Cell
                href={links.slot(task, slot)}
                mark={mark}
                facts={facts}
                isRejected={rejectedText(row) !== ''}
                isStop={!live || index === columns.length - 1}
              />
            </th>
          ))}
          {slots.length < RECENT && <td colspan={RECENT - slots.length} />}
        </tr>
      </thead>
      <Plot title="Duration" columns={RECENT} points={points((row, status) => durationMsOf(row, status, now))} />
      <Plot
        title="Start delay"
        columns={RECENT}
        points={points(latenessMsOf, (ms) => `started ${elapsed(ms)} after the scheduled time`)}
      />
      <tfoot aria-hidden="true">
        <tr>
          <td class="axis" />
          {stripLabels(slots).map(({ slot, columns }) => (
            <td colspan={columns}>{slot !== null && <ShortTime at={slot} clock={clock} />}</td>
          ))}
        </tr>
      </tfoot>
    </table>
  )
}

/** Returns the labels below the columns. A label that has no room is left out. */
export function stripLabels(
  slots: readonly SlotWithStatus[],
): readonly { readonly slot: Instant | null; readonly columns: number }[] {
  const starts = slots.filter((_, index) => index % COLUMNS_PER_LABEL === 0)
  return starts.map(({ slot }, index) => {
    const columns = Math.min(COLUMNS_PER_LABEL, slots.length - index * COLUMNS_PER_LABEL)
    return { slot: columns < MIN_COLUMNS && index > 0 ? null : slot, columns }
  })
}

/** A time without its year and offset, in two parts that stand below each other where the columns are narrow. */
function ShortTime({ at, clock }: { readonly at: Instant; readonly clock: WallClock }) {
  const parts = (of: WallClock) => {
    const [day = '', time = ''] = of.time(at).split(' ')
    return (
      <>
        <span>{day.slice(5)}</span> <span>{time}</span>
      </>
    )
  }
  return (
    <>
      <span class="local">{parts(clock)}</span>
      <span class="utc">{parts(UTC)}</span>
    </>
  )
}
