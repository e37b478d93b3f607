import type { Left } from './actions.ts'
import { type Choose, type Cut, play, termsOf } from './play.ts'
import type { Scenario } from './scenario.ts'

export interface Explored {
  readonly schedules: number
  readonly states: number
  readonly cuts: Readonly<Record<Cut, number>>
  readonly exhausted: boolean
  readonly found: { readonly choices: readonly number[]; readonly broken: readonly string[] } | null
}

/**
 * Plays every schedule of a scenario, until one breaks a promise or `maxStates` states were met. A run cannot be
 * copied, so each schedule begins at the start. It follows the choices of an earlier schedule up to some point, makes
 * another choice there, and goes on in the usual way. Schedules with few such deviations come first, so the first one
 * that breaks a promise is easy to read.
 *
 * Throws if a schedule does not go the same way twice.
 */
export async function explore(scenario: Scenario, maxStates: number, onProgress = () => {}): Promise<Explored> {
  const seen = new Map<number, Left>()
  const cuts = { ended: 0, merged: 0, horizon: 0 }
  const settings = termsOf(scenario)
  const queue: Uint8Array[] = [new Uint8Array()]
  for (let schedules = 1; schedules <= queue.length; schedules++) {
    const known = queue[schedules - 1] ?? new Uint8Array()
    // We must release the schedule, otherwise the queue would need too much memory.
    queue[schedules - 1] = NOTHING
    const path = [...known]
    let depth = 0
    const choose: Choose = (count, state, left) => {
      const choice = known[depth++]
      if (choice !== undefined) {
        if (choice >= count) throw new Error(`${scenario.name}: a schedule does not go the same way twice`)
        return choice
      }
      const key = state()
      const before = seen.get(key)
      if (before !== undefined && isWithin(left, before)) return null
      seen.set(key, { ...left })
      for (let other = 1; other < count; other++) queue.push(Uint8Array.of(...path, other))
      path.push(0)
      return 0
    }
    const { cut, broken } = await play(scenario, choose, false, settings)
    cuts[cut] += 1
    if (schedules % 1_000 === 0) onProgress()
    const explored = { schedules, states: seen.size, cuts }
    if (broken.length > 0) return { ...explored, exhausted: false, found: { choices: path, broken } }
    if (seen.size >= maxStates) return { ...explored, exhausted: false, found: null }
  }
  return { schedules: queue.length, states: seen.size, cuts, exhausted: true, found: null }
}

const NOTHING = new Uint8Array()

function isWithin(left: Left, before: Left): boolean {
  return (Object.keys(left) as (keyof Left)[]).every((kind) => left[kind] <= before[kind])
}
