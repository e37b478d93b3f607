import type { ResolveObjection } from '../core/row/decide.ts'
import { MAX_RESOLUTIONS } from '../core/row/policy.ts'
import { readableRow } from '../core/row/status.ts'
import type { Row, StoredRow } from '../core/types.ts'
import { timeNear, zonedTime } from './local-time.ts'
import { rerunStep, showStep } from './steps/next-steps.ts'
import { type NextStep, ofRow, stepLines } from './steps/step.ts'
import { printable } from './text.ts'

/** Returns the answer to a decision that was recorded. */
export function resolvedText({ task, slot, state, schedule }: Row, reason: string): string {
  return printable(`${task} ${zonedTime(slot, schedule.zone)}: recorded as ${state.toLowerCase()}: ${reason}`)
}

/** Returns the line of the log for a decision that was not recorded, with the next steps below it. */
export function unresolvedText(row: StoredRow, cause: ResolveObjection, store: string): string {
  const known = readableRow(row)
  const zone = known?.schedule.zone ?? 'UTC'
  const line = `cronledger: ${row.task} ${zonedTime(row.slot, zone)}: not changed: ${whyNot(known, cause)}`
  return [line, ...stepLines(stepsOf(row, cause, store))].map(printable).join('\n')
}

function whyNot(row: Row | null, cause: ResolveObjection): string {
  switch (cause) {
    case 'running':
      return `the slot is still running. Stop it, or wait until it ends${leaseText(row)}. Then try again.`
    case 'completed':
      return 'the slot is already completed'
    case 'newerRow':
      return 'a newer version of cronledger wrote the record of this slot. Update cronledger on this host or in this image.'
    case 'tooManyResolutions':
      return `the slot already has ${MAX_RESOLUTIONS} decisions, and it cannot have more`
  }
}

/** A process that is gone cannot report its end, so the slot stays running until the lease ends. */
function leaseText(row: Row | null): string {
  if (row === null || row.leaseUntil === null) return ''
  return `. If its process is gone, wait until its lease ends at ${timeNear(row.leaseUntil, row.slot, row.schedule.zone)}`
}

function stepsOf(row: StoredRow, cause: ResolveObjection, store: string): readonly NextStep[] {
  const { task, slot } = row
  const schedule = readableRow(row)?.schedule ?? null
  switch (cause) {
    case 'running':
    case 'tooManyResolutions':
      return [showStep('see what is recorded', { store, task, slot })]
    case 'completed':
      return [rerunStep('if it must run again', { store, task, slot, schedule, ...ofRow(row) })]
    case 'newerRow':
      return []
  }
}
