import { createHash } from 'node:crypto'
import { isGoingOn } from '../../../audit/rerunnable.ts'
import { elapsed } from '../../../core/duration.ts'
import { firstLine, LedgerError } from '../../../core/errors.ts'
import { EXIT } from '../../../core/exit.ts'
import { formatInstant } from '../../../core/instant.ts'
import { hasSucceeded } from '../../../core/row/attempts.ts'
import type { AttemptRecord } from '../../../core/types.ts'
import { exitCodeOfSignal } from '../../../exit-code.ts'
import { type PlannedSlot, placeVariables, type RepairPlan } from '../../../format/rerun/plan.ts'
import type { Clock } from '../../../process/clock.ts'
import type { Ask, Look } from '../../../verdict/command.ts'
import type { JudgedSlot } from '../../../verdict/judge.ts'
import { type CommandPlace, commandsOf } from '../../../verdict/place/places.ts'
import { PLAN_VARIABLE } from '../../runner.ts'

/** How the run of a slot ended. `unknown`: neither the ledger nor the place says it. */
export type SlotEnd =
  | { readonly kind: 'done'; readonly byOthers: boolean }
  | { readonly kind: 'failed'; readonly exitCode: number; readonly why: string }
  | { readonly kind: 'left'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string }

export interface SlotIo {
  readonly plan: Pick<RepairPlan, 'id' | 'store' | 'only'>
  readonly clock: Clock
  readonly ask: Ask
  read(one: PlannedSlot): Promise<JudgedSlot>
  startHere(one: PlannedSlot): Promise<number>
  say(one: PlannedSlot, text: string): void
  /** Nothing is to start any more. */
  readonly stop: AbortSignal
}

/** The time between two looks begins and ends with these. */
const FIRST_POLL_MS = 500
const LAST_POLL_MS = 10_000
/** A run that does not begin, and a ledger or a place that does not answer, is said after this long. */
const SAID_AFTER_MS = 60_000
/** After this long without an answer about a slot, its end is not known. */
const PATIENCE_MS = 10 * 60_000
/** How often a start is tried, and how long after the one before. */
const TRIES = 10
const FIRST_DELAY_MS = 5_000
const LAST_DELAY_MS = 60_000

/** Runs a slot of a plan, unless it is done by then, or runs: then that end counts. */
export async function runSlot(step: PlannedSlot, io: SlotIo): Promise<SlotEnd> {
  const one = await readEnded(step, io)
  if (one === null) return { kind: 'unknown', why: 'the ledger does not answer, so nothing was started' }
  const last = one.own?.attempts.at(-1)
  // The operator does not know of an attempt that began, or ended, after the plan was made.
  const ofOthers = last !== undefined && (isGoingOn(step) || last.number > lastNumber(step))
  const isWanted = one.range === null ? step.why === 'named' : io.plan.only.includes(one.range)
  if (one.work === 'done' || one.status === 'skipped') {
    if (!isWanted) return endOfDone(step, one)
    if (ofOthers && hasSucceeded(last)) return { kind: 'done', byOthers: true }
  } else if (ofOthers && one.status === 'failed') return failedBy(last, ' in another run')
  else if (!isWanted || step.why === 'running') return { kind: 'left', why: `it is ${one.status ?? 'not due'} now` }
  if (io.stop.aborted) return { kind: 'left', why: 'stopped' }
  const started = step.place === null ? startHere(step, io) : await startThere(step, step.place, io)
  return 'look' in started ? follow(step, started, one, io) : started
}

/** The operator who named a slot must hear that it was done before. In a range, that is a success. */
function endOfDone({ why }: PlannedSlot, { status }: JudgedSlot): SlotEnd {
  if (why !== 'named') return { kind: 'done', byOthers: true }
  return {
    kind: 'failed',
    exitCode: EXIT.refused,
    why: `refused: it is ${status}. To run it all the same, add --status ${status}`,
  }
}

interface Started {
  readonly name: string
  /** Resolves to how it goes on: here, when it has ended. */
  look(): Promise<Look>
  isOwn(attempt: AttemptRecord): boolean
}

