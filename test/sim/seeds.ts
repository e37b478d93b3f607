/** The days of the simulation that find the planted bugs of `mutations.ts`. They are played first. */
const FINDING = [
  1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 14, 16, 17, 23, 32, 34, 38, 51, 56, 60, 61, 68, 80, 97, 101, 104, 126, 131, 164,
  170, 202, 210, 212, 512, 534, 1333, 1700, 1800, 1940,
]

/** Returns the days that find the planted bugs, and the days from 1 to `count`. */
export function seedsUpTo(count: number): readonly number[] {
  return [...new Set([...FINDING, ...Array.from({ length: count }, (_, index) => index + 1)])]
}
