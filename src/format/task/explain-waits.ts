import { formatInstant } from '../../core/instant.ts'
import type { Instant, Status } from '../../core/types.ts'
import { type Labelled, labelled } from '../text.ts'
import { bothTimes } from './suspensions.ts'

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
export function waitLines({ waitsFor, neededBy }: ExplainedWaits, zone: string): readonly Labelled[] {
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

export function waitsJson({ waitsFor, neededBy }: ExplainedWaits) {
  return {
    waitsFor: waitsFor.map(({ task, slots }) => ({
      task,
      slots: slots?.map(({ slot, ...one }) => ({ slot: formatInstant(slot), ...one })) ?? null,
    })),
    neededBy,
  }
}