function startHere(step: PlannedSlot, io: SlotIo): Started {
  const ended = io.startHere(step).then(
    (exitCode) => ({ exitCode, why: '' }),
    (error: unknown) => ({ exitCode: EXIT.bug, why: firstLine(error) }),
  )
  return {
    name: 'its command',
    look: async () => ({ kind: 'ended', ...(await ended) }),
    isOwn: (attempt) => isOfPlan(attempt, io),
  }
}

/** Returns how the run ended. The ledger says it. Where its row is silent, the place, or the exit code of the command here. */
async function follow(step: PlannedSlot, started: Started, before: JudgedSlot, io: SlotIo): Promise<SlotEnd> {
  const isHere = step.place === null
  const { name } = started
  const wait = pollerOf(io)
  const seen = lastNumber(before)
  const began = io.clock.monotonicMs()
  const said = new Set<string>()
  const sayOnce = (what: string, text: string) => {
    if (!said.has(what)) io.say(step, text)
    said.add(what)
  }
  let answeredAt: number | null = null
  for (;;) {
    if (!isHere || answeredAt !== null) await wait()
    const look = await started.look()
    // The row is read after the place: what ended there has recorded its end by then.
    const found = await io.read(step).catch(textOfLedgerError)
    const one = typeof found === 'string' ? null : found
    const now = io.clock.monotonicMs()
    answeredAt ??= now
    const exitCode = look.kind === 'ended' ? look.exitCode : null
    const fresh = one?.own?.attempts.filter(({ number }) => number > seen) ?? []
    const own = fresh.findLast(started.isOwn)
    if (isHere && exitCode === EXIT.unrecorded) return unrecorded
    if (isHere && exitCode === EXIT.ok) return { kind: 'done', byOthers: one !== null && own === undefined }
    const hasEnded = look.kind === 'ended' || look.kind === 'gone'
    if (one !== null && isGoingOn(one)) {
      answeredAt = now
      // The process here may have left its batch behind. A container that has ended has no process left.
      if (isHere) sayOnce('runs', `exit code ${exitCode}, and it runs: waiting for its end`)
      else if (look.kind === 'ended' && own !== undefined && own === fresh.at(-1)) return endOfPlace(look, name)
    } else if (one !== null) {
      const decided = own ?? (hasEnded ? fresh.at(-1) : undefined)
      if (one.status === 'completed' || one.status === 'skipped' || (decided && hasSucceeded(decided))) {
        if (fresh.length > 0 || (hasEnded && before.work !== 'done'))
          return { kind: 'done', byOthers: own === undefined }
      } else if (decided !== undefined)
        return own === undefined ? failedBy(decided, ' in another run') : failedBy(decided, '', exitCode)
      if (look.kind === 'ended')
        return isHere && look.why === ''
          ? { kind: 'failed', exitCode: look.exitCode ?? EXIT.failed, why: `exit code ${exitCode}` }
          : endOfPlace(look, name)
      if (look.kind === 'gone') return { kind: 'unknown', why: `${name} is gone, and the ledger has no attempt of it` }
    }
    if (look.kind === 'pending' || look.kind === 'running') answeredAt = now
    if (look.kind === 'pending' && now - began >= SAID_AFTER_MS)
      sayOnce('pending', `${name} has not begun after ${elapsed(now - began)}: ${look.why}`)
    const silence = typeof found === 'string' ? `: ${found}` : look.kind === 'unanswered' ? `: ${look.why}.` : '.'
    if (now - answeredAt >= SAID_AFTER_MS) sayOnce('silence', `no answer about ${name}${silence} Asking again`)
    if (now - answeredAt >= PATIENCE_MS)
      return { kind: 'unknown', why: `no answer about ${name} for ${elapsed(PATIENCE_MS)}` }
  }
}

const unrecorded: SlotEnd = {
  kind: 'failed',
  exitCode: EXIT.unrecorded,
  why: 'it succeeded, and that is not recorded',
}

