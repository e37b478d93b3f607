import type { Mutation } from './mutation.ts'

const BUGS: readonly Mutation[] = [
  {
    name: 'a wait takes a stale or failed slot for completed',
    scenario: 'a slot after another, skewed clocks',
    file: 'src/core/task/upstream.ts',
    from: "if (row?.state === 'COMPLETED') return",
    to: "if (row !== null && (row.state !== 'PENDING' || row.attempts.some(hasStarted))) return",
  },
  {
    name: 'a wait takes a slot that completed once for completed, although it is forced again',
    scenario: 'a slot after another, a force',
    file: 'src/core/task/upstream.ts',
    from: "if (row?.state === 'COMPLETED') return",
    to: "if (row?.state === 'COMPLETED' || row?.attempts.some(({ outcome }) => outcome === 'succeeded')) return",
  },
  {
    name: 'a wait ends at any change of its row',
    scenario: 'a slot after another',
    file: 'src/run/task/upstream.ts',
    from: 'await waitForRow(missing, untilMs, claimedSlot)',
    to: 'await waitForRow(missing, untilMs, claimedSlot)\n    if (missing.row !== null) return null',
  },
  {
    name: 'the time of a wait is over, and the run starts',
    scenario: 'a slot after another',
    file: 'src/run/task/upstream.ts',
    from: 'if (leftMs <= 0) return missing',
    to: 'if (leftMs <= 0) return null',
  },
  {
    name: 'a blocked slot is closed forever',
    scenario: 'a slot after another',
    file: 'src/run/enter.ts',
    from: "const { held, finish } = await endClaim({ outcome: 'notStarted', ...blockedBy }, claimedSlot)",
    to: "const { held, finish } = await skipClaim({ by: 'cronledger', reason: cause }, claimedSlot)",
  },
  {
    name: 'a wait looks at the latest slot of the other task, and not at all that were due',
    file: 'src/core/task/upstream.ts',
    from: 'slots.push(key)\n    if (slots.length > MAX_SLOTS) {',
    to: 'slots.push(key)\n    if (isCertain) break\n    if (slots.length > MAX_SLOTS) {',
  },
  {
    name: 'a wait takes a slot that a run skipped for one that an operator skipped',
    file: 'src/core/task/upstream.ts',
    from: 'skip !== undefined && row !== null && !isOverlapSkip(row)',
    to: 'skip !== undefined',
  },
  {
    name: 'a wait does not look again at the slots that had completed before',
    file: 'src/run/task/upstream.ts',
    from: 'await waitForRow(missing, untilMs, claimedSlot)',
    to: 'await waitForRow(missing, untilMs, claimedSlot)\n    if ((await findMissing(row, claimedSlot))?.slot !== missing.slot) return null',
  },
  {
    name: 'a wait lasts longer than it may',
    file: 'src/run/task/upstream.ts',
    from: 'io.clock.monotonicMs() + settings.afterTimeoutMs',
    to: 'io.clock.monotonicMs() + 1.5 * settings.afterTimeoutMs',
  },
  {
    name: 'a force waits for nothing',
    file: 'src/run/task/needs.ts',
    from: 'if (!force?.ignoreAfter) after ??=',
    to: 'if (false) after ??=',
  },
  {
    name: 'a run that had not to wait is not asked again for a pause',
    file: 'src/run/enter.ts',
    from: 'const refusedSince = await unlessAdmitted(begun, claimedSlot)',
    to: 'const refusedSince = null',
  },
]

export const AFTER_MUTATIONS = BUGS.map((bug): Mutation => ({ ...bug, subject: 'waits' }))
