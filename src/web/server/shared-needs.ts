import type { Clock } from '../../process/clock.ts'
import type { NeedsOfAll, NeedsReading } from './read/needs.ts'
import { AGE_FACTOR, within } from './shared.ts'

/** The first page of 10,000 tasks must not come late. */
const WAIT_MS = 1_500

/** If no page waited for a reading that failed, the next page gets the error, but not later than this. */
const ERROR_MS = 60_000

interface NeedsAnswer {
  readonly needs: NeedsOfAll
  /** Until then, the findings are not read again. */
  readonly freshUntilMs: number
}

/**
 * Gives all viewers the same findings. The reading goes on while no page waits for it, so a page never waits until thousands
 * of tasks are read: it gets the last whole findings, which say when they were read, or else those so far.
 */
export function shareNeeds(clock: Clock, begin: () => NeedsReading) {
  let last: NeedsAnswer | null = null
  let current: NeedsReading | null = null

  function start(): NeedsReading {
    const begunMs = clock.monotonicMs()
    const started = begin()
    started.whole.then(
      (needs) => {
        const endedMs = clock.monotonicMs()
        last = { needs, freshUntilMs: endedMs + AGE_FACTOR * (endedMs - begunMs) }
        current = null
      },
      async () => {
        await clock.wait(ERROR_MS, new AbortController().signal)
        if (current === started) current = null
      },
    )
    return started
  }

  /** `waitMs`: how long a page waits for the whole answer, and longer for the first task. 0: not at all. */
  return async (waitMs = WAIT_MS): Promise<NeedsOfAll> => {
    if (last !== null && clock.monotonicMs() <= last.freshUntilMs) return last.needs
    current ??= start()
    const own = current
    try {
      for (;;) {
        const whole = await within(waitMs, own.whole, clock)
        if (whole !== null) return whole
        if (last !== null) return last.needs
        const soFar = own.soFar()
        // A page must not say that nothing was found while the ledger cannot be reached.
        if (soFar.tasks > 0 || waitMs === 0) return soFar
      }
    } catch (error) {
      // The next page tries again.
      if (current === own) current = null
      throw error
    }
  }
}
