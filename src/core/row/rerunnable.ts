import { usageError } from '../errors.ts'
import { quote } from '../problem.ts'

/**
 * What became of a slot that a person may want run again, by the last word on it: `missed` has no row, the others are the
 * state of the row. A running slot is none of these, and neither is one that a person or an overlap skipped.
 */
export const RERUNNABLE = ['missed', 'failed', 'stale', 'completed'] as const
export type Rerunnable = (typeof RERUNNABLE)[number]

/** What is left to be done: a completed slot runs again only where that is asked for. */
export const DEFAULT_RERUNNABLE: readonly Rerunnable[] = ['missed', 'failed', 'stale']

/** Each of the words once. Throws a usage error for any other. */
export function readRerunnable(words: readonly string[]): readonly Rerunnable[] {
  const known = words.map((word) => {
    const name = RERUNNABLE.find((one) => one === word)
    if (name === undefined) throw usageError(`only is ${quote(String(word))}; allowed are ${RERUNNABLE.join(', ')}`)
    return name
  })
  return [...new Set(known)]
}
