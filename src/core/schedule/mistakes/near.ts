/** A name with more slips than this is a different name. Two letters in the wrong order count as two slips. */
const MOST_SLIPS = 2
/** A slip in a shorter name makes another name too easily. */
const LETTERS_PER_SLIP = 3

/**
 * Returns whether two names differ by a slip or two. The libraries for this are for the command line only: the library
 * must not load one for its errors.
 */
export function isNear(one: string, other: string): boolean {
  const most = Math.min(MOST_SLIPS, Math.floor(one.length / LETTERS_PER_SLIP))
  return Math.abs(one.length - other.length) <= most && slips(one, other) <= most
}

/** Returns how many letters must be added, removed or replaced (Levenshtein). */
function slips(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...one].entries()) {
    const above = row
    row = [index + 1]
    for (let at = 0; at < other.length; at += 1) {
      const replaced = (above[at] ?? 0) + (other[at] === letter ? 0 : 1)
      row.push(Math.min(replaced, (above[at + 1] ?? 0) + 1, (row[at] ?? 0) + 1))
    }
  }
  return row.at(-1) ?? 0
}
