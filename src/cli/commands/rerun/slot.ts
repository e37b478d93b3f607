import { createHash } from 'node:crypto'
import { isGoingOn } from '../../../audit/rerunnable.ts'
import { elapsed } from '../../../core/duration.ts'
import { firstLine, LedgerError } from '../../../core/errors.ts'
import { EXIT } from '../../../core/exit.ts'
import { formatInstant } from '../../../core/instant.ts'
import { hasSucceeded } from '../../../core/row/attempts.ts'
import type { Rerunnable } from '../../../core/row/policy.ts'
import type { AttemptRecord } from '../../../core/types.ts'
import { exitCodeOfSignal } from '../../../exit-code.ts'
import type { PlannedStep } from '../../../format/rerun/plan.ts'
import type { Clock } from '../../../process/clock.ts'
import type { Ask } from '../../../verdict/command.ts'
import type { JudgedSlot } from '../../../verdict/judge.ts'
import { type CommandPlace, commandsOf } from '../../../verdict/place/places.ts'

/** How the run of a slot ended. `unknown`: neither the ledger nor the place says it. */
export type SlotEnd =
  | { readonly kind: 'done'; readonly byOthers: boolean }
  | { readonly kind: 'failed'; readonly exitCode: number; readonly why: string }
  | { readonly kind: 'left'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string }

export interface SlotIo {
  readonly clock: Clock
  readonly ask: Ask
  /** Reads the slot as it is now. */
  read(step: PlannedStep): Promise<JudgedSlot>
  /** Runs the command here. Resolves to its exit code. */
  startHere(step: PlannedStep): Promise<number>
  say(step: PlannedStep, text: string): void
  /** No two plans have the same. */
  readonly planId: string
  readonly only: readonly Rerunnable[]
  readonly by: string
  readonly reason: string | undefined
  /** Nothing is to start any more. */
  readonly stop: AbortSignal
  /** Nobody waits any more: each wait ends. */
  readonly leave: AbortSignal
}

/** The time between two looks begins and ends with these. */
const [FIRST_POLL_MS, LAST_POLL_MS] = [500, 10_000]
/** A run that does not begin, and a ledger or a place that does not answer, is said after this long. */
const SAID_AFTER_MS = 60_000
/** If nobody has said for this long how a slot goes on, its end is not known. */
const PATIENCE_MS = 10 * 60_000
/** How often a start is tried, and how long after the one before. */
const [TRIES, FIRST_DELAY_MS, LAST_DELAY_MS] = [10, 5_000, 60_000]

/** Runs the slot of a step, unless it is done by then, or runs: then that end counts. */
export async function runSlot(step: PlannedStep, io: SlotIo): Promise<SlotEnd> {
  const wait = pollerOf(io)
  let one = await readPatiently(step, io)
  let isSaid = false
  while (one !== null && isGoingOn(one)) {
    if (!isSaid) io.say(step, 'runs already: waiting for its end')
    isSaid = true
    await wait()
    one = await readPatiently(step, io)
  }
  if (one === null) return { kind: 'unknown', why: 'the ledger does not answer, so nothing was started' }
  const last = one.own?.attempts.at(-1)
  // The operator does not know of an attempt that began after the plan was made.
  const ofOthers = last !== undefined && (isSaid || last.number > lastNumber(step.shown))
  const isWanted = one.range === null ? step.why === 'named' : io.only.includes(one.range)
  if (one.work === 'done' || one.status === 'skipped') {
    if (!isWanted) return endOfDone(step, one)
    if (ofOthers && hasSucceeded(last)) return { kind: 'done', byOthers: true }
  } else if (ofOthers && one.status === 'failed') return failedBy(last, 'in another run')
  else if (!isWanted || step.why === 'running') return { kind: 'left', why: `it is ${one.status ?? 'not due'} now` }
  if (io.stop.aborted) return { kind: 'left', why: 'stopped' }
  return step.place === null ? runHere(step, one, io) : runThere(step, step.place, one, io)
}

