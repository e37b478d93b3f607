import { scaleLinear } from 'd3-scale'
import { DAY_MS } from '../../../core/duration.ts'
import type { Status } from '../../../core/types.ts'
import { elapsed } from '../../../format/text.ts'

export interface Point {
  /** The local time of the slot. */
  readonly name: string
  readonly status: Status
  /** The height of the bar. Null when there is nothing to draw. */
  readonly ms: number | null
}

const WIDTH = 480
const HEIGHT = 120
/** Space for `800 ms` in the larger letters of a narrow screen. */
const LEFT = 62
const BOTTOM = 18
const TOP = 8

const AXIS_UNITS = [
  { name: 'd', ms: DAY_MS },
  { name: 'h', ms: 3_600_000 },
  { name: 'm', ms: 60_000 },
  { name: 's', ms: 1_000 },
  { name: 'ms', ms: 1 },
] as const

/** A bar chart with one bar for each slot, the newest at the right. The table below it has the same figures as text. */
export function Plot({ title, points }: { readonly title: string; readonly points: readonly Point[] }) {
  const values = points.flatMap(({ ms }) => (ms === null ? [] : [ms])).sort((one, other) => one - other)
  const most = values.at(-1)
  if (most === undefined) return <p class="empty">{title}: no data.</p>
  const median = values[Math.floor(values.length / 2)] ?? most
  // Values below two days are easier to read in hours, and so on. But 1,000 ms are shown as a second.
  const unit = AXIS_UNITS.find(({ ms }) => most >= (ms > 1_000 ? 2 * ms : ms)) ?? AXIS_UNITS[4]
  const y = scaleLinear([0, Math.max(1, most / unit.ms)], [HEIGHT - BOTTOM, TOP]).nice(4)
  const x = scaleLinear([0, points.length], [LEFT, WIDTH])
  const width = x(1) - x(0)
  const [first, last] = [points[0]?.name ?? '', points.at(-1)?.name ?? '']
  const label = `${title} of ${values.length} slots, ${first} to ${last}: median ${elapsed(median)}, longest ${elapsed(most)}`
  return (
    <figure class="plot">
      <figcaption>
        {title} <span class="quiet">{`median ${elapsed(median)}, longest ${elapsed(most)}`}</span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
        {y.ticks(4).map((tick) => (
          <g>
            <line x1={LEFT} x2={WIDTH} y1={y(tick)} y2={y(tick)} />
            <text x={LEFT - 6} y={y(tick)} dy="0.32em" text-anchor="end">
              {`${tick} ${unit.name}`}
            </text>
          </g>
        ))}
        {points.map(
          ({ name, status, ms }, index) =>
            ms !== null && (
              <rect
                class={status}
                x={x(index) + width * 0.1}
                width={Math.min(width * 0.8, 24)}
                y={Math.min(y(ms / unit.ms), HEIGHT - BOTTOM - 1)}
                height={Math.max(1, HEIGHT - BOTTOM - y(ms / unit.ms))}
              >
                <title>{`${name}: ${elapsed(ms)}`}</title>
              </rect>
            ),
        )}
        <text x={LEFT} y={HEIGHT - 4}>
          {first}
        </text>
        <text x={WIDTH} y={HEIGHT - 4} text-anchor="end">
          {last}
        </text>
      </svg>
    </figure>
  )
}
