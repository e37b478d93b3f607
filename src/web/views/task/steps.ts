import { isKeyOf } from '../../../core/objects.ts'
import { REASON_PLACEHOLDER } from '../../../core/placeholder.ts'
import type { Rerunnable } from '../../../core/row/policy.ts'
import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import type { Instant, Status } from '../../../core/types.ts'
import { commandLine } from '../../../format/command-line.ts'
import { attentionSteps, rangeSteps } from '../../../format/steps/next-steps.ts'
import type { NextStep, StepTarget } from '../../../format/steps/step.ts'

/** A slot of a task, with what its commands need. */
export interface SlotToRun<S extends Status = Status> {
  readonly slot: Instant
  readonly status: S
  readonly target: StepTarget
}

/** The work of a stale slot may be done, so a range leaves it out. */
const WITHOUT_STALE: readonly Rerunnable[] = ['missed', 'failed']

/** The commands for some slots of a task. */
export interface SlotSteps {
  /** The slots in words: `3 slots that were missed or failed`, or `Stale slot` for the one in `slot`. */
  readonly title: string
  /** The only slot. Null if there are several. */
  readonly slot: Instant | null
  readonly steps: readonly NextStep[]
}

/**
 * Returns the steps for the slots that are missed, failed or stale. A slot whose work was done is left out, because it
 * needs a decision of its own. A stale slot stands alone for the same reason, and only the newest one is shown.
 */
export function rerunSteps(slots: readonly SlotToRun[]): readonly SlotSteps[] {
  const open = slots.filter(isOpenSlot).toSorted((one, other) => one.slot - other.slot)
  const stale = open.filter(({ status }) => status === 'stale')
  const known = open.filter(({ status }) => status !== 'stale')
  const [oldest, newest, newestStale] = [known[0], known.at(-1), stale.at(-1)]
  const groups: SlotSteps[] = []
  if (oldest !== undefined && newest !== undefined) {
    groups.push(
      oldest === newest
        ? stepsOfOne(oldest)
        : {
            title: `${known.length} slots that were missed or failed`,
            slot: null,
            steps: rangeSteps(
              oldest.target,
              newest.slot + 1_000,
              newestStale === undefined ? undefined : WITHOUT_STALE,
            ),
          },
    )
  }
  if (newestStale !== undefined) groups.push(stepsOfOne(newestStale))
  return groups
}

const TITLES = { missed: 'Missed slot', failed: 'Failed slot', stale: 'Stale slot' } as const
type OpenSlot = SlotToRun<keyof typeof TITLES>

function isOpenSlot(one: SlotToRun): one is OpenSlot {
  return isKeyOf(one.status, TITLES) && one.target.only === undefined
}

function stepsOfOne({ slot, status, target }: OpenSlot): SlotSteps {
  return { title: TITLES[status], slot, steps: attentionSteps(status, target) }
}

interface OfTask {
  readonly store: string
  readonly task: string
  /** The pause or the retirement that is in force. */
  readonly suspended: FoundSuspension | null
}

/** Returns the steps for the task itself: to pause it or let it run again, and to explain and check it. */
export function taskSteps({ store, task, suspended }: OfTask): readonly NextStep[] {
  const pause = {
    what: 'Pause the task',
    command: commandLine('pause', { store, task, reason: REASON_PLACEHOLDER }),
    note: 'Its scheduled triggers start nothing until it is resumed. A slot in the pause is not missed.',
  }
  const resume = {
    what: `End the ${suspended?.kind}`,
    command: commandLine('resume', { store, task }),
    note: 'From then on, its slots are expected and run again. Earlier slots are not started.',
  }
  return [
    suspended === null ? pause : resume,
    {
      what: 'Explain the schedule',
      command: commandLine('explain', { store, task }),
      note: 'Shows the slots around now, and what clock changes (daylight saving time) do to them.',
    },
    { what: 'Check the slots of the last 7 days', command: commandLine('check', { store, task }) },
  ]
}