/** The operator who names a slot must know that it is done. In a range, all is well. */
function endOfDone({ why }: PlannedStep, { status }: JudgedSlot): SlotEnd {
  if (why !== 'named') return { kind: 'done', byOthers: true }
  return {
    kind: 'failed',
    exitCode: EXIT.refused,
    why: `refused: it is ${status}. To run it all the same, add --status ${status}`,
  }
}

async function runHere(step: PlannedStep, before: JudgedSlot, io: SlotIo): Promise<SlotEnd> {
  const exitCode = await io.startHere(step)
  if (exitCode === EXIT.unrecorded) return { kind: 'failed', exitCode, why: 'it succeeded, and that is not recorded' }
  let one = await readPatiently(step, io)
  const wait = pollerOf(io)
  const seen = lastNumber(before)
  const isOwn = (attempt: AttemptRecord) => attempt.number > seen && isOfPlan(attempt, io)
  // It was refused because another run has the slot, or it died and its lease still holds.
  let isSaid = false
  while (one !== null && isGoingOn(one) && exitCode !== EXIT.ok) {
    if (!isSaid) io.say(step, `exit code ${exitCode}, and it runs: waiting for its end`)
    isSaid = true
    await wait()
    one = await readPatiently(step, io)
  }
  if (exitCode === EXIT.ok) return { kind: 'done', byOthers: one !== null && !one.own?.attempts.some(isOwn) }
  if (one === null) return { kind: 'unknown', why: `exit code ${exitCode}, and the ledger does not answer` }
  // An attempt of this command that succeeded has exit code 0.
  const last = one.own?.attempts.at(-1)
  const isDoneSince = last !== undefined && last.number > seen && hasSucceeded(last)
  const isDone = before.work !== 'done' && one.work === 'done'
  if (isDoneSince || isDone || one.status === 'skipped') return { kind: 'done', byOthers: true }
  return { kind: 'failed', exitCode, why: `exit code ${exitCode}` }
}

async function runThere(step: PlannedStep, place: CommandPlace, before: JudgedSlot, io: SlotIo): Promise<SlotEnd> {
  const { look, isOwn } = commandsOf(place)
  const seen = lastNumber(before)
  const begun = await begin(step, place, io)
  if (begun.kind !== 'started') return begun
  const { name } = begun
  io.say(step, `started ${name}`)
  const wait = pollerOf(io)
  const began = io.clock.monotonicMs()
  let answeredAt = began
  let saidPending = false
  let saidSilence = false
  for (;;) {
    await wait()
    if (io.leave.aborted) return { kind: 'unknown', why: `${name} goes on` }
    const said = await look(io.ask, place, name)
    // The row is read after the place: what ended there has recorded its end by then.
    const one = await io.read(step).catch(ifLedgerError)
    const now = io.clock.monotonicMs()
    const fresh = one?.own?.attempts.filter(({ number }) => number > seen) ?? []
    const own = fresh.findLast((attempt) => isOwn(attempt, name) || (!hasPlace(attempt) && isOfPlan(attempt, io)))
    const hasEnded = said.kind === 'ended' || said.kind === 'gone'
    if (one !== null && isGoingOn(one)) {
      answeredAt = now
      if (said.kind === 'ended' && own !== undefined && own === fresh.at(-1)) return endOfPlace(said, name)
    } else if (one !== null) {
      const decided = own ?? (hasEnded ? fresh.at(-1) : undefined)
      if (one.status === 'completed' || one.status === 'skipped' || (decided && hasSucceeded(decided))) {
        if (fresh.length > 0 || (hasEnded && before.work !== 'done'))
          return { kind: 'done', byOthers: own === undefined }
      } else if (decided !== undefined) return failedBy(decided, own === undefined ? 'in another run' : '')
      if (said.kind === 'ended') return endOfPlace(said, name)
      if (said.kind === 'gone') return { kind: 'unknown', why: `${name} is gone, and the ledger has no attempt of it` }
    }
    if (said.kind === 'pending' || said.kind === 'running') answeredAt = now
    if (said.kind === 'pending' && !saidPending && now - began >= SAID_AFTER_MS) {
      saidPending = true
      io.say(step, `${name} has not begun after ${elapsed(now - began)}: ${said.why}`)
    }
    if (now - answeredAt >= SAID_AFTER_MS && !saidSilence) {
      saidSilence = true
      io.say(step, `nobody says how ${name} goes on${said.kind === 'unanswered' ? `: ${said.why}` : ''}. Asking again`)
    }
    if (now - answeredAt >= PATIENCE_MS)
      return { kind: 'unknown', why: `nobody said for ${elapsed(PATIENCE_MS)} how ${name} goes on` }
  }
}

