import type { AttemptRecord, Row } from '../../src/core/types.ts'
import type { Settings } from '../../src/run/settings.ts'
import type { Answer, Host, Work } from './host.ts'
import { PAST_RUN, type Stored } from './ledger.ts'
import { checkRange, hasWorkOf, isDone, knownRows, type Observed, type Running, type Say } from './ranges.ts'
import { DAY_MS, isTrigger, START_MS } from './scenario.ts'

// The promises, in the form that an outside observer can check. The observer knows the true time, the starts and ends
// of work, the rows in the ledger and the answer of each process. This file shares no code with the rules. Each check
// must depend only on the present state, otherwise the explorer could not give up a schedule that meets a known state.

/** A supervisor that wakes waits for the ledger for at most this long, and then stops its work. */
const RENEWAL_AFTER_PAUSE_MS = 5_000

const isOpen = ({ outcome }: AttemptRecord) => outcome === undefined
const hasSuccess = (row: Row) => row.attempts.some(({ outcome }) => outcome === 'succeeded')

export function checkStart(host: Host, work: Work, observed: Observed, say: Say): void {
  const { hosts, slots, settings, nowMs, record } = observed
  const name = host.plan.name
  const row = slots.get(host.slot)?.row
  const entry = row?.attempts.find(({ number, runId }) => number === work.number && runId === name)
  // Called ended between its claim and the answer to that, it does not know it yet.
  const isCalledEnded = calledEndedAt(host, hosts, slots) !== null
  if (entry?.phase !== 'running' && !isCalledEnded) {
    say('every start is on record', `${name} started attempt ${work.number}, and the row says ${JSON.stringify(entry)}`)
  }
  if (host.stopped) say('a stop before the start', `${name} started after its stop`)
  if (host.plan.does === 'run' && host.works.length === 1) {
    if (!host.knows.isRead) say('nothing starts without the record', `${name} could not read it`)
    if (host.knows.isPaused) say('nothing starts in a pause', `${name} asked after the pause was applied`)
    // It waited for the lock of the other one, and has it only after that one ended.
    const [pause] = host.plan.asks && settings.sinceLastSuccess ? record().pauses : []
    const hasWaited = hosts.some((other) =>
      other.works.some(({ endMs }) => pause && endMs !== null && endMs > pause.at),
    )
    if (hasWaited) say('nothing starts in a pause', `${name} got the lock after the pause`)
  }
  if (settings.after !== null && slots.has(host.slot - DAY_MS) && host.before !== 'COMPLETED') {
    say('a run waits for the slots before it', `${name} started, and the slot before was ${host.before}`)
  }
  if (row !== undefined && host.plan.does === 'force' && !isCalledEnded) {
    const isDone = hasSuccess(row) || row.resolutions.some(({ state }) => state === 'COMPLETED')
    if (isDone && !host.plan.only?.includes('completed')) {
      say('completed work is not done again', `${name} started, and its force does not name completed`)
    }
  }
  checkRange(host, work, observed, say)
  if (row !== undefined && host.plan.does === 'run' && !isCalledEnded) {
    const resolved = row.resolutions.find(({ state }) => state !== 'FAILED')
    if (hasSuccess(row) || resolved !== undefined) say('nothing after completion', `${name} started after that`)
  }
  const earlier = hosts
    .filter(({ slot }) => slot === host.slot)
    .flatMap(({ works }) => works.filter((other) => other !== work).map(({ number }) => number))
  const highest = Math.max(0, ...earlier)
  if (work.number <= highest) say('attempt numbers grow', `${name} started ${work.number} after ${highest}`)
  if (host.plan.does === 'run' && earlier.length >= settings.maxAttempts) {
    say('attempts are limited', `${name} started attempt ${earlier.length + 1} of ${settings.maxAttempts}`)
  }
  for (const other of hosts) {
    const running = other.works.find(({ endMs }) => endMs === null)
    if (other === host || running === undefined || !isBeside({ host, work }, { host: other, work: running }, settings))
      continue
    if (isAbsent(other, settings, nowMs())) continue
    if (maySurvive(other, observed) || ridesOut(other, host, work, settings)) continue
    say('one at a time', `${name} started while ${other.plan.name} ran`)
  }
}

