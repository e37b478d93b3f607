import { closest, distance } from 'fastest-levenshtein'

/** The number of slips that every name may have. Two letters in the wrong order count as two slips. */
const USUAL_SLIPS = 2
const MAX_SLIPS = 3

export function nearest(given: string, names: readonly string[]): string | null {
  const candidates = names.filter((name) => mayBeNear(given, name, MAX_SLIPS))
  if (candidates.length === 0) return null
  const near = closest(given, candidates)
  const slips = distance(given, near)
  // If every letter of a name would be a slip, it is a different name.
  return slips <= Math.min(MAX_SLIPS, Math.max(USUAL_SLIPS, given.length / 3)) && slips < near.length ? near : null
}

/** Two letters in the wrong order count as two slips. In a short name, one slip too easily makes another name. */
const LETTERS_PER_SLIP = 3

export function isNear(one: string, other: string): boolean {
  const slips = Math.min(USUAL_SLIPS, Math.floor(one.length / LETTERS_PER_SLIP))
  return mayBeNear(one, other, slips) && distance(one, other) <= slips
}

/** To compare a long text with the names of all zones takes 60 ms, so its length is checked first. */
function mayBeNear(one: string, other: string, slips: number): boolean {
  return Math.abs(one.length - other.length) <= slips
}

export function suggestion(given: string, names: readonly string[], prefix = ''): string {
  return didYouMean([nearest(given, names)].filter((name) => name !== null).map((name) => `${prefix}${name}`))
}

export function didYouMean(names: readonly string[]): string {
  return names.length === 0 ? '' : ` Did you mean ${names.join(' or ')}?`
}
