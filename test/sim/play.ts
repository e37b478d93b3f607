import { brokenPromises } from './check.ts'
import { seedsUpTo } from './seeds.ts'
import { simulate } from './simulate.ts'

// Plays days of each subject until one breaks a promise, and says which: for the planted bugs of `mutate.mjs`.
for (const seed of seedsUpTo(Number(process.env['SEEDS']))) {
  // A sign of life, since a bug may make a day endless.
  process.stderr.write('.')
  for (const subject of ['slots', 'task', 'waits'] as const) {
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
