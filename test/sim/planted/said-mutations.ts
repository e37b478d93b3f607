import type { Mutation } from './mutation.ts'

export const SAID_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a checkpoint of an earlier owner lands after a takeover',
    file: 'src/run/write.ts',
    from: "if (found.ownerRunId !== (runId ?? row.ownerRunId)) return { kind: 'lost', found }",
    to: "if (found.ownerRunId !== (runId ?? row.ownerRunId)) { if (row.checkpoint !== undefined && found.state === 'PENDING') await ask((call) => io.store.put({ ...found, checkpoint: row.checkpoint ?? '', version: found.version + 1 }, found, call)).catch(() => null); return { kind: 'lost', found } }",
  },
  {
    name: 'the report of attempt 1 is shown at attempt 2',
    file: 'src/core/row/transition.ts',
    from: 'return [...trimmed, endAttempt(openAttempt(row), ending, stamp.now)]',
    to: 'return [...trimmed, { ...endAttempt(openAttempt(row), ending, stamp.now), ...(trimmed[0]?.report !== undefined && { report: trimmed[0].report }) }]',
  },
  {
    name: 'the checkpoint of a completed slot stays',
    file: 'src/core/row/transition.ts',
    from: "const row = ending.outcome === 'succeeded' ? withCheckpoint(found, null) : found",
    to: 'const row = found',
  },
  {
    name: 'a claim drops the checkpoint of the attempt before',
    file: 'src/core/row/transition.ts',
    from: 'const found = isFresh && base !== null ?',
    to: 'const found = base !== null ?',
  },
  {
    name: 'the end of an attempt forgets what it saved since the last heartbeat',
    file: 'src/run/lease.ts',
    from: 'return this.noted(this.#held.row)',
    to: 'this.keepCheckpoint(() => undefined); return this.#held.row',
  },
  {
    name: 'a rule that is not met fails the run',
    file: 'src/run/execute.ts',
    from: 'const end = await working',
    to: "const end: WorkEnd<T> = await working.then((one) => (claimedSlot.settings.expect === null || one.outcome !== 'succeeded' ? one : { outcome: 'failed' as const, exitCode: 1 }))",
  },
]