export function checkState(observed: Observed, say: Say): void {
  const { hosts, slots, settings, nowMs } = observed
  const running = hosts.flatMap((host) => host.works.flatMap((work) => (work.endMs === null ? [{ host, work }] : [])))
  for (const first of running) {
    const { host } = first
    const trustedMs = settings.leaseMs - settings.skewMs
    const isHealthy = host.life === 'alive' && !host.paused && host.wokeMs === null
    if (isHealthy && settings.onLeaseLost === 'stop' && nowMs() > (host.leaseFromMs ?? 0) + trustedMs) {
      say(
        'stopped in time',
        `${host.plan.name} runs ${nowMs() - (host.leaseFromMs ?? 0)} ms after its last sign of life`,
      )
    }
    const isTaken = hosts.some(
      (other) =>
        other.slot > host.slot &&
        other.works.some((work) => work.startMs > first.work.startMs && hasWorkOf(host.slot, { host: other, work })),
    )
    const isAway = host.life !== 'alive' || isAbsent(host, settings, nowMs())
    if (settings.sinceLastSuccess && !host.plan.isPlain && isTaken && !isAway)
      say('a run whose work another one took stops', `${host.plan.name} still runs`)
    const endedAt = calledEndedAt(host, hosts, slots)
    if (isHealthy && endedAt !== null && !maySurvive(host, observed)) {
      say('a run that is called ended stops', `${host.plan.name} runs ${nowMs() - endedAt} ms after that`)
    }
    for (const second of running) {
      if (first === second || first.work.startMs > second.work.startMs) continue
      if (!isBeside(first, second, settings)) continue
      if (isAbsent(first.host, settings, nowMs()) || isAbsent(second.host, settings, nowMs())) continue
      if (maySurvive(first.host, observed) || maySurvive(second.host, observed)) continue
      if (ridesOut(first.host, second.host, second.work, settings)) continue
      say('one at a time', `${first.host.plan.name} and ${second.host.plan.name} run at the same time`)
    }
  }
  for (const { rejectionCount, rejectedRuns } of slots.values()) {
    const runs = new Set(rejectedRuns).size
    if (rejectionCount !== runs) say('counted once', `${rejectionCount} rejections of ${runs} runs`)
  }
}

export function checkWrite(
  host: Host,
  { before, row, sentMs }: { readonly before: Row | undefined; readonly row: Row; readonly sentMs: number },
  observed: Observed,
  say: Say,
): void {
  const { hosts, settings } = observed
  const name = host.plan.name
  if (host.answer?.certain)
    say('nothing lands later', `a write of ${name} landed after it answered ${host.answer.status}`)
  if (row.version !== (before?.version ?? 0) + 1)
    say('every write is fenced', `version ${before?.version}, then ${row.version}`)
  if (row.attempts.some(({ number }, at) => number <= (row.attempts[at - 1]?.number ?? 0))) {
    say('attempt numbers grow', `the row has ${row.attempts.map(({ number }) => number)}`)
  }
  const ends = (number: number, runId: string) =>
    hosts.find(({ plan }) => plan.name === runId)?.works.find((work) => work.number === number)
  for (const { number, runId, outcome } of row.attempts) {
    if (outcome === 'succeeded' && runId !== PAST_RUN && !ends(number, runId)?.succeeded) {
      say('no success is invented', `attempt ${number} of ${runId} is on record as succeeded`)
    }
    if (outcome === 'notStarted' && ends(number, runId) !== undefined) {
      say('every start is on record', `attempt ${number} of ${runId} is on record as not started`)
    }
  }
  if (settings.after !== null && row.state === 'SKIPPED') say('a blocked slot stays open', `${name} skipped it`)
  const said = row.resolutions.some(({ state }) => state === 'COMPLETED')
  if (row.state === 'COMPLETED' && !hasSuccess(row) && !said) say('no success is invented', 'the row says COMPLETED')
  for (const other of hosts.filter(({ slot }) => slot === row.slot)) {
    for (const { number } of other.works) {
      const kept = row.attempts.some((attempt) => attempt.number === number && attempt.runId === other.plan.name)
      if (!kept) say('nothing is lost', `attempt ${number} of ${other.plan.name} is gone`)
    }
  }
  if (before === undefined) return
  for (const attempt of before.attempts) {
    const after = row.attempts.find(({ number, runId }) => number === attempt.number && runId === attempt.runId)
    const isFinal = attempt.outcome !== undefined && attempt.outcome !== 'abandoned' && attempt.outcome !== 'notStarted'
    if (isFinal && after?.outcome !== attempt.outcome) {
      say('nothing is lost', `attempt ${attempt.number} was ${attempt.outcome}, and is ${after?.outcome}`)
    }
  }
  if (row.resolutions.length < before.resolutions.length) say('nothing is lost', 'a resolution is gone')
  const added = row.resolutions.length > before.resolutions.length
  if (host.plan.names !== undefined && added && latestOf(before)?.runId !== host.plan.names) {
    say('a resolution ends the run that it names', `${name} ended ${latestOf(before)?.runId}`)
  }
  const resolved = before.resolutions.at(-1)
  const isNew = added || row.attempts.length > before.attempts.length
  if (resolved?.afterAttempt === before.attempts.at(-1)?.number && row.state !== before.state && !isNew) {
    say('a resolution stays', `${name} made ${row.state} of ${before.state}`)
  }
  if (before.state === 'PENDING' && before.ownerRunId !== name) checkTakeover(host, before, row, sentMs, settings, say)
}

