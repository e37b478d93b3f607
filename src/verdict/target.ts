import type { RunContext } from '../core/event.ts'
import { parseTaskArn } from '../core/place.ts'
import { hasStarted } from '../core/row/attempts.ts'
import { terminalState } from '../core/row/decide.ts'
import type { Guards, Rerunnable } from '../core/row/policy.ts'
import { readableRow } from '../core/row/status.ts'
import type { Doubt } from '../core/task/expected-slots.ts'
import { isSameSpec, isUnconfirmed, type Schedules } from '../core/task/task-record.ts'
import type { AttemptRecord, Host, Instant, Place, ScheduleSpec, StoredRow } from '../core/types.ts'
import type { CommandPlace } from './place/places.ts'

export interface StepTarget {
  /** Why the slot may not have been due. Left out: it was certainly due. */
  readonly doubt?: Doubt | undefined
  readonly store: string
  readonly task: string
  readonly slot: Instant
  /** The schedule of the slot, if the container of the latest run has another one and would refuse it. */
  readonly otherSchedule?: ScheduleSpec | undefined
  readonly guards?: Guards
  readonly place: CommandPlace | null
  /** The attempt whose log the operator needs. Left out: none has run. */
  readonly attempt?: AttemptRecord | undefined
  /** The statuses for which a force must say that it is meant. Left out: those of the default. */
  readonly only?: readonly Rerunnable[] | undefined
}

/** Returns the schedule of a slot, if the runs of the task have another one now. The oldest comes first. */
export function otherScheduleOf(
  own: ScheduleSpec | null,
  recorded: { readonly schedules: Schedules } | null,
): Pick<StepTarget, 'otherSchedule'> {
  const latest = recorded?.schedules.findLast((one) => !isUnconfirmed(one))?.spec
  return own === null || latest === undefined || isSameSpec(own, latest) ? {} : { otherSchedule: own }
}

/** Returns the slot of a run as a target. With `row`, the target also has what the row says. */
export function targetOf(context: RunContext, row: StoredRow | null = null): StepTarget {
  const { store, task, window, guards, place, host } = context
  const { attempt, only } = row === null ? { attempt: undefined, only: guards.only } : ofRow(row)
  return { store, task, slot: window.slot, guards, place: place ?? placeOfTask(host), attempt, only }
}

/** ECS may not have said more than the ARN, but the batch must not run on the host of the operator. */
function placeOfTask(host: Pick<Host, 'ecsTask'> | undefined): CommandPlace | null {
  const { region, cluster } = parseTaskArn(host?.ecsTask ?? '') ?? {}
  return region === undefined || cluster === undefined ? null : { kind: 'ecs', region, cluster }
}

/** `recorded`: where the latest scheduled run ran. It comes first, because its task definition is the newest. */
export function ofRow(
  row: StoredRow | null,
  recorded: Place | null = null,
): Pick<StepTarget, 'place' | 'attempt' | 'only'> {
  const own = readableRow(row)
  if (own === null) return { place: recorded }
  const { attempts } = own
  return {
    // An operator may have forced the slot from another host, where the batch does not usually run.
    place: recorded ?? attempts.findLast(({ place }) => place !== undefined)?.place ?? placeOfTask(attempts.at(-1)),
    attempt: attempts.findLast(hasStarted) ?? attempts.at(-1),
    // A force of a completed slot may have failed. Its work was done all the same.
    ...(terminalState(own) === 'completed' && { only: ['completed'] }),
  }
}
