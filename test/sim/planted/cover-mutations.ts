import type { Mutation } from './mutation.ts'

/** Bugs of runs that go on from the last success, and of slots that are covered. */
export const COVER_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a run that covers goes on from a slot that has not completed',
    file: 'src/run/task/since.ts',
    from: 'if (own === null || hasCompleted(own)) return own !== null',
    to: 'if (own !== null) return true',
  },
  {
    name: 'a covered slot counts as done although the run that covers it failed',
    file: 'src/run/task/since.ts',
    from: 'return covered !== null && hasCompleted(workRow(covered))',
    to: 'return covered !== null',
  },
  {
    name: 'a run covers a slot that has a row',
    scenario: 'a run that covers, and a late trigger',
    file: 'src/run/task/cover.ts',
    from: 'const isMissed = row === null || (own !== null && isLeftOpen(own))',
    to: 'const isMissed = true',
  },
  {
    name: 'a run covers a slot without the condition that it has no row',
    simulation: false,
    scenario: 'two runs that cover, skewed clocks',
    file: 'src/run/task/cover.ts',
    from: 'writeAsOwner<Row | null, Row>(missed.left, change, io, ask, request.runId)',
    to: 'ask((call) => io.store.get({ ...row, slot }, call)).then((found) => writeAsOwner(found as Row | null, change, io, ask, request.runId))',
  },
  {
    name: 'a run does not state what it covers before it does',
    simulation: false,
    scenario: 'a run that covers, and a force of it, skewed clocks',
    file: 'src/run/task/cover.ts',
    from: 'if (wanted > 0) await stateCovers(row, earlier + wanted, since, claimedSlot)',
    to: '',
  },
  {
    name: 'a run covers a slot in its grace',
    file: 'src/run/task/cover.ts',
    from: 'dueUntil: missedUntil(times)',
    to: 'dueUntil: times.now',
  },
  {
    name: 'a run covers slots before the one from which it goes on',
    file: 'src/run/task/cover.ts',
    from: 'Math.max(floor + 1, times.now - longestMs) : floor + 1',
    to: 'times.now - longestMs : times.now - longestMs',
  },
  {
    name: 'a repetition of a run that covers goes on from a slot that it covers',
    file: 'src/run/task/since.ts',
    from: 'const since = await askWithin(limit, io, (call) => startOf(row, back.newest, io.store, call))',
    to: 'const since = back.newest',
  },
  {
    name: 'a force of a covered slot does not look at the run that covers it again after its claim',
    simulation: false,
    scenario: 'a force of a covered slot',
    file: 'src/run/claim.ts',
    from: 'const again = isCovered(decision.base) ?',
    to: 'const again = false ?',
  },
  {
    name: 'a force of a covered slot trusts the lease of the run that covers it without the skew',
    simulation: false,
    scenario: 'a force of a covered slot, skewed clocks',
    file: 'src/core/row/status.ts',
    from: "return row.state === 'PENDING' && now <= row.leaseUntil + skewMs",
    to: "return row.state === 'PENDING' && now <= row.leaseUntil + (row.covers === undefined ? skewMs : 0)",
  },
]
