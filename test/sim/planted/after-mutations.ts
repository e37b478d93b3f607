import type { Mutation } from './mutation.ts'

/** Bugs of runs that wait for other slots. */
export const AFTER_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a wait takes a stale or failed slot for completed',
    simulation: false,
    scenario: 'a slot after another, skewed clocks',
    file: 'src/core/task/upstream.ts',
    from: "if (row?.state === 'COMPLETED') return",
    to: "if (row !== null && (row.state !== 'PENDING' || row.attempts.some(hasStarted))) return",
  },
  {
    name: 'a wait takes a slot that completed once for completed, although it is forced again',
    simulation: false,
    scenario: 'a slot after another, a force',
    file: 'src/core/task/upstream.ts',
    from: "if (row?.state === 'COMPLETED') return",
    to: "if (row?.attempts.some(({ outcome }) => outcome === 'succeeded')) return",
  },
  {
    name: 'a wait ends when its row changes, whatever that says',
    simulation: false,
    scenario: 'a slot after another',
    file: 'src/run/task/after.ts',
    from: 'await waitForRow(missing, untilMs, claimedSlot)',
    to: 'await waitForRow(missing, untilMs, claimedSlot)\n    if (missing.row !== null) return null',
  },
  {
    name: 'the time of a wait is over, and the run starts',
    simulation: false,
    scenario: 'a slot after another',
    file: 'src/run/task/after.ts',
    from: 'if (leftMs <= 0) return missing',
    to: 'if (leftMs <= 0) return null',
  },
  {
    name: 'a blocked slot is closed for good',
    simulation: false,
    scenario: 'a slot after another',
    file: 'src/run/enter.ts',
    from: "const { held, finish } = await endClaim({ outcome: 'notStarted' }, claimedSlot)\n  const detail",
    to: "const { held, finish } = await skipClaim({ by: 'cronledger', reason: cause }, claimedSlot)\n  const detail",
  },
]
