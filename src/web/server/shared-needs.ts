import type { Clock } from '../../process/clock.ts'
import type { Needs } from '../views/overview/needs.tsx'
import type { NeedsReading } from './read/needs.ts'
import { AGE_FACTOR } from './shared.ts'

/** How long a page waits for the whole answer. 1,000 tasks are read in this time, even by a busy server. */
const WAIT_MS = 5_000

/** The error of a reading for which no page waited goes to the next page, but not later than this. */
const ERROR_MS = 60_000

/**
 * We must keep the findings for this long, in which an open page asks again. Otherwise a ledger that has become slow would
 * take them from the page until all tasks are read again.
 */
const USABLE_MS = 60_000

/** Gives all viewers the same findings, and reads them in the background. */
export interface SharedNeeds {
  /**
   * Returns the findings of all tasks. While they take longer to read than a page waits, returns the findings before them
   * if these are not too old, or else those of the tasks that were read so far. Throws if they cannot be read.
   */
  get(): Promise<Needs>
}

interface NeedsAnswer {
  readonly needs: Needs
  /** Until then, the findings are not read again. */
  readonly freshUntilMs: number
  /** Until then, a page shows them while they are read again. */
  readonly usableUntilMs: number
}

interface Current {
  readonly reading: NeedsReading
  failedAtMs: number | null
}

/**
 * Shares the readings that `begin` begins. A reading goes on while no page waits for it, so a page never waits until
 * thousands of tasks are read. We must not end it when a viewer leaves, because other viewers share it.
 */
export function shareNeeds(clock: Clock, begin: () => NeedsReading): SharedNeeds {
  let last: NeedsAnswer | null = null
  let current: Current | null = null

  function start(): Current {
    const begunMs = clock.monotonicMs()
    const started: Current = { reading: begin(), failedAtMs: null }
    started.reading.whole.then(
      (needs) => {
        const endedMs = clock.monotonicMs()
        const freshMs = AGE_FACTOR * (endedMs - begunMs)
        last = { needs, freshUntilMs: endedMs + freshMs, usableUntilMs: endedMs + Math.max(USABLE_MS, 2 * freshMs) }
        current = null
      },
      () => {
        started.failedAtMs = clock.monotonicMs()
      },
    )
    return started
  }

  async function waitFor({ reading }: Current): Promise<Needs | null> {
    const over = new AbortController()
    // We must wait for the first task, otherwise the page would say nothing while the ledger cannot be reached.
    const enough = Promise.all([reading.firstTask, clock.wait(WAIT_MS, over.signal)])
    try {
      return await Promise.race([reading.whole, enough.then(() => null)])
    } finally {
      over.abort()
    }
  }

  return {
    async get() {
      const nowMs = clock.monotonicMs()
      if (last !== null && nowMs <= last.freshUntilMs) return last.needs
      if (current !== null && current.failedAtMs !== null && nowMs > current.failedAtMs + ERROR_MS) current = null
      current ??= start()
      const own = current
      try {
        const whole = await waitFor(own)
        if (whole !== null) return whole
      } catch (error) {
        // The next page tries again.
        if (current === own) current = null
        throw error
      }
      return last !== null && clock.monotonicMs() <= last.usableUntilMs ? last.needs : own.reading.soFar()
    },
  }
}
