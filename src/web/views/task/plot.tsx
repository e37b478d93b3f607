import { elapsed } from '../../../core/duration.ts'
import { batchReport } from '../../../core/row/attempts.ts'
import { reportedFacts } from '../../../core/row/report.ts'
import { medianOf } from '../../../core/task/rules.ts'
import { durationMsOf } from '../../../format/slot/row.ts'
import { printable } from '../../../format/text.ts'
import type { JudgedSlot, SlotMark } from '../../../verdict/judge.ts'
import { cellSign, MARKS } from '../frame/marks.ts'

/** The values of a slot in a plot, by the name of the series. */
export type PlotValues = ReadonlyMap<string, number>

/** The series of the durations. The others have the names of the numbers that the batch reports. */
const DURATION = 'Duration'
/** How many of the reported numbers have a plot. */
const MAX_FACTS = 3

/** Returns how long a slot took, and the numbers that its last attempt reported. */
export function plotValues(one: JudgedSlot): PlotValues {
  const last = one.own?.attempts.at(-1)
  const tookMs = durationMsOf(one)
  const facts = Object.entries((last && reportedFacts(batchReport(last))) ?? {})
  return new Map([
    ...(tookMs === null ? [] : [[DURATION, tookMs] as const]),
    ...facts.flatMap(([name, value]) =>
      typeof value === 'number' && name !== DURATION ? [[name, value] as const] : [],
    ),
  ])
}

/** One column of the plot. */
interface Point {
  readonly mark: SlotMark
  readonly values: PlotValues
}

export function Plots({ points, columns }: { readonly points: readonly Point[]; readonly columns: number }) {
  const names = new Set(points.flatMap(({ values }) => [...values.keys()]))
  names.delete(DURATION)
  return [DURATION, ...[...names].slice(0, MAX_FACTS)].map((name) => (
    <Plot name={name} points={points} columns={columns} />
  ))
}

/** The height of a plot in pixels. The top has room for the sign above the longest bar. */
const HEIGHT = 80
const TOP = 18

/** Each column has a picture without a viewBox, so its text keeps its size and its lines meet those of the next one. */
export function Plot({ name, points, columns }: Readonly<{ name: string; points: readonly Point[]; columns: number }>) {
  const values = points.flatMap((point) => point.values.get(name) ?? [])
  const [median, most] = [medianOf(values) ?? 0, values.reduce((one, other) => Math.max(one, other), 1)]
  const yOf = (value: number) => Math.round(HEIGHT - (Math.max(0, value) / most) * (HEIGHT - TOP))
  const textOf = (value: number) => (name === DURATION ? elapsed(value) : value.toLocaleString('en'))
  return (
    <tbody>
      <tr>
        <th scope="rowgroup" colspan={columns}>
          <strong>{printable(name)}</strong>{' '}
          <span class="quiet">
            {values.length === 0 && 'no data'}
            {values.length === 1 && textOf(values[0] ?? 0)}
            {values.length > 1 && `median ${textOf(median)} (dashed line), most ${textOf(most)}`}
          </span>
        </th>
      </tr>
      {values.length > 0 && (
        <tr>
          {points.map((point) => {
            const value = point.values.get(name)
            const y = value === undefined ? HEIGHT : Math.min(yOf(value), HEIGHT - 2)
            return (
              <td>
                <svg height={HEIGHT} aria-hidden="true" class={point.mark}>
                  {value !== undefined && <rect x="20%" width="60%" y={y} height={HEIGHT - y} />}
                  <line x1="0" x2="100%" y1={yOf(median)} y2={yOf(median)} />
                  {/* The sign comes last, so that no line crosses it. */}
                  <text x="50%" y={y - 4} text-anchor="middle">
                    {cellSign(point.mark)}
                  </text>
                </svg>
                <span class="aside">{value === undefined ? MARKS[point.mark].word : textOf(value)}</span>
              </td>
            )
          })}
        </tr>
      )}
    </tbody>
  )
}
