import { formatInstant } from '../../core/instant.ts'
import type { ScheduleInForce } from '../../core/task/schedules-in-force.ts'
import { pauseFor, retirementAt, suspensionOf } from '../../core/task/suspensions.ts'
import { expectedTimes, type TaskRecord } from '../../core/task/task-record.ts'
import type { Instant, Status } from '../../core/types.ts'
import { instantOrNull } from '../slot/row.ts'
import { type Labelled, labelled, printable, sentence } from '../text.ts'
import { bothTimes, notExpectedText, openJson, openTexts, suspensionJson } from './suspensions.ts'

export interface ExplainedTask {
  /** Null if the task has no record. Its pauses are not known then. */
  readonly record: TaskRecord | null
  /** When the schedule was in force. Null if it is that of a row. */
  readonly inForce: Pick<ScheduleInForce, 'since' | 'until'> | null
  readonly now: Instant
  /** The slots that the slot waits for, and the tasks that wait for its task. Null or left out: not known. */
  readonly waits?: ExplainedWaits | null
}

export function inForceLines({ inForce }: ExplainedTask, zone: string): readonly Labelled[] {
  if (inForce === null) return []
  const { since, until } = inForce
  const end = until === null ? '' : `, replaced by another schedule at ${bothTimes(until, zone)}`
  return [['recorded', `in force since ${bothTimes(since, zone)}${end}`]]
}

/** Returns what a pause or a retirement means for the slot, and what else is in force or planned. */
export function taskLines(explained: ExplainedTask, slot: Instant | null, zone: string): readonly Labelled[] {
  const { record, now, waits = null } = explained
  if (record === null) return [['task', 'its pauses are not known, because no scheduled run of it is recorded']]
  const found = slot === null ? null : suspensionOf(record, slot)
  const others = {
    ...record,
    pauses: record.pauses.filter((one) => one !== found?.suspension),
    retirements: record.retirements.filter((one) => one !== found?.suspension),
  }
  const lines = [
    ...(slot === null ? [] : labelled('task', slotTexts(record, explained, slot, zone))),
    ...openTexts(others, now, zone),
    ...(waits === null ? [] : waitLines(waits, zone)),
  ]
  return lines.map(([label, text]) => [label, printable(text)])
}

function slotTexts(record: TaskRecord, { now }: ExplainedTask, slot: Instant, zone: string): readonly string[] {
  const found = suspensionOf(record, slot)
  const startsNothing = pauseFor(record, slot, now, expectedTimes(record).skewMs) !== null
  if (found === null) {
    return startsNothing
      ? [
          'this slot is before the pause. A scheduled trigger that comes for it now starts nothing. Without a run, the slot is missed.',
        ]
      : ['neither paused nor retired at this slot']
  }
  const trigger = startsNothing
    ? 'starts nothing and exits with 0'
    : `still starts the batch${retirementAt(record, slot) === null ? '' : ', and ends the retirement'}`
  return [
    sentence(`this slot is not expected, ${notExpectedText(found, zone)}`),
    `Without a run, it is not missed. A scheduled trigger for it ${trigger}. A forced run starts.`,
  ]
}

export function suspendedWord({ record }: ExplainedTask, slot: Instant): 'paused' | 'retired' | null {
  const found = suspensionOf(record, slot)
  return found === null ? null : found.kind === 'pause' ? 'paused' : 'retired'
}

export function explainedTaskJson({ record, inForce, now, waits = null }: ExplainedTask, slot: Instant | null) {
  if (record === null) return null
  const found = slot === null ? null : suspensionOf(record, slot)
  return {
    inForce: inForce && { since: formatInstant(inForce.since), until: instantOrNull(inForce.until) },
    notExpected: found === null ? null : { kind: found.kind, ...suspensionJson(found.suspension) },
    startsNothing: slot !== null && pauseFor(record, slot, now, expectedTimes(record).skewMs) !== null,
    ...openJson(record, now),
    ...(waits !== null && waitsJson(waits)),
  }
}

export interface UpstreamTask {
  readonly task: string
  /** The oldest first. `isOpen`: the slot keeps the other one from starting now. Null: no record of the task can be read. */
  readonly slots: readonly { readonly slot: Instant; readonly status: Status; readonly isOpen: boolean }[] | null
}

export interface ExplainedWaits {
  readonly waitsFor: readonly UpstreamTask[]
  /** The tasks that wait for slots of this one. Null: the tasks cannot be listed. */
  readonly neededBy: readonly string[] | null
}

/** One line for each task, with a line for each slot that holds the run up. */
function waitLines({ waitsFor, neededBy }: ExplainedWaits, zone: string): readonly Labelled[] {
  return [
    ...labelled(
      'waits for',
      waitsFor.flatMap((one) => upstreamTexts(one, zone)),
    ),
    ...labelled('needed by', neededBy === null || neededBy.length === 0 ? [] : [neededBy.join(', ')]),
  ]
}

function upstreamTexts({ task, slots }: UpstreamTask, zone: string): readonly string[] {
  if (slots === null) return [`${task}, of which no record can be read, so a run does not start`]
  const newest = slots.at(-1)
  if (newest === undefined) return [`${task}, which has no slot before this one`]
  const open = slots.filter(({ isOpen }) => isOpen)
  const slotText = ({ slot, status }: (typeof open)[number]) => `${bothTimes(slot, zone)}, ${status}`
  if (slots.length === 1) return [`${task} ${slotText(newest)}`]
  const others = open.length > MAX_OPEN ? [`and ${open.length - MAX_OPEN} more`] : []
  return [
    `${task}, ${slots.length} slots up to ${bothTimes(newest.slot, zone)}: ${open.length === 0 ? 'nothing to wait for' : `it must wait for ${open.length} of them`}`,
    ...open.slice(0, MAX_OPEN).map((one) => `  ${slotText(one)}`),
    ...others.map((text) => `  ${text}`),
  ]
}

const MAX_OPEN = 5

function waitsJson({ waitsFor, neededBy }: ExplainedWaits) {
  return {
    waitsFor: waitsFor.map(({ task, slots }) => ({
      task,
      slots: slots?.map(({ slot, ...one }) => ({ slot: formatInstant(slot), ...one })) ?? null,
    })),
    neededBy,
  }
}
