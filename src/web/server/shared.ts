import { setWithin } from '../../core/objects.ts'
import type { Clock } from '../../process/clock.ts'
import type { NeedsOfAll, NeedsReading } from './read/needs.ts'

/** Returns null if an answer takes longer than `ms`. */
export async function answerWithin<T>(ms: number, answer: Promise<T>, clock: Clock): Promise<T | null> {
  const over = new AbortController()
  try {
    return await Promise.race([answer, clock.wait(ms, over.signal).then(() => null)])
  } finally {
    over.abort()
  }
}

/** An answer is kept for this multiple of its cost. So reading it fills at most one sixth of the time. */
export const AGE_FACTOR = 5
/** Enough for the views that a team has open. An overview of 100 tasks takes one megabyte. */
const MAX_ANSWERS = 10

interface Answer<T> {
  readonly value: Promise<T>
  /** Null while the answer is being made. */
  freshUntilMs: number | null
}

/** Gives one answer to all callers of a key at the same time or shortly after. An error is not kept. */
export function shareAnswers<T>(clock: Clock, costOf?: (value: T) => number) {
  const answers = new Map<string, Answer<T>>()
  return (key: string, make: () => Promise<T>): Promise<T> => {
    const known = answers.get(key)
    if (known !== undefined && (known.freshUntilMs ?? Number.POSITIVE_INFINITY) >= clock.monotonicMs())
      return known.value
    const begunMs = clock.monotonicMs()
    const answer: Answer<T> = { value: make(), freshUntilMs: null }
    setWithin(answers, MAX_ANSWERS, key, answer)
    const forget = () => {
      if (answers.get(key) === answer) answers.delete(key)
    }
    answer.value.then((value) => {
      const endedMs = clock.monotonicMs()
      answer.freshUntilMs = endedMs + AGE_FACTOR * (costOf?.(value) ?? endedMs - begunMs)
    }, forget)
    return answer.value
  }
}

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
        const whole = await answerWithin(waitMs, own.whole, clock)
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
