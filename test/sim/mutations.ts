/** A planted bug: in `file`, the text `from` becomes `to`. */
export interface Mutation {
  readonly name: string
  readonly file: string
  readonly from: string
  readonly to: string
  /** The scenario of the explorer that must find it. Left out: none can. */
  readonly scenario?: string
  /** False: the simulation need not find it. */
  readonly simulation?: false
}

/** Bugs of the kind that this field has had. The simulation, the explorer or both must find each: `npm run test:mutations`. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'an unfenced finish: a conflict with another owner is written over',
    scenario: 'trigger and force',
    file: 'src/run/write.ts',
    from: "if (found.owner !== (runId ?? row.owner)) return { kind: 'lost', found }",
    to: '',
  },
  {
    name: 'a read instead of the condition: the claim expects whatever a read has just found',
    scenario: 'two triggers, two faults',
    file: 'src/run/write.ts',
    from: "const expected: Expected = baseRow ?? 'absent'",
    to: "const seen = (await io.store.get(change(baseRow, { writeId, now: io.clock.now() }), options).catch(() => null)) as Row | null; const expected: Expected = seen ?? 'absent'",
  },
  {
    name: 'a contender compares the lease without the skew',
    scenario: 'force in an outage',
    file: 'src/core/row/status.ts',
    from: 'now <= row.leaseUntil + skewMs',
    to: 'now <= row.leaseUntil',
  },
  {
    name: 'the owner trusts its lease to the end, without the skew',
    file: 'src/run/write.ts',
    from: 'return leaseMs - skewMs - killAfterMs',
    to: 'return leaseMs - killAfterMs',
  },
  {
    name: 'the owner kills its work too late, by the skew',
    simulation: false,
    scenario: 'skewed clocks',
    file: 'src/run/lease.ts',
    from: 'settings.leaseMs - settings.skewMs - age()',
    to: 'settings.leaseMs - age()',
  },
  {
    name: 'an ambiguous write taken for a duplicate: the conflict with its own write is lost',
    scenario: 'two triggers, two faults',
    file: 'src/run/write.ts',
    from: "if (found.writeId === writeId) return { kind: 'ok', row, preparedAtMs }",
    to: "if (found.writeId === writeId) return { kind: 'lost', found }",
  },
  {
    name: 'a finish that mistakes its own late renewal for success',
    scenario: 'two triggers, two faults',
    file: 'src/run/write.ts',
    from: 'if (found.writeId === writeId) return',
    to: 'if (found.owner === row.owner) return',
  },
  {
    name: 'a put that wipes the notes',
    scenario: 'two triggers, two faults',
    file: 'test/support/simulated/memory-store.ts',
    from: 'notes: entry?.notes ?? encodeNotes(NO_NOTES)',
    to: 'notes: encodeNotes(NO_NOTES)',
  },
  {
    name: 'a note that counts a client’s retry again',
    scenario: 'two triggers, two faults',
    file: 'src/core/row/rejections.ts',
    from: 'return notes.rejectedBy.includes(runId) || notes.latest?.runId === runId',
    to: 'return false',
  },
  {
    name: 'giving up by a read: no row found counts as withdrawn',
    scenario: 'two triggers',
    file: 'src/run/claim.ts',
    from: 'const written = await writeAsOwner<Row | null, Row>(base, change, io, { ...options, runId })',
    to: 'const written = await untilAnswered(() => io.store.get({ task: claim.task, slot: claim.window.slot }, options), io, options)',
  },
  {
    name: 'a claim that is given up is not withdrawn where it landed',
    scenario: 'two triggers, two faults',
    file: 'src/core/row/transition.ts',
    from: 'return found.owner === claim.runId ? finishRow(found, notStarted, stamp) : nextVersion(found, stamp)',
    to: 'return nextVersion(found, stamp)',
  },
  {
    name: 'a withdrawal takes a running row over',
    scenario: 'force in an outage',
    file: 'src/core/row/transition.ts',
    from: 'return found.owner === claim.runId ? finishRow(found, notStarted, stamp) : nextVersion(found, stamp)',
    to: 'if (found.owner === claim.runId) return finishRow(found, notStarted, stamp)\n  return { ...finishRow(claimRow(found, claim, stamp, 0), notStarted, stamp), version: found.version + 1 }',
  },
  {
    name: 'the work starts before the claim is confirmed',
    scenario: 'two triggers, two faults',
    file: 'src/run/claim.ts',
    from: "return { kind: 'unanswered', cause, sent: changedNothing ? null : { base, row } }",
    to: "return changedNothing ? { kind: 'unanswered', cause, sent: null } : { kind: 'claimed', row, preparedAtMs: io.clock.monotonicMs() }",
  },
  {
    name: 'a lease that another run took over does not stop the work',
    scenario: 'two triggers, two attempts',
    file: 'src/run/lease.ts',
    from: "if (written.kind === 'lost') return { cause: written.found === null ? 'deleted' : 'taken', killInMs }",
    to: "if (written.kind === 'lost') return null",
  },
  {
    name: 'a lease that could not be renewed does not stop the work',
    scenario: 'two triggers, two attempts',
    file: 'src/run/lease.ts',
    from: "settings.onLeaseLost === 'continue' ? Number.POSITIVE_INFINITY",
    to: 'true ? Number.POSITIVE_INFINITY',
  },
  {
    name: 'the lease is counted from the answer, not from before it was asked for',
    scenario: 'skewed clocks, a slow answer',
    file: 'src/run/lease.ts',
    from: 'trustedFromMs = written.preparedAtMs',
    to: 'trustedFromMs = clock.monotonicMs() + 5_000',
  },
  {
    name: 'a machine that was suspended trusts its monotonic clock',
    file: 'src/run/write.ts',
    from: 'byWallMs - byMonotonicMs > skewMs ? byWallMs : byMonotonicMs',
    to: 'byMonotonicMs',
  },
  {
    name: 'a claim that is refused after a lost answer is not withdrawn',
    scenario: 'two triggers, two faults',
    file: 'src/run/write.ts',
    from: 'if (!again && tries === 1) throw reply.cause',
    to: 'if (!again) throw reply.cause',
  },
  {
    name: 'a failed force opens a completed slot again',
    scenario: 'trigger, force, trigger',
    file: 'src/core/row/decide.ts',
    from: "if (successOf(row) !== undefined || wasResolvedAs('COMPLETED')) return 'completed'",
    to: "if (row.state === 'COMPLETED') return 'completed'",
  },
  {
    name: 'a forced trigger starts beside a running attempt',
    scenario: 'two forces',
    file: 'src/core/row/decide.ts',
    from: "return scheduled ? { kind: 'duplicate', cause: 'running', row: found } : refuse('running')",
    to: "if (scheduled) return { kind: 'duplicate', cause: 'running', row: found }",
  },
  {
    name: 'attempts are not counted',
    scenario: 'retries',
    file: 'src/core/row/decide.ts',
    from: 'if (scheduled && countedAttempts(found) >= policy.maxAttempts)',
    to: 'if (scheduled && found.attempts.length > 50)',
  },
  {
    name: 'a takeover forgets the attempt before it',
    scenario: 'two triggers, two attempts',
    file: 'src/core/row/transition.ts',
    from: 'listedAttempts(base, (base?.attempts ?? []).map(abandonAttempt))',
    to: 'listedAttempts(base, endedAttempts(base))',
  },
  {
    name: 'an operator resolves a running slot',
    scenario: 'trigger and resolution',
    file: 'src/core/row/decide.ts',
    from: "if (isRunning(found, now, skewMs)) return refuse('running')",
    to: '',
  },
  {
    name: 'a retry begins without an answer of the ledger',
    scenario: 'retries',
    file: 'src/run/next-attempt.ts',
    from: "if (begun.kind !== 'unanswered') return begun",
    to: "return begun.kind === 'unanswered' ? { kind: 'begun', row: written.row } : begun",
  },
  {
    name: 'a stop after the claim is not heard',
    simulation: false,
    scenario: 'retries',
    file: 'src/run/execute.ts',
    from: 'link([io.stop, lease.lost], halt)',
    to: 'link([lease.lost], halt)',
  },
  {
    name: 'the overlap lock is free as soon as its holder is not the newest run of the slot',
    scenario: 'two slots, wait',
    file: 'src/core/row/overlap-lock.ts',
    from: 'return isNewerSchema(found) || (found.owner === runId && isRunning(found, now, skewMs))',
    to: "return isNewerSchema(found) || (found.owner === runId && found.attempts.at(-1)?.phase === 'waiting')",
  },
  {
    name: 'the overlap lock is taken without its condition',
    scenario: 'two slots, skip',
    file: 'src/run/overlap-lock.ts',
    from: "io.store.writeEntry(key, next, entry?.version ?? 'absent', options),",
    to: "io.store.readEntry(key, options).then((e) => io.store.writeEntry(key, { ...next, version: (e?.version ?? 0) + 1 }, e?.version ?? 'absent', options)),",
  },
  {
    name: 'the holder of the overlap lock does not ask for it again after a pause',
    scenario: 'two slots, a pause',
    file: 'src/run/execute.ts',
    from: "holdsLock ? takeOverlapLock(row, settings, io, options) : { kind: 'mine' }",
    to: "holdsLock && row.attempts.length > 100 ? takeOverlapLock(row, settings, io, options) : { kind: 'mine' }",
  },
  {
    name: 'an older write of the same run is not fenced: a late renewal opens a finished row again',
    scenario: 'two triggers, two faults',
    file: 'test/support/simulated/memory-store.ts',
    from: "owned['version'] === expected.version && owned['owner'] === expected.owner",
    to: "owned['owner'] === expected.owner",
  },
  {
    name: 'a late claim is not fenced: the store accepts it although the slot has a row',
    scenario: 'two triggers, two faults',
    file: 'test/support/simulated/memory-store.ts',
    from: ': known && isSame(entry.owned, expected)',
    to: ": expected === 'absent' || (known && isSame(entry.owned, expected))",
  },
  {
    name: 'a finish without an answer counts as recorded',
    scenario: 'two triggers, two faults',
    file: 'src/run/finish.ts',
    from: "return { kind: 'unanswered', cause: written.cause }",
    to: "return { kind: 'recorded' }",
  },
]
