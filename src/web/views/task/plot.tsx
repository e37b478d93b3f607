import { elapsed } from '../../../core/duration.ts'
import type { SlotMark } from '../../../verdict/mark.ts'
import { factsText } from '../frame/cell.tsx'
import { cellSign, MARKS } from '../frame/marks.ts'
import { axisOf, HEIGHT, medianOf, ZERO } from './plot-axis.ts'

/** One column of a plot. */
export interface Point {
  readonly mark: SlotMark
  /** The height of the bar. Null when there is nothing to draw. */
  readonly ms: number | null
  /** The facts of the slot, for the popover. */
  readonly facts: readonly string[]
}

interface PlotProps {
  /** The name of the values: `Duration`. */
  readonly title: string
  /** The number of columns of the table, without that of the axis. */
  readonly columns: number
  /** One point for each slot, oldest first. */
  readonly points: readonly Point[]
}

/**
 * A bar chart as rows of a table, so that its bars stand below the cells of the strip. Each column has a picture of its
 * own without a viewBox, so its text keeps its size and its lines meet those of the next column.
 */
export function Plot({ title, columns, points }: PlotProps) {
  const values = points.flatMap(({ ms }) => (ms === null ? [] : [ms]))
  const median = medianOf(values)
  const props = { title, columns }
  if (median === null) {
    return (
      <tbody class="plot">
        <PlotTitle {...props} text="no data" />
      </tbody>
    )
  }
  const most = Math.max(...values)
  const axis = axisOf(most)
  const medianY = axis.yOf(median)
  return (
    <tbody class="plot">
      <PlotTitle
        {...props}
        text={values.length === 1 ? elapsed(most) : `median ${elapsed(median)} (dashed line), longest ${elapsed(most)}`}
      />
      <tr>
        <td class="axis">
          <svg height={HEIGHT} aria-hidden="true">
            {axis.ticks.map(({ text, y }) => (
              <text x="100%" dx="-8" y={y} dy={y === ZERO ? '-1' : '0.35em'} text-anchor="end">
                {text}
              </text>
            ))}
          </svg>
        </td>
        {points.map((point) => (
          <td>
            <svg height={HEIGHT} aria-hidden="true">
              {axis.ticks.map(({ y }) => (
                <line x1="0" x2="100%" y1={y} y2={y} />
              ))}
              <Bar
                point={point}
                y={point.ms === null ? ZERO : Math.min(axis.yOf(point.ms), ZERO - 2)}
                medianY={medianY}
              />
            </svg>
            <span class="aside">{point.ms === null ? MARKS[point.mark].word : elapsed(point.ms)}</span>
          </td>
        ))}
      </tr>
    </tbody>
  )
}

interface PlotTitleProps {
  readonly title: string
  /** The number of columns, without that of the axis. */
  readonly columns: number
  readonly text: string
}

function PlotTitle({ title, columns, text }: PlotTitleProps) {
  return (
    <tr>
      <th scope="rowgroup" colspan={columns + 1}>
        <strong>{title}</strong> <span class="quiet">{text}</span>
      </th>
    </tr>
  )
}

interface BarProps {
  readonly point: Point
  /** The top of the bar, or the line of zero. */
  readonly y: number
  readonly medianY: number
}

/** The bar of a slot and its sign. A slot that has no duration gets only its sign, and a success gets only its bar. */
function Bar({ point: { mark, ms, facts }, y, medianY }: BarProps) {
  return (
    <g class={mark} data-facts={factsText(facts)}>
      <title>{facts.join('\n')}</title>
      <rect class="hit" width="100%" height={HEIGHT} stroke="none" />
      {ms !== null && <rect class="bar" x="20%" width="60%" y={y} height={ZERO - y} />}
      <line class="median" x1="0" x2="100%" y1={medianY} y2={medianY} />
      {/* The sign comes last, so that no line crosses it. */}
      {mark !== 'completed' && (
        <text x="50%" y={y - 4} text-anchor="middle">
          {cellSign(mark)}
        </text>
      )}
    </g>
  )
}
