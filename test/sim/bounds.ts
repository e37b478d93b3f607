import type { Scenario } from '../explore/scenario.ts'

/** A bound of the explorer, and a planted bug that it finds within the bound, and not with less. */
export interface Bound {
  readonly name: string
  readonly bug: string
  /** The bound alone, in the scenario of the bug. Left out: the whole scenario, as it is explored. */
  readonly within?: Partial<Scenario>
  readonly less: Partial<Scenario>
}

const NONE = { budget: { all: 0 } }
const TAKEN = 'a lease that another run took over does not stop the work'

export const BOUNDS: readonly Bound[] = [
  {
    name: 'two faults of the network',
    bug: 'a claim that is refused after a lost answer is not withdrawn',
    less: { budget: { all: 1, network: 1 } },
  },
  {
    name: 'one fault of the network',
    bug: 'a claim that is given up is not withdrawn where it landed',
    less: NONE,
  },
  {
    name: 'a request that is delivered twice',
    bug: 'a note that counts a client’s retry again',
    less: NONE,
  },
  {
    name: 'a crash',
    bug: 'a takeover forgets the attempt before it',
    within: { budget: { all: 1, crash: 1 } },
    less: NONE,
  },
  {
    name: 'a pause',
    bug: 'the holder of the overlap lock does not ask for it again after a pause',
    less: NONE,
  },
  {
    name: 'a pause, two attempts',
    bug: TAKEN,
    less: { budget: { all: 1, network: 1, outage: 1 } },
  },
  {
    name: 'an outage',
    bug: 'a lease that could not be renewed does not stop the work',
    less: { budget: { all: 1, network: 1, pause: 1 } },
  },
  {
    name: 'a stop',
    bug: 'a stop after the claim is not heard',
    less: { budget: { all: 1, network: 1 } },
  },
  {
    name: 'a failure of the work',
    bug: 'a failed force opens a completed slot again',
    less: { failures: 0 },
  },
  {
    name: 'a fault in a scenario with retries',
    bug: 'a retry begins without an answer of the ledger',
    less: NONE,
  },
  {
    name: 'a horizon past the lease and the skew',
    bug: TAKEN,
    less: { horizonMs: 30_000 },
  },
]
