import type { Left } from './actions.ts'
import { type Cut, play, termsOf } from './play.ts'
import type { Scenario } from './scenario.ts'

export interface Explored {
  readonly schedules: number
  readonly states: number
  readonly cuts: Readonly<Record<Cut, number>>
  /** Whether every schedule within the bounds of the scenario was played. */
  readonly exhausted: boolean
  /** The first schedule that breaks a promise. */
  readonly found: { readonly choices: readonly number[]; readonly broken: readonly string[] } | null
}

/**
 * Plays every schedule of a scenario, depth first. A run cannot be copied, so each schedule begins at the start: it follows
 * the choices of the one before up to the last one that has an alternative, and takes that.
 */
export async function explore(scenario: Scenario, maxStates: number, onProgress = () => {}): Promise<Explored> {
  const seen = new Map<number, Left>()
  const cuts = { ended: 0, merged: 0, horizon: 0 }
  const path: { choice: number; readonly count: number }[] = []
  const terms = termsOf(scenario)
  let schedules = 0
  for (;;) {
    let depth = 0
    const { cut, broken } = await play(
      scenario,
      (count, state, left) => {
        const known = path[depth]
        if (known !== undefined) {
          if (known.count !== count) throw new Error(`${scenario.name}: a schedule does not go the same way twice`)
          depth += 1
          return known.choice
        }
        const key = state()
        const before = seen.get(key)
        if (before !== undefined && isWithin(left, before)) return null
        seen.set(key, { ...left })
        path.push({ choice: 0, count })
        depth += 1
        return 0
      },
      false,
      terms,
    )
    schedules += 1
    if (schedules % 1_000 === 0) onProgress()
    cuts[cut] += 1
    const explored = { schedules, states: seen.size, cuts }
    if (broken.length > 0) {
      return { ...explored, exhausted: false, found: { choices: path.map(({ choice }) => choice), broken } }
    }
    let end = path.at(-1)
    while (end !== undefined && end.choice + 1 >= end.count) {
      path.pop()
      end = path.at(-1)
    }
    if (end === undefined) return { ...explored, exhausted: true, found: null }
    if (seen.size >= maxStates) return { ...explored, exhausted: false, found: null }
    end.choice += 1
  }
}

/** Whether a state with `left` disturbances to come has no schedule that the same state with `before` had not. */
function isWithin(left: Left, before: Left): boolean {
  return (Object.keys(left) as (keyof Left)[]).every((kind) => left[kind] <= before[kind])
}
