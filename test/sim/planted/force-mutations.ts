import type { Mutation } from './mutation.ts'

export const FORCE_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a force runs a completed slot without being told to',
    scenario: 'trigger and force',
    file: 'src/core/row/policy.ts',
    from: "[...DEFAULT_RERUNNABLE, 'skipped']",
    to: "[...DEFAULT_RERUNNABLE, 'skipped', 'completed']",
  },
  {
    name: 'a failed force opens a completed slot to other forces',
    scenario: 'forces on a completed slot',
    file: 'src/core/row/decide.ts',
    from: "return status !== null && isDone ? 'completed' : status",
    to: 'return status !== null && isDone ? status : status',
  },
  {
    name: 'a force that names statuses does not mind a newer attempt',
    file: 'src/core/row/decide.ts',
    from: 'row !== null && hasBegunSince(row, policy.forceAskedAt)',
    to: 'row !== null && policy.forceStatus === undefined && hasBegunSince(row, policy.forceAskedAt)',
  },
  {
    name: 'a resolution ends the run of the slot, although it names another one',
    scenario: 'a run that is called ended, and a trigger',
    file: 'src/core/row/decide.ts',
    from: "if (endedRun !== null && decidingAttempt(found)?.runId !== endedRun) return refuse('otherRun')",
    to: '',
  },
  {
    name: 'a resolution that names a run writes over what came between its read and its write',
    simulation: false,
    scenario: 'a run that is called ended',
    file: 'src/run/resolve.ts',
    from: 'found = written.found',
    to: 'const next = readableRow(written.found); const base = readableRow(found); found = request.endedRun != null && base !== null && next !== null ? { ...base, version: next.version, ownerRunId: next.ownerRunId } : written.found',
  },
  {
    name: 'a run that was called ended keeps its slot, and finishes on top of the resolution',
    scenario: 'a run that is called ended',
    file: 'src/core/row/transition.ts',
    from: 'const row = takenOver(base, request, stamp)',
    to: 'const row = { ...takenOver(base, request, stamp), ownerRunId: request.endedRun ?? request.runId }',
  },
  {
    name: 'a run that was called ended goes on',
    scenario: 'a run that is called ended',
    file: 'src/run/lease.ts',
    from: 'const loss = lossOf(written.found, attemptCount(this.#held.row))',
    to: "const loss = lossOf(written.found, attemptCount(this.#held.row))\n      if (loss === 'resolved') { this.#held = { ...this.#held, preparedAtMs: this.#io.clock.monotonicMs() }; return written }",
  },
]
