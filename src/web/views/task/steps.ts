import { isKeyOf } from '../../../core/objects.ts'
import type { Rerunnable } from '../../../core/row/policy.ts'
import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import type { Instant, Status } from '../../../core/types.ts'
import { cronledger, REASON_WORD } from '../../../verdict/command.ts'
import { STALE_CAUTION } from '../../../verdict/rules.ts'
import { againSteps, logSteps, rangeSteps, type Step } from '../../../verdict/steps.ts'
import type { StepTarget } from '../../../verdict/target.ts'

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
  readonly steps: readonly Step[]
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
  return isKeyOf(one.status, TITLES) && one.target.only === undefined && one.target.doubt === undefined
}

function stepsOfOne({ slot, status, target }: OpenSlot): SlotSteps {
  const [again, complete] = againSteps(status === 'missed' ? 'run it now' : 'run it again', target)
  const first = status === 'stale' ? { ...again, note: STALE_CAUTION } : again
  return { title: TITLES[status], slot, steps: [...logSteps('check its log', target), first, complete] }
}

interface OfTask {
  readonly store: string
  readonly task: string
  /** The pause or the retirement that is in force. */
  readonly suspended: FoundSuspension | null
}

/** Returns the steps for the task itself: to pause it or let it run again, and to explain and check it. */
export function taskSteps({ store, task, suspended }: OfTask): readonly Step[] {
  const pause: Step = {
    kind: 'other',
    what: 'Pause the task',
    command: cronledger('pause', { store, task, reason: REASON_WORD }),
    note: 'Its scheduled triggers start nothing until it is resumed. A slot in the pause is not missed.',
  }
  const resume: Step = {
    kind: 'other',
    what: `End the ${suspended?.kind}`,
    command: cronledger('resume', { store, task }),
    note: 'From then on, triggers start the batch again. Earlier slots are not started.',
  }
  return [
    suspended === null ? pause : resume,
    {
      kind: 'other',
      what: 'Explain the schedule',
      command: cronledger('explain', { store, task }),
      note: 'Shows the slots around now, and what clock changes (daylight saving time) do to them.',
    },
    { kind: 'other', what: 'Check the slots of the last 7 days', command: cronledger('check', { store, task }) },
  ]
}
