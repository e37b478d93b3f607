import { COMMAND_PLACEHOLDER, REASON_PLACEHOLDER } from '../../core/placeholder.ts'
import type { Instant, Status } from '../../core/types.ts'
import { type NextStep, rerunStep, resolveStep, type StepTarget, showStep } from '../../format/log/next-steps.ts'

/** Something that an operator can do about a slot. */
export interface Remedy extends NextStep {
  readonly note: string
}

const RERUN_NOTE = `Replace ${COMMAND_PLACEHOLDER} with the batch command, and ${REASON_PLACEHOLDER} with the reason.`
const COMPLETED_NOTE = 'Warning: the slot completed once. This does its work a second time.'
const RESOLVE_NOTE = `Does not start the batch. Replace ${REASON_PLACEHOLDER} with the reason.`

/** Returns what an operator can do about a slot with this status, the likeliest first. */
export function remediesOf(status: Status, target: StepTarget, now: Instant): readonly Remedy[] {
  const note = target.only === 'completed' ? `${COMPLETED_NOTE} ${RERUN_NOTE}` : RERUN_NOTE
  const rerun = (what: string) => ({ ...rerunStep(what, target), note })
  const show = (what: string, note: string) => ({ ...showStep(what, target), note })
  const completed = { ...resolveStep('Mark as completed', target, 'completed'), note: RESOLVE_NOTE }
  const skipped = { ...resolveStep('Mark as skipped', target, 'skipped'), note: RESOLVE_NOTE }
  switch (status) {
    case 'missed':
      return [rerun('Run it now'), completed, skipped]
    case 'failed':
    case 'stale':
      return [rerun('Run it again'), completed, skipped]
    case 'scheduled':
      return target.slot > now ? [skipped] : [rerun('Run it now'), skipped]
    case 'overdue':
      return [
        show('See what happened', 'If it runs or waits, it can be resolved or run again only after it has ended.'),
      ]
    case 'running':
    case 'waiting':
      return [show('Show it in a terminal', 'It can be resolved or run again only after it has ended.')]
    case 'skipped':
    case 'completed':
      // A future slot that was completed or skipped needs no action, and a run would have nothing to work on yet.
      return target.slot > now ? [] : [rerun('Run it again')]
    case 'unknown':
      return [show('Show it with a newer version', 'Update cronledger first.')]
  }
}
