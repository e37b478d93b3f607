import { expect, test } from 'vitest'
import { brokenPromises } from './check.ts'
import { coveredDays } from './checks/ranges.ts'
import type { Subject } from './day.ts'
import { seedsUpTo } from './seeds.ts'
import { simulate } from './simulate.ts'

// `npm test` plays some hundred days, `npm run test:sim` plays thousands, `SEEDS=30000` plays more of them, and `SEED=17` plays
// one day of each subject again.
const ONE = process.env['SEED']
const SEEDS = ONE === undefined ? seedsUpTo(Number(process.env['SEEDS'] ?? 250)) : [Number(ONE)]
/** Runs that wait read every ten seconds, so such a day takes ten times as long. */
const LONG = SEEDS.slice(0, Math.ceil(SEEDS.length / 5))
/** Only a hang takes longer, also where the machine is busy with others. */
const LIMIT_MS = 600_000 + SEEDS.length * 100
/** A simulation in which nothing bad happens proves nothing. */
const leastOf = (seeds: readonly number[]) => (ONE === undefined ? seeds.length / 80 : 0)

const DAYS: readonly (readonly [days: string, subject: Subject, seeds: readonly number[], met: readonly string[]])[] = [
  [
    'bad days',
    'slots',
    SEEDS,
    ['started', 'duplicate', 'refused', 'unreachable', 'unrecorded', 'called ended', 'forced'],
  ],
  [
    'bad days of operators and catch-ups',
    'task',
    SEEDS,
    [
      'started',
      'paused',
      'scheduleChanged',
      'caught up',
      'taken',
      'unreachable',
      'pause made',
      'pause unreachable',
      'resume made',
      'resume unneeded',
      'retire made',
      'ended by cronledger',
    ],
  ],
  [
    'bad days of runs that do the work since the last success',
    'ranges',
    SEEDS,
    ['started', 'duplicate', 'refused', 'stale', 'caught up', 'called ended', 'covered', 'again'],
  ],
  [
    'bad days of runs that come after others',
    'waits',
    LONG,
    ['started', 'blocked', 'duplicate', 'paused', 'noRow', 'crashed'],
  ],
]

for (const [days, subject, seeds, names] of DAYS) {
  test(`no promise is broken on ${seeds.length} ${days}`, { timeout: LIMIT_MS }, async () => {
    const met = new Map(names.map((name) => [name, 0]))
    const count = (name: string, times = 1) => {
      const before = met.get(name)
      if (before !== undefined) met.set(name, before + times)
    }
    for (const seed of seeds) {
      const observed = await simulate(seed, subject)
      expect(brokenPromises(observed), `SEED=${seed}`).toEqual([])
      for (const { answer, works, caughtUpBy, runId, only } of observed.stories) {
        count('started', works.length)
        count(answer?.status ?? 'crashed')
        count(answer?.cause ?? 'no cause')
        if (caughtUpBy !== null) count('caught up', works.length)
        if (runId.startsWith('rerun') && works.length > 0) count('again')
        if (only?.includes('completed')) count('forced', works.length)
      }
      count('covered', coveredDays(observed).length)
      count('called ended', observed.words.filter((word) => observed.named.has(word.runId)).length)
      for (const { kind, answer } of observed.changes) count(`${kind} ${answer}`)
      for (const { ended } of observed.versions.at(-1)?.record.retirements ?? []) count(`ended by ${ended?.by}`)
    }
    expect(Math.min(...met.values()), JSON.stringify([...met])).toBeGreaterThanOrEqual(leastOf(seeds))
  })
}
