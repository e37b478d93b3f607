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
const leastOf = (seeds: readonly number[]) => (ONE === undefined ? seeds.length / 60 : 0)

/** Plays the days, and returns how often each thing that matters happened. */
async function playAll<Met extends Record<string, number>>(subject: Subject, met: Met, seeds = SEEDS): Promise<Met> {
  const counts: Record<string, number> = met
  const count = (name: string, times = 1) => {
    if (name in counts) counts[name] = (counts[name] ?? 0) + times
  }
  for (const seed of seeds) {
    const observed = await simulate(seed, subject)
    expect(brokenPromises(observed), `SEED=${seed}`).toEqual([])
    for (const { answer, works, caughtUpBy } of observed.stories) {
      count('started', works.length)
      count(answer?.status ?? 'crashed')
      count(answer?.cause ?? 'no cause')
      if (caughtUpBy !== null) count('caught up', works.length)
    }
    count('covered', coveredDays(observed).length)
    count('again', observed.stories.filter(({ runId, works }) => runId.startsWith('rerun') && works.length > 0).length)
    count('called ended', observed.words.filter(({ runId }) => observed.named.has(runId)).length)
    for (const { only, works } of observed.stories) if (only?.includes('completed')) count('forced', works.length)
    for (const { kind, answer } of observed.changes) count(`${kind} ${answer}`)
    for (const { ended } of observed.versions.at(-1)?.record.retirements ?? []) count(`ended by ${ended?.by}`)
  }
  return met
}

test(`no promise is broken on ${SEEDS.length} bad days`, { timeout: LIMIT_MS }, async () => {
  const met = await playAll('slots', {
    started: 0,
    duplicate: 0,
    refused: 0,
    unreachable: 0,
    unrecorded: 0,
    'called ended': 0,
    forced: 0,
  })
  expect(Math.min(...Object.values(met)), JSON.stringify(met)).toBeGreaterThanOrEqual(leastOf(SEEDS))
})

test(`no promise is broken on ${SEEDS.length} bad days of operators and catch-ups`, {
  timeout: LIMIT_MS,
}, async () => {
  const met = await playAll('task', {
    started: 0,
    paused: 0,
    scheduleChanged: 0,
    'caught up': 0,
    taken: 0,
    unreachable: 0,
    'pause made': 0,
    'pause unreachable': 0,
    'resume made': 0,
    'resume unneeded': 0,
    'retire made': 0,
    'ended by cronledger': 0,
  })
  expect(Math.min(...Object.values(met)), JSON.stringify(met)).toBeGreaterThanOrEqual(leastOf(SEEDS))
})

test(`no promise is broken on ${SEEDS.length} bad days of runs that do the work since the last success`, {
  timeout: LIMIT_MS,
}, async () => {
  const met = await playAll('ranges', {
    started: 0,
    duplicate: 0,
    refused: 0,
    stale: 0,
    'caught up': 0,
    'called ended': 0,
    covered: 0,
    again: 0,
  })
  expect(Math.min(...Object.values(met)), JSON.stringify(met)).toBeGreaterThanOrEqual(leastOf(SEEDS))
})

test(`no promise is broken on ${LONG.length} bad days of runs that come after others`, {
  timeout: LIMIT_MS,
}, async () => {
  const met = await playAll('waits', { started: 0, blocked: 0, duplicate: 0, paused: 0, noRow: 0, crashed: 0 }, LONG)
  expect(Math.min(...Object.values(met)), JSON.stringify(met)).toBeGreaterThanOrEqual(leastOf(LONG))
})
