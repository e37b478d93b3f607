import { setWithin } from '../../core/objects.ts'
import type { Clock } from '../../process/clock.ts'

/** Returns null if an answer takes longer than `ms`. */
export async function within<T>(ms: number, answer: Promise<T>, clock: Clock): Promise<T | null> {
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
