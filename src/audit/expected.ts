import { setImmediate as yieldToEventLoop } from 'node:timers/promises'

/** After this many slots, stop signals and printed output get their turn. */
const SLOTS_PER_YIELD = 100

export async function* yieldingOften<T>(items: Iterable<T>, pause: () => Promise<unknown> = yieldToEventLoop) {
  let count = 0
  for (const item of items) {
    yield item
    count += 1
    if (count % SLOTS_PER_YIELD === 0) await pause()
  }
}
