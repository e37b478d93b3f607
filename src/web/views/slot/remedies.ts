import {
  COMMAND_PLACEHOLDER,
  CONTAINER_PLACEHOLDER,
  NAME_PLACEHOLDER,
  PUBLIC_IP_PLACEHOLDER,
  REASON_PLACEHOLDER,
  SECURITY_GROUPS_PLACEHOLDER,
  SUBNETS_PLACEHOLDER,
  TASK_DEFINITION_PLACEHOLDER,
} from '../../../core/placeholder.ts'
import type { Instant, Status } from '../../../core/types.ts'
import { logSteps, rerunStep, resolveStep, showStep } from '../../../format/steps/next-steps.ts'
import type { NextStep, StepTarget } from '../../../format/steps/step.ts'
import { listed } from '../../../format/text.ts'

/** Something that an operator can do about a slot. */
export interface Remedy extends NextStep {
  readonly note: string
}

const RERUN_NOTE = `Replace ${COMMAND_PLACEHOLDER} with the batch command, and ${REASON_PLACEHOLDER} with the reason.`
const COMPLETED_NOTE = 'Warning: the slot completed once. This does its work a second time.'
const RESOLVE_NOTE = `Does not start the batch. Replace ${REASON_PLACEHOLDER} with the reason.`

/** Returns what an operator can do about a slot with this status, the likeliest first. */
export function remediesOf(status: Status, target: StepTarget, now: Instant): readonly Remedy[] {
  const resolve = (state: 'completed' | 'skipped') => ({
    ...resolveStep(`Mark as ${state}`, target, state),
    note: RESOLVE_NOTE,
  })
  const [completed, skipped] = [resolve('completed'), resolve('skipped')]
  const show = (what: string, note: string) => ({ ...showStep(what, target), note })
  const log = logSteps('See its log', target).map((step) => ({ ...step, note: 'Prints the log of its last attempt.' }))
  switch (status) {
    case 'missed':
      return [rerun('Run it now', target), completed, skipped]
    case 'failed':
    case 'stale':
      // The work of a slot that completed once was done, so this is the likeliest thing to record.
      if (target.only !== undefined) return [...log, completed, rerun('Run it again', target)]
      return [...log, rerun('Run it again', target), completed, skipped]
    case 'scheduled':
      return target.slot > now ? [skipped] : [rerun('Run it now', target), skipped]
    case 'overdue':
      if (target.attempt === undefined) return [rerun('Run it now', target), completed, skipped]
      return [
        ...log,
        show('See what happened', 'If it runs or waits, it can be resolved or run again only after it has ended.'),
      ]
    case 'running':
    case 'waiting':
      return [...log, show('Show it in a terminal', 'It can be resolved or run again only after it has ended.')]
    case 'skipped':
    case 'completed':
      // A future slot that was completed or skipped needs no action, and a run would have nothing to work on yet.
      return target.slot > now ? [] : [rerun('Run it again', target)]
    case 'unknown':
      return [show('Show it with a newer version', 'Update cronledger first.')]
  }
}

/** We must warn about a slot that has completed, also if a later attempt failed. */
function rerun(what: string, target: StepTarget): Remedy {
  const step = rerunStep(target.only === undefined ? what : 'Run it again although it has completed', target)
  const note = target.ecs === null ? RERUN_NOTE : ecsNote(step.command, target.ecs.taskDefinition)
  return { ...step, note: target.only === undefined ? note : `${COMPLETED_NOTE} ${note}` }
}

function ecsNote(command: string, taskDefinition: string): string {
  const placeholders = [
    TASK_DEFINITION_PLACEHOLDER,
    CONTAINER_PLACEHOLDER,
    REASON_PLACEHOLDER,
    NAME_PLACEHOLDER,
    SUBNETS_PLACEHOLDER,
    SECURITY_GROUPS_PLACEHOLDER,
    PUBLIC_IP_PLACEHOLDER,
  ].filter((text) => command.includes(text))
  const network = command.includes(SUBNETS_PLACEHOLDER) ? ' The network is that of its schedule.' : ''
  return `Starts ${taskDefinition} on ECS. Replace ${listed(placeholders, 'and')}.${network}`
}