function checkTakeover({ plan }: Host, before: Row, row: Row, sentMs: number, settings: Settings, say: Say): void {
  const claims = row.attempts.some((attempt) => attempt.runId === plan.name && isOpen(attempt))
  const resolves = row.resolutions.length > before.resolutions.length
  const isKept =
    row.state === 'PENDING' && row.ownerRunId === before.ownerRunId && row.attempts.filter(isOpen).length === 1
  if (isKept && !claims && !resolves) return
  if (resolves && plan.names === before.attempts.at(-1)?.runId) return
  const decidedMs = claims ? row.attempts.at(-1)?.startedAt : resolves ? row.resolutions.at(-1)?.at : undefined
  if ((decidedMs ?? sentMs + (plan.offsetMs ?? 0)) <= (before.leaseUntil ?? 0) + settings.skewMs) {
    say('a lease is trusted with the skew', `${plan.name} took over from ${before.ownerRunId} too early`)
  }
  if (!claims && !resolves) {
    say('undisturbed', `the withdrawal of ${plan.name} ends the attempt of ${before.ownerRunId}`)
  }
}

export function checkAnswer(host: Host, answer: Answer, { slots, record }: Observed, say: Say): void {
  const name = host.plan.name
  const row = slots.get(host.slot)?.row
  const rejectedRuns = slots.get(host.slot)?.rejectedRuns
  const { status, cause, outcome, attempt, recorded, noted } = answer
  const says = (text: string) => say('the answer is true', `${name} answered ${status}, and ${text}`)
  const own = row?.attempts.filter(({ runId }) => runId === name) ?? []
  const last = host.works.at(-1)
  if (status === 'completed') {
    if (!last?.succeeded) says('its work did not succeed')
    const successes = own.filter((one) => one.outcome === 'succeeded')
    if (successes.length !== 1 || successes[0]?.number !== attempt) says(`the row has ${successes.length} successes`)
  }
  if (status === 'failed' && recorded && attempt !== null) {
    if (!own.some((one) => one.number === attempt && one.outcome === outcome)) says(`its ${outcome} is not in the row`)
  }
  if (status === 'duplicate' && cause === 'completed') {
    if (!knownRows(host, slots).some((known) => isDone(known, host.slot))) says('the work of its slot is not done')
  }
  if (status === 'refused' && (cause === 'failed' || cause === 'stale')) {
    // What a run of another slot did is no reason to refuse it. A claim that was stale may have been withdrawn since.
    const others = row?.attempts.filter((one) => !own.includes(one)) ?? []
    if (!others.some((one) => cause === 'stale' || one.outcome !== 'notStarted')) says('nothing of it has started')
  }
  const rejected = status === 'duplicate' || status === 'refused'
  const nothing =
    rejected || status === 'skipped' || status === 'paused' || status === 'unreachable' || status === 'denied'
  if (nothing && host.works.length > 0) says('its work ran')
  if (noted && rejectedRuns?.filter((runId) => runId === name).length !== 1) says('is not noted once')
  if (answer.certain && status !== 'completed' && own.some(isOpen)) says('its claim is in the row')
  if (status === 'skipped' && recorded && !row?.resolutions.some(({ state }) => state === 'SKIPPED')) {
    says('nothing on record says so')
  }
  if (status === 'paused') {
    if (record().pauses.length === 0) says('there is no pause')
    const isSkipped = row?.resolutions.some(({ state, reason }) => state === 'SKIPPED' && reason.startsWith('paused: '))
    if (recorded && !isSkipped) says('its slot does not say so')
  }
  if (status === 'pauseSet' && record().pauses.filter(({ reason }) => reason === name).length !== 1) {
    says('its pause is not on record once')
  }
  if (status === 'resolved' && row?.resolutions.filter(({ reason }) => reason === name).length !== 1) {
    says('its resolution is not in the row once')
  }
}

