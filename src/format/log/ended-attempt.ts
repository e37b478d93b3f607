import { elapsed } from '../../core/duration.ts'
import type { FinishResult, RunContext, RunEvent } from '../../core/event.ts'
import { endingText } from '../../verdict/endings.ts'
import { stepsOfEnd } from '../../verdict/event-steps.ts'
import { sentence } from '../text.ts'
import type { LogEntry } from './entry.ts'

type EndedEvent = Extract<RunEvent, { event: 'ended' }>

/** Returns the line of the log for an attempt that ended: whether it succeeded, and whether that is recorded. */
export function endedEntry(event: EndedEvent, context: RunContext): LogEntry {
  const { attempt, ending, durationMs, finish, finishCause } = event
  const recorded = finish === 'recorded'
  const good = ending.outcome === 'succeeded' && recorded
  const steps = stepsOfEnd(event, context)
  return {
    level: good ? 'info' : 'error',
    event: recorded ? (good ? 'completed' : 'failed') : 'unrecorded',
    message: messageOf(event),
    fields: {
      attempt: attempt.number,
      ...ending,
      ...(ending.outcome !== 'notStarted' && { durationMs: Math.round(durationMs) }),
      finish,
      ...(finishCause && { finishCause }),
    },
    ...(steps.length > 0 && { steps }),
  }
}

function messageOf({ attempt, ending, durationMs, finish, finishCause, detail, retries }: EndedEvent): string {
  const name = `attempt ${attempt.number}`
  const why = detail === undefined ? '' : `: ${detail}`
  const unrecorded = finish === 'recorded' ? null : unrecordedText(finish, finishCause)
  if (ending.outcome === 'succeeded') {
    return unrecorded === null
      ? `${name} succeeded in ${elapsed(durationMs)}`
      : `The batch SUCCEEDED, but ${sentence(`its result ${unrecorded}`)} Do not run it again.${secondRunText(finish)}`
  }
  const started = ending.outcome !== 'notStarted'
  const end = `${name} ${endingText(ending)}${started ? ` after ${elapsed(durationMs)}` : ''}`
  const known = `${end}${why}`
  if (finish === 'unanswered' && ending.outcome !== 'leaseLost')
    return `${sentence(`${known}, and its result ${unrecorded}`)} ${STILL_RUNNING}`
  if (unrecorded !== null) return `${known}, and its result ${unrecorded}`
  // A force may leave a slot in which scheduled triggers start nothing.
  if (!started && attempt.trigger.kind === 'forced') return known
  if (!started) return `${sentence(known)} A later trigger may start the batch in this slot.`
  if (retries) return known
  return detail === undefined
    ? `${known}, and the slot is recorded as failed`
    : `${sentence(known)} The slot is recorded as failed.`
}

const STILL_RUNNING =
  'If it is not recorded, the slot is shown as running, and cannot be run again, until it becomes stale.'

/** The other run did not know of the success when it started. The operator may still be able to stop it. */
function secondRunText(finish: FinishResult): string {
  return finish === 'lost' ? ' The other run may be doing its work a second time.' : ''
}

/** Returns what is known of a result that is not recorded, to follow `the result`. */
export function unrecordedText(finish: Exclude<FinishResult, 'recorded'>, cause: string | undefined): string {
  switch (finish) {
    case 'lost':
      return 'was not recorded, because another run took over this slot'
    case 'resolved':
      return 'was not recorded, because an operator resolved this slot first'
    case 'deleted':
      return 'was not recorded, because the record of this slot was deleted'
    case 'unanswered':
      return `may not be recorded: ${cause}`
  }
}
