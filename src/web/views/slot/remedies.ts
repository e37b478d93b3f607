import {
  CONTAINER_PLACEHOLDER,
  PUBLIC_IP_PLACEHOLDER,
  SECURITY_GROUPS_PLACEHOLDER,
  SUBNETS_PLACEHOLDER,
  TASK_DEFINITION_PLACEHOLDER,
} from '../../../core/placeholder.ts'
import type { EcsFacts, Instant, Status } from '../../../core/types.ts'
import { commandText } from '../../../format/command-line.ts'
import { listed } from '../../../format/text.ts'
import { logSteps, rerunStep, resolveStep, type Step, showStep } from '../../../verdict/steps.ts'
import type { StepTarget } from '../../../verdict/target.ts'

/** Something that an operator can do about a slot. */
export interface Remedy extends Step {
  /** Whether it only reads a log, so that what comes after it is just as likely. */
  readonly isLog?: boolean
  /** The container that wrote the log. */
  readonly ecs?: EcsFacts | undefined
}

const COMPLETED_NOTE = 'Warning: the slot completed once. This does its work a second time.'
const RESOLVE_NOTE = 'Records your decision. Does not start the batch.'

/** Returns what an operator can do about a slot with this status, the likeliest first. */
export function remediesOf(status: Status, target: StepTarget, now: Instant): readonly Remedy[] {
  const resolve = (state: 'completed' | 'skipped') => ({
    ...resolveStep(`Mark as ${state}`, target, state),
    note: RESOLVE_NOTE,
  })
  const [completed, skipped] = [resolve('completed'), resolve('skipped')]
  const show = (what: string, note: string) => ({ ...showStep(what, target), note })
  const log = logSteps(`Read the log of attempt ${target.attempt?.number}`, target).map((step) => ({
    ...step,
    isLog: true,
    ecs: target.attempt?.ecs,
  }))
  switch (status) {
    case 'missed':
      if (target.doubt !== undefined) return [skipped, rerunRemedy('Run it now', target), completed]
      return [rerunRemedy('Run it now', target), completed, skipped]
    case 'failed':
    case 'stale':
      // The work of a slot that completed once was done, so this is the likeliest thing to record.
      if (target.only !== undefined) return [...log, completed, rerunRemedy('Run it again', target)]
      return [...log, rerunRemedy('Run it again', target), completed, skipped]
    case 'due':
      return [rerunRemedy('Run it now', target), skipped]
    case 'scheduled':
      return [skipped]
    case 'overdue':
      if (target.attempt === undefined) return [rerunRemedy('Run it now', target), completed, skipped]
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
      return target.slot > now ? [] : [rerunRemedy('Run it again', target)]
    case 'unknown':
      return [show('Show it with a newer version', 'Update cronledger first.')]
  }
}

/** We must warn about a slot that has completed, also if a later attempt failed. */
function rerunRemedy(what: string, target: StepTarget): Remedy {
  const isDone = target.only !== undefined
  const step = rerunStep(isDone ? 'Run it again although it has completed' : what, target)
  const notes = [
    isDone && COMPLETED_NOTE,
    target.ecs !== null && ecsNote(commandText(step.command), target.ecs.taskDefinition),
  ]
  const note = notes.filter(Boolean).join(' ')
  return note === '' ? step : { ...step, note }
}

/** No field fills in these placeholders, so the note names them. */
function ecsNote(command: string, taskDefinition = TASK_DEFINITION_PLACEHOLDER): string {
  const placeholders = [
    TASK_DEFINITION_PLACEHOLDER,
    CONTAINER_PLACEHOLDER,
    SUBNETS_PLACEHOLDER,
    SECURITY_GROUPS_PLACEHOLDER,
    PUBLIC_IP_PLACEHOLDER,
  ].filter((text) => command.includes(text))
  const network = command.includes(SUBNETS_PLACEHOLDER) ? ', with the network settings of its schedule' : ''
  const replace = placeholders.length === 0 ? '' : ` Replace ${listed(placeholders, 'and')}${network}.`
  return `Starts ${taskDefinition} on ECS.${replace}`
}