/** Starts the run. What is throttled, or finds no capacity, is tried again. */
async function begin(step: PlannedStep, place: CommandPlace, io: SlotIo) {
  let [tokens, mayRun, why] = [0, false, '']
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const token = createHash('sha256').update(`${io.planId} ${step.task} ${step.slot} ${tokens}`).digest('hex')
    const begun = await commandsOf(place).begin(io.ask, place, step.variables, token)
    if (begun.kind === 'started') return begun
    why = begun.why
    if (begun.kind === 'refused') return { kind: 'failed', exitCode: EXIT.failed, why: `not started: ${why}` } as const
    mayRun ||= !begun.isNew
    if (begun.isNew) tokens += 1
    if (io.stop.aborted && !mayRun) return { kind: 'left', why: `not started: ${why}` } as const
    if (tries === 1) io.say(step, `not started: ${why}. Trying again`)
    await io.clock.wait(Math.min(FIRST_DELAY_MS * 2 ** (tries - 1), LAST_DELAY_MS), io.leave)
  }
  if (mayRun) return { kind: 'unknown', why: `it is not known whether it was started: ${why}` } as const
  return { kind: 'failed', exitCode: EXIT.failed, why: `not started, after ${TRIES} tries: ${why}` } as const
}

/** Reads the slot, and waits for a ledger that is away. Null: it was away for too long. */
async function readPatiently(step: PlannedStep, io: SlotIo): Promise<JudgedSlot | null> {
  const wait = pollerOf(io)
  const untilMs = io.clock.monotonicMs() + PATIENCE_MS
  let isSaid = false
  for (;;) {
    try {
      return await io.read(step)
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error
      if (!isSaid) io.say(step, `${firstLine(error)} Asking again`)
      isSaid = true
      if (io.clock.monotonicMs() >= untilMs || io.leave.aborted) return null
    }
    await wait()
  }
}

function ifLedgerError(error: unknown): null {
  if (error instanceof LedgerError) return null
  throw error
}

function pollerOf({ clock, leave }: SlotIo): () => Promise<void> {
  let ms = FIRST_POLL_MS
  return async () => {
    await clock.wait(ms, leave)
    ms = Math.min(ms * 1.5, LAST_POLL_MS)
  }
}

function lastNumber({ own }: JudgedSlot): number {
  return own?.attempts.at(-1)?.number ?? 0
}

function hasPlace({ place, ecsTask }: AttemptRecord): boolean {
  return place !== undefined || ecsTask !== undefined
}

function isOfPlan({ trigger }: AttemptRecord, { by, reason }: SlotIo): boolean {
  return trigger.kind === 'forced' && trigger.by === by && trigger.reason === reason
}

function failedBy(attempt: AttemptRecord, where: string): SlotEnd {
  const { exitCode, signal, endedAt } = attempt.phase === 'ended' ? attempt : {}
  const code = exitCode ?? (signal === undefined ? 1 : exitCodeOfSignal(signal))
  const how = exitCode === undefined ? (attempt.outcome ?? 'no end is recorded') : `exit code ${exitCode}`
  const at = endedAt === undefined ? '' : ` at ${formatInstant(endedAt)}`
  return { kind: 'failed', exitCode: code || EXIT.failed, why: where === '' ? how : `${how} ${where}${at}` }
}

/** The container has ended, and its row does not say so. */
function endOfPlace(
  { exitCode, why }: { readonly exitCode: number | null; readonly why: string },
  name: string,
): SlotEnd {
  const how = exitCode === null ? 'ended without an exit code' : `ended with exit code ${exitCode}`
  return { kind: 'failed', exitCode: exitCode || EXIT.failed, why: `${name} ${how} and recorded no end: ${why}` }
}