/** Starts the run on its place. What is throttled, or finds no capacity, is tried again. */
async function startThere(step: PlannedSlot, place: CommandPlace, io: SlotIo): Promise<Started | SlotEnd> {
  const { begin, look, isOwn } = commandsOf(place)
  const variables = { ...placeVariables(step, io.plan), [PLAN_VARIABLE]: io.plan.id }
  let [tokens, mayRun, why] = [0, false, '']
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const token = createHash('sha256').update(`${io.plan.id} ${step.task} ${step.slot} ${tokens}`).digest('hex')
    const begun = await begin(io.ask, place, variables, token)
    if (begun.kind === 'started') {
      const { name } = begun
      io.say(step, `started ${name}`)
      return {
        name,
        look: () => look(io.ask, place, name),
        isOwn: (attempt) => isOwn(attempt, name) || isOfPlan(attempt, io),
      }
    }
    why = begun.why
    if (begun.kind === 'refused') return { kind: 'failed', exitCode: EXIT.failed, why: `not started: ${why}` }
    mayRun ||= !begun.isNew
    if (begun.isNew) tokens += 1
    if (io.stop.aborted && !mayRun) return { kind: 'left', why: `not started: ${why}` }
    if (tries === 1) io.say(step, `not started: ${why}. Trying again`)
    await io.clock.wait(Math.min(FIRST_DELAY_MS * 2 ** (tries - 1), LAST_DELAY_MS))
  }
  if (mayRun) return { kind: 'unknown', why: `it is not known whether it was started: ${why}` }
  return { kind: 'failed', exitCode: EXIT.failed, why: `not started, after ${TRIES} tries: ${why}` }
}

/** Reads the slot, and waits for a ledger that is away, and for the end of a run that has it. Null: the ledger was away for too long. */
async function readEnded(step: PlannedSlot, io: SlotIo): Promise<JudgedSlot | null> {
  const wait = pollerOf(io)
  const said = new Set<string>()
  let answeredAt = io.clock.monotonicMs()
  for (;;) {
    const one = await io.read(step).catch(textOfLedgerError)
    const text = typeof one === 'string' ? `${one} Asking again` : 'runs already: waiting for its end'
    if (typeof one !== 'string') {
      if (!isGoingOn(one)) return one
      answeredAt = io.clock.monotonicMs()
    } else if (io.clock.monotonicMs() - answeredAt >= PATIENCE_MS) return null
    if (!said.has(text)) io.say(step, text)
    said.add(text)
    await wait()
  }
}

function pollerOf({ clock }: SlotIo): () => Promise<void> {
  let ms = FIRST_POLL_MS
  return async () => {
    await clock.wait(ms)
    ms = Math.min(ms * 1.5, LAST_POLL_MS)
  }
}

function lastNumber({ own }: JudgedSlot): number {
  return own?.attempts.at(-1)?.number ?? 0
}

function isOfPlan({ trigger }: AttemptRecord, { plan }: SlotIo): boolean {
  return trigger.kind === 'forced' && trigger.plan === plan.id
}

function textOfLedgerError(error: unknown): string {
  if (error instanceof LedgerError) return firstLine(error)
  throw error
}

/** `known`: the exit code of its process. */
function failedBy(attempt: AttemptRecord, where: string, known: number | null = null): SlotEnd {
  const { exitCode = known ?? undefined, signal, endedAt, outcome } = attempt.phase === 'ended' ? attempt : {}
  const code = known ?? exitCode ?? (signal === undefined ? 1 : exitCodeOfSignal(signal))
  const how = exitCode === undefined ? (outcome ?? 'no end is recorded') : `exit code ${code}`
  const at = where === '' || endedAt === undefined ? '' : ` at ${formatInstant(endedAt)}`
  return { kind: 'failed', exitCode: code || EXIT.failed, why: `${how}${where}${at}` }
}

/** The container has ended, and its row does not say so. */
function endOfPlace({ exitCode, why }: Extract<Look, { kind: 'ended' }>, name: string): SlotEnd {
  const how = exitCode === null ? 'ended without an exit code' : `ended with exit code ${exitCode}`
  return { kind: 'failed', exitCode: exitCode || EXIT.failed, why: `${name} ${how} and recorded no end: ${why}` }
}
