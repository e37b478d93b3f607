import type { Instant } from '../../../core/types.ts'
import { printable } from '../../../format/text.ts'
import type { SlotMark } from '../../../verdict/mark.ts'
import { Sign } from '../frame/badge.tsx'
import { Cell } from '../frame/cell.tsx'
import { links } from '../frame/links.ts'
import { MARKS, MOST_URGENT_FIRST, rejectedText } from '../frame/marks.ts'
import { type SlotWithStatus, slotFactsOf, slotFactTexts } from '../frame/slot-facts.ts'
import type { WallClock } from '../frame/wall-clock.ts'
import { labelsOf, SPANS } from '../overview/axis.ts'
import { cellFacts } from '../overview/cells.ts'
import { hrefOfCell } from '../overview/grid.tsx'
import { PLOT_SPANS, type PlotDays, Plots, plotValues } from './plot.tsx'

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
  readonly problem: string | null
}

interface RecentProps {
  readonly task: string
  readonly recent: RecentSlots
  readonly clock: WallClock
  readonly now: Instant
}

/** The newest slots, or days: a strip of cells, and below it how long each slot took, and what it reported. */
export function Recent({ recent, days, ...props }: RecentProps & { readonly days: PlotDays | null }) {
  const { slots } = recent
  return (
    <section class="recent">
      <div class="bar">
        <h2>
          {days !== null
            ? `Last ${days.axis.columns.length} days`
            : slots.length > 1
              ? `Last ${slots.length} slots`
              : 'Last slot'}
        </h2>
        <nav class="choices" aria-label="Plot">
          {[undefined, ...PLOT_SPANS].map((plot) => (
            <a href={links.task(props.task, { plot })} aria-current={plot === days?.axis.span ? 'true' : undefined}>
              {plot === undefined ? `${RECENT} slots` : SPANS[plot].words}
            </a>
          ))}
        </nav>
      </div>
      {days === null ? <Newest recent={recent} {...props} /> : <Days days={days} {...props} />}
    </section>
  )
}

function Newest({ recent: { slots, problem }, ...props }: RecentProps) {
  return (
    <>
      {problem !== null && <p class="problem">{printable(problem)}</p>}
      {slots.length > 0 && (
        <>
          <Counts slots={slots} />
          <Strip {...props} slots={slots.toReversed()} />
        </>
      )}
      {slots.length === 0 && problem === null && <p class="empty">No slot has been due yet.</p>}
    </>
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
      <thead>
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
      <Plots columns={RECENT} points={slots.map((one) => ({ mark: one.mark, values: plotValues(one, now) }))} />
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

/** One column for each day. A cell of several slots leads to them. */
function Days({ days, task, clock, now }: Omit<RecentProps, 'recent'> & { readonly days: PlotDays }) {
  const { axis, cells, values, isWhole, problem } = days
  const { columns } = axis
  const labels = labelsOf(axis)
  const starts = labels.flatMap((label, index) => (label === null && index > 0 ? [] : [index]))
  const stop = cells.findLastIndex((cell) => cell !== null)
  return (
    <section class="scroll" tabindex={0} aria-label="Plot of the days">
      {problem !== null && <p class="problem">{printable(problem)}</p>}
      {!isWhole && <p class="quiet">The task has very many slots, so older days are not read.</p>}
      <table class={columns.length > RECENT * 2 ? 'chart wide' : 'chart'}>
        <thead>
          <tr>
            {columns.map((column, index) => {
              const cell = cells[index] ?? null
              return (
                <th scope="col">
                  <span class="aside">{clock.day(column.from)}</span>
                  {cell !== null && (
                    <Cell
                      href={hrefOfCell(task, cell, { ...column, now })}
                      mark={cell.mark}
                      facts={cellFacts(cell, task, column, clock)}
                      isRejected={cell.rejected.count > 0}
                      isStop={index === stop}
                    />
                  )}
                </th>
              )
            })}
          </tr>
        </thead>
        <Plots
          columns={columns.length}
          points={columns.map((_, index) => ({ mark: cells[index]?.mark ?? null, values: values[index] ?? new Map() }))}
        />
        <tfoot aria-hidden="true">
          <tr>
            {starts.map((start, index) => (
              <td colspan={(starts[index + 1] ?? columns.length) - start}>{labels[start]}</td>
            ))}
          </tr>
        </tfoot>
      </table>
    </section>
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
