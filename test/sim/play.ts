import { brokenPromises } from './check.ts'
import type { Subject } from './day.ts'
import { seedsUpTo } from './seeds.ts'
import { simulate } from './simulate.ts'

// Plays days of the subjects until one breaks a promise, and says which: for the planted bugs of `mutate.mjs`.
const { SEEDS, SUBJECT } = process.env
const subjects = SUBJECT ? [SUBJECT as Subject] : (['slots', 'task'] as const)
for (const seed of seedsUpTo(Number(SEEDS))) {
  // A sign of life, since a bug may make a day endless.
  process.stderr.write('.')
  for (const subject of subjects) {
    try {
      const [first] = brokenPromises(await simulate(seed, subject))
      if (first === undefined) continue
      process.stdout.write(`SEED=${seed}: ${first}\n`)
    } catch (error) {
      // The codec rejects an impossible row before it is written.
      process.stdout.write(`SEED=${seed}: ${(error as Error).message}\n`)
    }
    process.exit(1)
  }
}
