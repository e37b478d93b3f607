import { distance } from 'fastest-levenshtein'

/** A name with more slips than this is a different name. Two letters in the wrong order count as two slips. */
const MOST_SLIPS = 2
/** A slip in a shorter name makes another name too easily. */
const LETTERS_PER_SLIP = 3

/** Returns whether two names differ by a slip or two. */
export function isNear(one: string, other: string): boolean {
  const most = Math.min(MOST_SLIPS, Math.floor(one.length / LETTERS_PER_SLIP))
  return Math.abs(one.length - other.length) <= most && distance(one, other) <= most
}
