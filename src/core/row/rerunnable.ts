import { usageError } from '../errors.ts'
import { quote } from '../problem.ts'

/**
 * The states of a slot that an operator may want to run again. `missed` means that the slot has no row. The others are
 * states of the row. A running slot is not among them, and neither is a skipped slot.
 */
export const RERUNNABLE = ['missed', 'failed', 'stale', 'completed'] as const
export type Rerunnable = (typeof RERUNNABLE)[number]

/**
 * The states in which the batch still has to be done. A completed slot runs again only if the operator asks for that.
 */
export const DEFAULT_RERUNNABLE: readonly Rerunnable[] = ['missed', 'failed', 'stale']

/** Returns each of the named states once. Throws a usage error for any other text. */
export function readRerunnable(words: readonly string[]): readonly Rerunnable[] {
  const known = words.map((word) => {
    const name = RERUNNABLE.find((one) => one === word)
    if (name === undefined) throw usageError(`only is ${quote(String(word))}; allowed are ${RERUNNABLE.join(', ')}`)
    return name
  })
  return [...new Set(known)]
}
