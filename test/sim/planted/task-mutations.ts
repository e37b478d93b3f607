import type { Mutation } from './mutation.ts'

/** Bugs of pauses, retirements, expectations and catch-ups. */
export const TASK_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a pause is ignored if the record cannot be read',
    scenario: 'trigger and pause',
    file: 'src/run/task/admission.ts',
    from: "if (reply.kind === 'unanswered') return { kind: 'unanswered', cause: reply.cause }",
    to: "if (reply.kind === 'unanswered') return ADMITTED",
  },
  {
    name: 'a conflict on the record is not read again',
    scenario: 'trigger and pause',
    file: 'src/run/task/admission.ts',
    from: "if (written === 'conflict') continue",
    to: '',
  },
  {
    name: 'a run writes the record without its condition',
    scenario: 'trigger and pause',
    file: 'src/run/task/task-record.ts',
    from: "return store.writeEntry({ task, kind: '#task' }, entry, version, call)",
    to: "return store.readEntry({ task, kind: '#task' }, call).then((e) => store.writeEntry({ task, kind: '#task' }, { ...entry, version: (e?.version ?? 0) + 1 }, e?.version ?? 'absent', call))",
  },
  {
    name: 'a run that waited for another slot does not read the record again',
    file: 'src/run/enter.ts',
    from: "const mustAskAgain = hasWaited && entered.kind === 'begun'",
    to: 'const mustAskAgain = false && hasWaited',
  },
  {
    name: 'a pause begins on the clock of the host, without the skew',
    file: 'src/core/task/suspensions.ts',
    from: 'pause.from <= now + skewMs',
    to: 'pause.from <= now',
  },
  {
    name: 'a pause from now on does not hold for older slots',
    scenario: 'trigger and pause',
    file: 'src/core/task/suspensions.ts',
    from: 'covers(pause, slot) || (',
    to: 'covers(pause, slot) || (false && ',
  },
  {
    name: 'a revival loses the pauses',
    file: 'src/core/task/task-changes.ts',
    from: 'expectations: expectations ?? record.expectations,\n    retirements,',
    to: 'expectations: expectations ?? record.expectations,\n    pauses: retired === null ? record.pauses : [],\n    retirements,',
  },
  {
    name: 'a run of an older slot writes over expectations',
    file: 'src/core/task/task-changes.ts',
    from: '(before !== null && before.since >= slot)',
    to: '(before !== null && before.since > slot + 86_400_000)',
  },
  {
    name: 'a run of an older slot writes over the container of a newer one',
    file: 'src/core/task/task-changes.ts',
    from: 'if (record.ecsSince !== null && record.ecsSince >= slot) return null',
    to: '',
  },
  {
    name: 'a run that ECS does not answer states that it is not on ECS',
    file: 'src/run/enter.ts',
    from: 'ecs: knownEcs }',
    to: "ecs: knownEcs === 'unknown' ? null : knownEcs }",
  },
  {
    name: 'a run of an older slot revives a retired task',
    file: 'src/core/task/suspensions.ts',
    from: 'one.until === null && covers(one, slot)',
    to: 'one.until === null',
  },
  {
    name: 'a force ends a retirement',
    file: 'src/run/task/admission.ts',
    from: "if (trigger.kind === 'forced') return ADMITTED",
    to: "if (trigger.kind === 'forced') { const options = { signal: halt }; const { record, version } = await readRecord(task, io.store, options); const changed = isNewerRecord(record) ? null : withRun(record, stated, { at: 0, by: 'cronledger', reason: 'forced' }); if (changed !== null && retirementAt(record, stated.slot) !== null) await writeChange(task, { ...record, retirements: changed.retirements }, version, settings, io); return ADMITTED }",
  },
  {
    name: 'a catch-up starts a slot that has a row',
    file: 'src/core/row/decide.ts',
    from: "return isLeft && !tooLate ? { kind: 'start', base: found } : { kind: 'taken', row: found }",
    to: "return isNewerSchema(found) ? { kind: 'taken', row: found } : { kind: 'start', base: found }",
  },
  {
    name: 'a catch-up takes each slot without a success for missed',
    file: 'src/core/row/decide.ts',
    from: "return isLeft && !tooLate ? { kind: 'start', base: found } : { kind: 'taken', row: found }",
    to: "return isNewerSchema(found) || found.state === 'COMPLETED' || isRunning(found, facts.now, policy.skewMs) ? { kind: 'taken', row: found } : { kind: 'start', base: found }",
  },
  {
    name: 'a catch-up starts a paused slot',
    file: 'src/run/task/admission.ts',
    from: 'if (pause !== null) return',
    to: "if (pause !== null && !('source' in trigger && trigger.source === 'catch-up')) return",
  },
  {
    name: 'a catch-up reads the record only once',
    file: 'src/run/task/catch-up.ts',
    from: 'const record = await readUsable(request, settings, io)',
    to: 'const record = first',
  },
  {
    name: 'a catch-up goes on although the slot of its run is paused',
    file: 'src/run/task/catch-up.ts',
    from: 'return pauseFor(read.record, slot, io.clock.now(), settings.skewMs) === null ? read.record : null',
    to: 'return read.record',
  },
  {
    name: 'a catch-up starts slots of a retirement',
    file: 'src/core/task/suspensions.ts',
    from: '|| record.retirements.some((one) => covers(one, slot))',
    to: '',
  },
  {
    name: 'a catch-up ignores the grace',
    file: 'src/run/task/catch-up.ts',
    from: 'graceMs: settings.graceMs ?? USUAL_GRACE_MS',
    to: 'graceMs: 0',
  },
  {
    name: 'a catch-up runs the newest slot first',
    file: 'src/run/task/catch-up.ts',
    from: 'return { slots: slots.reverse(), left }',
    to: 'return { slots, left }',
  },
]
