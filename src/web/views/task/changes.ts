import { formatDuration } from '../../../core/duration.ts'
import type { Decided, Suspension } from '../../../core/task/task-record.ts'
import type { Instant } from '../../../core/types.ts'
import { isCancelled } from '../../../format/task/suspensions.ts'
import type { ScheduleChange, TaskHead } from './head.tsx'

/** A change of a task, at the time when it was decided or took effect. */
export type Change =
  | { readonly kind: 'schedule'; readonly at: Instant; readonly change: ScheduleChange }
  | { readonly kind: 'expectations'; readonly at: Instant; readonly texts: readonly string[] }
  | {
      readonly kind: 'begin'
      readonly at: Instant
      readonly name: SuspensionName
      readonly suspension: Suspension
    }
  | {
      readonly kind: 'end'
      readonly at: Instant
      readonly name: SuspensionName
      readonly ended: Decided
      readonly isCancelled: boolean
    }

type SuspensionName = 'pause' | 'retirement'

/** Returns the changes of a task, newest first. */
export function changesOf({ schedules, suspensions, expectations }: TaskHead): readonly Change[] {
  const changes: Change[] = [
    ...schedules.map((change): Change => ({ kind: 'schedule', at: change.since, change })),
    ...(expectations === null
      ? []
      : [{ kind: 'expectations' as const, at: expectations.since, texts: expectationTexts(expectations) }]),
    ...suspensions.pauses.flatMap((pause) => suspensionChanges('pause', pause)),
    ...suspensions.retirements.flatMap((retirement) => suspensionChanges('retirement', retirement)),
  ]
  // Changes of the same time keep their order, so the end of a pause comes after its begin.
  return changes.toSorted((one, other) => one.at - other.at).reverse()
}

function suspensionChanges(name: SuspensionName, suspension: Suspension): readonly Change[] {
  const { at, ended } = suspension
  const begin: Change = { kind: 'begin', at, name, suspension }
  if (ended === undefined) return [begin]
  return [begin, { kind: 'end', at: ended.at, name, ended, isCancelled: isCancelled(suspension) }]
}

function expectationTexts({
  graceMs,
  lateAfterMs,
  doneByMs,
  owner,
  overlap,
}: NonNullable<TaskHead['expectations']>): readonly string[] {
  const texts = [
    graceMs !== undefined && `missed if no run is recorded ${formatDuration(graceMs)} after the slot`,
    lateAfterMs !== undefined && `late if it starts more than ${formatDuration(lateAfterMs)} after the slot`,
    doneByMs !== undefined && `overdue if it has not completed ${formatDuration(doneByMs)} after the slot`,
    owner !== undefined && `owner: ${owner}`,
    overlap !== undefined && `while another slot is running: ${overlap}`,
  ]
  return texts.filter((text) => text !== false)
}
