import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

export interface Chance {
  int(from: number, to: number): number
  chance(percent: number): boolean
}

export function chanceOf(seed: number): Chance {
  const random = xoroshiro128plus(seed)
  const int = (from: number, to: number) => uniformInt(random, from, to)
  return { int, chance: (percent) => int(1, 100) <= percent }
}
