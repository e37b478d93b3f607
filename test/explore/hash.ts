/** Two hashes of 32 bits, which are enough to tell millions of states apart. */
export type Hash = readonly [number, number]

export const EMPTY: Hash = [0xdeadbeef, 0x41c6ce57]

export function mix([first, second]: Hash, text: string): Hash {
  let [one, two] = [first, second]
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    one = Math.imul(one ^ code, 2654435761)
    two = Math.imul(two ^ code, 1597334677)
    one ^= two >>> 15
  }
  return [one | 0, two | 0]
}

export function toNumber([one, two]: Hash): number {
  const first = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(two ^ (two >>> 13), 3266489909)
  const second = Math.imul(two ^ (two >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909)
  return (first >>> 0) * 2 ** 21 + ((second >>> 0) & 0x1fffff)
}
