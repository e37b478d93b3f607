/** The days of the simulation that find the planted bugs of `mutations.ts`. They are played first. */
const FINDING = [
  1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 14, 16, 32, 34, 51, 57, 61, 68, 72, 80, 97, 126, 131, 145, 164, 170, 210, 212,
  237, 310, 716, 1007, 1940, 1948, 2092, 2438,
]

/** Returns the days that find the planted bugs, and the days from 1 to `count`. */
export function seedsUpTo(count: number): readonly number[] {
  return [...new Set([...FINDING, ...Array.from({ length: count }, (_, index) => index + 1)])]
}
