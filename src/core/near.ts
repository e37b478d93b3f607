import { closest, distance } from 'fastest-levenshtein'

const USUAL_SLIPS = 2
const MAX_SLIPS = 3

export function nearest(given: string, names: readonly string[]): string | null {
  // To compare a long text with the names of all zones takes 60 ms, so its length is checked first.
  const candidates = names.filter((name) => Math.abs(given.length - name.length) <= MAX_SLIPS)
  if (candidates.length === 0) return null
  const near = closest(given, candidates)
  const slips = distance(given, near)
  // If every letter of one of the two would be a slip, it is a different name.
  return slips <= Math.min(MAX_SLIPS, Math.max(USUAL_SLIPS, given.length / 3)) &&
    slips < Math.min(given.length, near.length)
    ? near
    : null
}

/** Returns up to three names that begin with the words of the given one: `log` for `log-format`, `dry-run` for `dry`. */
export function withSameBeginning(given: string, names: readonly string[]): readonly string[] {
  const words = given.split('-')
  if ((words[0] ?? '').length < 3) return []
  const sharedWords = (name: string) => {
    const own = name.split('-')
    const end = words.findIndex((word, index) => word !== own[index])
    return end === -1 ? words.length : end
  }
  const most = Math.max(...names.map(sharedWords))
  return most === 0 ? [] : names.filter((name) => sharedWords(name) === most).slice(0, 3)
}

export function suggestion(given: string, names: readonly string[], prefix = ''): string {
  return didYouMean([nearest(given, names)].filter((name) => name !== null).map((name) => `${prefix}${name}`))
}

export function didYouMean(names: readonly string[]): string {
  return names.length === 0 ? '' : ` Did you mean ${names.join(' or ')}?`
}
