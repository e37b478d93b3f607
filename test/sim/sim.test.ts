import { expect, test } from 'vitest'
import { brokenPromises } from './check.ts'
import { simulate } from './simulate.ts'

// `SEED=17 npm run test:sim` plays one day again, and `SEEDS=15000` more of them.
const ONE = process.env['SEED']
const SEEDS =
  ONE === undefined
    ? Array.from({ length: Number(process.env['SEEDS'] ?? 2_000) }, (_, index) => index + 1)
    : [Number(ONE)]

test(`no promise is broken on ${SEEDS.length} bad days`, { timeout: 300_000 }, async () => {
  const met = { started: 0, duplicate: 0, refused: 0, unreachable: 0, unrecorded: 0 }
  for (const seed of SEEDS) {
    const observed = await simulate(seed)
    expect(brokenPromises(observed), `SEED=${seed}`).toEqual([])
    for (const { answer, works } of observed.stories) {
      met.started += works.length
      const status = answer?.status
      if (status !== undefined && status in met) met[status as keyof typeof met] += 1
    }
  }
  // A simulation in which nothing bad happens proves nothing.
  if (ONE === undefined)
    expect(Math.min(met.started, met.duplicate, met.refused, met.unreachable, met.unrecorded)).toBeGreaterThan(50)
})