export function checkEnd({ hosts, slots, settings, record }: Observed, say: Say): void {
  // A slot that comes after another one may be blocked.
  const mayStart = ({ slot }: Host) => settings.after === null || slot === START_MS
  const triggers = hosts.filter((host) => host.life !== 'idle' && isTrigger(host.plan) && mayStart(host))
  const resolved = hosts.some(({ life, plan }) => life !== 'idle' && plan.does === 'resolve')
  const isRejected = ({ answer }: Host) => answer?.status === 'duplicate' || answer?.status === 'refused'
  const mayRun = triggers.some(({ plan }) => plan.only === undefined)
  // A slot that ran before has done the work of the triggers, or still runs.
  const isOfPast = ({ attempts, state }: Row) =>
    attempts.some(
      ({ runId, since, outcome }) =>
        runId === PAST_RUN && ((since !== undefined && outcome === 'succeeded') || state === 'PENDING'),
    )
  const isPart = triggers.some((host) => knownRows(host, slots).some((row) => row.slot <= START_MS && isOfPast(row)))
  if (mayRun && !resolved && !isPart && triggers.every(isRejected)) say('the run happens', 'every trigger was rejected')
  for (const { answer, plan, slot, removed } of hosts) {
    if (removed.some((gone) => gone.row.slot === slot)) continue
    const { row, rejectedRuns } = slots.get(slot) ?? {}
    if (answer?.noted && rejectedRuns?.filter((runId) => runId === plan.name).length !== 1) {
      say('nothing is lost', `the rejection of ${plan.name} is not in the row once`)
    }
    if (answer?.status === 'resolved' && !row?.resolutions.some(({ reason }) => reason === plan.name)) {
      say('nothing is lost', `the resolution of ${plan.name} is gone`)
    }
    if (answer?.status === 'pauseSet' && !record().pauses.some(({ reason }) => reason === plan.name)) {
      say('nothing is lost', `the pause of ${plan.name} is gone`)
    }
  }
}

function isBeside(first: Running, second: Running, { overlap, sinceLastSuccess }: Settings): boolean {
  const isApart = first.host.plan.isPlain || second.host.plan.isPlain || overlap === 'allow'
  if (!isApart || first.host.slot === second.host.slot) return true
  // Only such runs do the work of other slots.
  return sinceLastSuccess && (hasWorkOf(first.host.slot, second) || hasWorkOf(second.host.slot, first))
}

/** The promises do not cover a supervisor that crashed, is paused, or woke and had no time to stop its work. */
function isAbsent({ life, paused, wokeMs }: Host, { killAfterMs }: Settings, nowMs: number): boolean {
  return life === 'crashed' || paused || (wokeMs !== null && nowMs <= wokeMs + RENEWAL_AFTER_PAUSE_MS + killAfterMs)
}

function latestOf(row: Row): AttemptRecord | undefined {
  return row.attempts.findLast(({ outcome }) => outcome !== 'notStarted') ?? row.attempts.at(-1)
}

/** Returns when an operator called the run of this host ended while its attempt was open, or its row was removed; otherwise null. */
function calledEndedAt(
  { plan, slot, removed }: Host,
  hosts: readonly Host[],
  slots: ReadonlyMap<number, Stored>,
): number | null {
  const row = slots.get(slot)?.row
  const own = row?.attempts.find(({ runId, outcome }) => runId === plan.name && outcome === 'abandoned')
  const names = (reason: string) => hosts.some(({ plan: { name, names } }) => name === reason && names === plan.name)
  const word = row?.resolutions.find(
    ({ reason, afterAttempt }) => names(reason) && own !== undefined && afterAttempt >= own.number,
  )
  const gone = removed.find((one) => one.row.slot === slot && one.row.ownerRunId === plan.name)
  return gone?.atMs ?? word?.at ?? null
}

/** A run that was wrongly called ended hears of that with a renewal, or with the next one, and then stops its work. */
function maySurvive(host: Host, { hosts, slots, settings, nowMs }: Observed): boolean {
  const endedAt = calledEndedAt(host, hosts, slots)
  return endedAt !== null && nowMs() <= endedAt + 2 * settings.heartbeatMs + settings.killAfterMs
}

/** With one attempt, scheduled work goes on through an outage, and an operator may then force the slot. */
function ridesOut(first: Host, second: Host, { startMs }: Work, { onLeaseLost, leaseMs }: Settings): boolean {
  const mayRideOut = onLeaseLost === 'continue' && first.plan.does !== 'force'
  return mayRideOut && second.plan.does === 'force' && startMs > (first.leaseFromMs ?? 0) + leaseMs
}
