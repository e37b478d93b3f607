import { decidingAttempt, type ResolveDecision } from '../core/row/decide.ts'
import { DEFAULT_RERUNNABLE, MAX_RESOLUTIONS } from '../core/row/policy.ts'
import { readableRow } from '../core/row/status.ts'
import type { Instant, Resolution, Row } from '../core/types.ts'
import { progressText } from '../verdict/endings.ts'
import { stepsOfObjection } from '../verdict/event/event-steps.ts'
import type { JudgedSlot } from '../verdict/judge.ts'
import { openSentence } from '../verdict/sentence.ts'
import { ofRow } from '../verdict/target.ts'
import { namedSlots } from '../verdict/verdict.ts'
import { stepLines } from './command-line.ts'
import { timeNear, zonedTime } from './local-time.ts'
import { printableLines } from './text.ts'
import { sentenceText } from './verdict.ts'

/**
 * Returns the answer to a decision that was recorded. If the answer of the ledger was lost, the row may be newer than it. `others`
 * are the other slots that its run had in its range, the newest first.
 */
export function resolvedText(row: Row, state: Resolution['state'], reason: string, others: readonly JudgedSlot[] = []) {
  const { task, slot, schedule, resolutions } = row
  const line = `${task} ${zonedTime(slot, schedule.zone)}: recorded as ${state.toLowerCase()}: ${reason}`
  const later =
    row.state === 'PENDING'
      ? '  After that, another run started in this slot.'
      : `  After that, someone else recorded the slot as ${row.state.toLowerCase()}.`
  const isLatest = row.state === state && resolutions.at(-1)?.reason === reason
  return printableLines([line, ...(isLatest ? othersLines(row, others) : [later])])
}

/** The decision is about its slot alone. */
function othersLines({ task, slot, schedule, state }: Row, others: readonly JudgedSlot[]): readonly string[] {
  const lineOf = (slots: readonly JudgedSlot[], status: string) => {
    const names = sentenceText(namedSlots(task, slots.map((one) => one.slot).reverse()), slot, schedule.zone)
    return slots.length === 0 ? [] : [`  ${names} ${slots.length === 1 ? 'stays' : 'stay'} ${status}.`]
  }
  const open = DEFAULT_RERUNNABLE.flatMap((status) =>
    lineOf(
      others.filter((one) => one.kind === status),
      status,
    ),
  )
  const done = others.filter(({ later: { covering } }) => covering?.kind === 'done' && covering.by.slot === slot)
  const next = state === 'COMPLETED' && open.length > 0 ? ['  The range of a later run begins after this slot.'] : []
  return [...open, ...next, ...lineOf(done, 'completed, because the run of this slot succeeded once')]
}

type RefusedResolution = Extract<ResolveDecision, { kind: 'refused' }>

interface AskedResolution {
  readonly store: string
  readonly task: string
  readonly slot: Instant
  readonly state: Resolution['state']
  readonly runId?: string | undefined
}

export function unresolvedText(refused: RefusedResolution, asked: AskedResolution): string {
  const { store, task, slot, state } = asked
  const row = readableRow(refused.row)
  const zone = row?.schedule.zone ?? 'UTC'
  const steps = stepsOfObjection(refused.cause, { store, task, slot, ...ofRow(row) }, state === 'COMPLETED')
  const line = `cronledger: ${task} ${zonedTime(slot, zone)}: not changed: ${whyNot(refused, row, asked)}`
  return printableLines([line, ...stepLines(steps)])
}

function whyNot({ cause, survivor }: RefusedResolution, row: Row | null, { state, runId }: AskedResolution): string {
  switch (cause) {
    case 'notDue':
      return `the slot is not due yet, so its batch cannot have ${state.toLowerCase()}. Only --state skipped can be recorded before it is due.`
    case 'running':
      return runningText(row)
    case 'completed':
      return `the slot is already completed${state === 'COMPLETED' ? ', so there is nothing to do' : ''}`
    case 'newerRow':
      return 'a newer version of cronledger wrote the record of this slot. Update cronledger on this host or in this image.'
    case 'tooManyResolutions':
      return `the slot already has ${MAX_RESOLUTIONS} decisions, and it cannot have more`
    case 'otherRun':
      return otherRunText(row, runId)
    case 'survivor':
      return `process ${survivor?.pid} (${survivor?.command}) of run ${runId} still runs on this host. Wait until it ends, or end it. Then try again.`
  }
}

/** A process that is gone cannot report its end, so the slot stays running until the lease ends. */
function runningText(row: Row | null): string {
  if (row?.state !== 'PENDING') return 'the slot is still running'
  const { slot, schedule, leaseUntil, ownerRunId } = row
  const open = sentenceText(openSentence(row), slot, schedule.zone)
  return `${open}. Stop it, or wait until it ends. If you know that its process is gone, give --run ${ownerRunId}, or wait until its lease ends at ${timeNear(leaseUntil, slot, schedule.zone)}. Then try again.`
}

function otherRunText(row: Row | null, runId: string | undefined): string {
  const attempt = row === null ? undefined : decidingAttempt(row)
  if (attempt === undefined) return `no run is recorded for this slot, so run ${runId} is not a run of it`
  const { number, host } = attempt
  return `attempt ${number} ${progressText(attempt)}, and it is of run ${attempt.runId} (host ${host}), not of run ${runId}`
}
