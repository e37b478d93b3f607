import { elapsed } from '../../../core/duration.ts'
import { batchReport } from '../../../core/row/attempts.ts'
import { reportedFacts } from '../../../core/row/report.ts'
import { medianOf } from '../../../core/task/rules.ts'
import { durationMsOf } from '../../../format/slot/row.ts'
import { printable } from '../../../format/text.ts'
import type { JudgedSlot, SlotMark } from '../../../verdict/judge.ts'
import { Cell, Sign } from '../frame/badge.tsx'
import { links } from '../frame/links.ts'
import { MARKS, MOST_URGENT_FIRST } from '../frame/marks.ts'
import { slotFactsOf, slotFactTexts } from '../frame/slot-facts.tsx'
import { Time, type WallClock } from '../frame/time.tsx'

/** How many slots the strip and the plot show. They have that many columns, also if there are fewer slots. */
export const RECENT = 20

export interface RecentSlots {
  readonly slots: readonly JudgedSlot[]
  /** As in the pace of the task. */
  readonly usualMs: number | null
  readonly problem: string | null
}

interface RecentProps {
  readonly task: string
  readonly recent: RecentSlots
  readonly clock: WallClock
}

/** A strip of cells, and below it how long each slot took, and what it reported. */
export function Recent(props: RecentProps) {
  const { recent, clock } = props
  const { slots, problem } = recent
  const [newest, oldest] = [slots[0], slots.at(-1)]
  return (
    <section class="recent">
      <h2>{slots.length > 1 ? `Last ${slots.length} slots` : 'Last slot'}</h2>
      {problem !== null && <p class="problem">{printable(problem)}</p>}
      {newest !== undefined && oldest !== undefined && (
        <>
          <p class="quiet">
            <Time at={oldest.slot} clock={clock} />
            {oldest !== newest && (
              <>
                {' '}
                to <Time at={newest.slot} near={oldest.slot} clock={clock} />
              </>
            )}
          </p>
          <Counts slots={slots} />
          <Strip {...props} />
        </>
      )}
      {slots.length === 0 && problem === null && <p class="empty">No slot has been due yet.</p>}
    </section>
  )
}

/** How many slots have each mark. It also says what the signs of the strip mean. */
function Counts({ slots }: Pick<RecentSlots, 'slots'>) {
  const countOf = (wanted: SlotMark) => slots.filter(({ mark }) => mark === wanted).length
  return (
    <ul class="counts">
      {MOST_URGENT_FIRST.filter((mark) => countOf(mark) > 0).map((mark) => (
        <li class="badge">
          <Sign mark={mark} />
          {countOf(mark)} {MARKS[mark].word}
        </li>
      ))}
    </ul>
  )
}

/** The strip and the plot, as a table, so that each bar stands below its cell. */
function Strip({ task, recent, clock }: RecentProps) {
  const slots = recent.slots.toReversed()
  return (
    <table class="chart">
      <thead>
        <tr>
          {slots.map((record, index) => (
            <th scope="col">
              <Cell
                href={links.slot(task, record.slot)}
                mark={record.mark}
                facts={slotFactTexts(task, slotFactsOf(record), clock.ofSlot(record.schedule.zone))}
                isStop={index === slots.length - 1}
              />
            </th>
          ))}
          {slots.length < RECENT && <td colspan={RECENT - slots.length} />}
        </tr>
      </thead>
      <Plots points={slots.map((one) => ({ mark: one.mark, values: plotValues(one) }))} usualMs={recent.usualMs} />
    </table>
  )
}

type PlotValues = ReadonlyMap<string, number>

/** The series of the durations. The others have the names of the numbers that the batch reports. */
const DURATION = 'Duration'
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

interface Point {
  readonly mark: SlotMark
  readonly values: PlotValues
}

interface PlotsProps {
  readonly points: readonly Point[]
  readonly usualMs: number | null
}

export function Plots({ points, usualMs }: PlotsProps) {
  const names = new Set(points.flatMap(({ values }) => [...values.keys()]))
  names.delete(DURATION)
  // A failure is not usual, neither here nor in the usual duration.
  const usualOf = (name: string) =>
    medianOf(points.flatMap(({ mark, values }) => (mark === 'failed' ? [] : (values.get(name) ?? []))))
  return (
    <>
      <Plot name={DURATION} points={points} usual={usualMs} />
      {[...names].slice(0, MAX_FACTS).map((name) => (
        <Plot name={name} points={points} usual={usualOf(name)} />
      ))}
    </>
  )
}

const HEIGHT = 64

/** Each column has a picture without a viewBox, so that its lines meet those of the next one. */
export function Plot(props: Readonly<{ name: string; points: readonly Point[]; usual: number | null }>) {
  const { name, points, usual } = props
  const values = points.flatMap((point) => point.values.get(name) ?? [])
  const most = Math.max(1, usual ?? 0, ...values)
  const yOf = (value: number) => Math.round(HEIGHT - (Math.max(0, value) / most) * (HEIGHT - 2))
  const textOf = (value: number) => (name === DURATION ? elapsed(value) : value.toLocaleString('en'))
  return (
    <tbody>
      <tr>
        <th scope="rowgroup" colspan={RECENT}>
          <strong>{printable(name)}</strong>{' '}
          <span class="quiet">
            {values.length === 0 && 'no data'}
            {values.length === 1 && textOf(values[0] ?? 0)}
            {values.length > 1 && usual !== null && `usually ${textOf(usual)} (dashed line), `}
            {values.length > 1 && `most ${textOf(Math.max(...values))}`}
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
                  {usual !== null && <line x1="0" x2="100%" y1={yOf(usual)} y2={yOf(usual)} />}
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
