import { scaleLinear } from 'd3-scale'
import { DAY_MS } from '../../../core/duration.ts'

/** The height of a plot in pixels. The top has room for the sign above the longest bar. */
export const HEIGHT = 96
const TOP = 18
/** The line of zero. It is inside the plot, so that it is drawn in full. */
export const ZERO = HEIGHT - 1

const UNITS = [
  { name: 'd', ms: DAY_MS },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1_000 },
  { name: 'ms', ms: 1 },
] as const
const FEW_TICKS = 2

/** The vertical axis of a plot. */
export interface PlotAxis {
  readonly ticks: readonly { readonly text: string; readonly y: number }[]
  /** Returns the distance of a value from the top of the plot, in pixels. */
  yOf(ms: number): number
}

/** Returns an axis from zero to a little more than the largest value, in the unit that is easiest to read. */
export function axisOf(largestMs: number): PlotAxis {
  // A plot in which all values are zero still needs an axis.
  const most = largestMs === 0 ? 1_000 : largestMs
  // Values below two hours are easier to read in minutes, and so on. But 1,000 ms are shown as a second.
  const unit = UNITS.find(({ ms }) => most >= (ms > 1_000 ? 2 * ms : ms)) ?? UNITS[4]
  const scale = scaleLinear([0, most / unit.ms], [ZERO, TOP]).nice(FEW_TICKS)
  return {
    ticks: scale.ticks(FEW_TICKS).map((tick) => ({
      text: tick === 0 ? '0' : `${tick} ${unit.name}`,
      y: Math.round(scale(tick)),
    })),
    yOf: (ms) => Math.round(scale(ms / unit.ms)),
  }
}

/** Returns the median. Returns null for an empty list. */
export function medianOf(values: readonly number[]): number | null {
  const sorted = values.toSorted((one, other) => one - other)
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}
