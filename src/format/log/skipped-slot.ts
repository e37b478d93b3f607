import type { RunContext, RunEvent } from '../../core/event.ts'
import { formatInstant } from '../../core/instant.ts'
import type { Suspension } from '../../core/task/task-record.ts'
import { cronledger } from '../../verdict/command.ts'
import { unrecordedSteps } from '../../verdict/event-steps.ts'
import { rerunStep, showStep } from '../../verdict/steps.ts'
import { targetOf } from '../../verdict/target.ts'
import { zonedTime } from '../local-time.ts'
import { sentence } from '../text.ts'
import { unrecordedText } from './ended-attempt.ts'
import type { LogEntry } from './entry.ts'
import { lockFields, lockText } from './rejected-trigger.ts'

// The entries about a claimed slot that was given up, because another slot runs or the task is paused.

export function skippedEntry(event: Extract<RunEvent, { event: 'skipped' }>, context: RunContext): LogEntry {
  const { holder, finish, finishCause } = event
  const unrecorded = finish === 'recorded' ? '' : `. ${sentence(`The skip ${unrecordedText(finish, finishCause)}`)}`
  return {
    level: finish === 'recorded' ? 'warn' : 'error',
    event: 'skipped',
    message: `skipped, not started: ${lockText(holder, context)}${unrecorded}`,
    fields: { holder: lockFields(holder), finish, ...(finishCause && { finishCause }) },
    steps:
      finish === 'unanswered'
        ? unrecordedSteps(targetOf(context), context.runId, false)
        : [rerunStep('run it anyway', targetOf(context))],
  }
}

export function pausedEntry(
  { pause, isKept, finish, finishCause }: Extract<RunEvent, { event: 'paused' }>,
  context: RunContext,
): LogEntry {
  const { by, reason, until } = pause
  const { zone } = context.schedule
  const end = until === null ? '' : ` until ${zonedTime(until, zone)}`
  const what = isKept ? 'That this run started nothing' : 'The skip'
  const kept = isKept ? '. The slot is not marked as skipped, because an earlier attempt had started in it.' : ''
  const unrecorded =
    finish === 'recorded' ? '' : `${isKept ? ' ' : '. '}${sentence(`${what} ${unrecordedText(finish, finishCause)}`)}`
  const target = targetOf(context)
  return {
    level: finish === 'recorded' ? 'warn' : 'error',
    event: 'paused',
    message: `${isKept ? '' : 'skipped, '}not started: ${by} paused the task${end}: ${reason}${kept}${unrecorded}`,
    fields: { pause: suspensionFields(pause), finish, ...(finishCause && { finishCause }) },
    steps: [
      {
        kind: 'other',
        what: 'end the pause',
        command: cronledger('resume', { store: context.store, task: context.task }),
      },
      ...(isKept || finish === 'unanswered' ? [showStep('see what is recorded', target)] : []),
      rerunStep(finish === 'unanswered' ? 'if this slot is stale, run it' : 'run this slot anyway', target),
    ],
  }
}

/** Returns a pause or a retirement as fields of the log. */
export function suspensionFields({ from, until, by, reason }: Suspension) {
  return { from: formatInstant(from), until: until === null ? null : formatInstant(until), by, reason }
}
