import type { Instant } from '../../../core/types.ts'
import { printable } from '../../../format/text.ts'
import { ProblemView } from './document.tsx'
import type { Links } from './links.ts'
import { Time } from './time.tsx'
import type { WallClock } from './wall-clock.ts'

export const NO_TASK = 'Task not found'
export const NO_SLOT = 'Slot not found'

interface MissingTaskProps {
  readonly task: string
  /** The nearest names, the nearest first. */
  readonly near: readonly string[]
  /** Whether the ledger has no tasks at all. */
  readonly isEmpty: boolean
  readonly links: Links
}

/** The page of a task that the ledger does not know. */
export function MissingTask({ task, near, isEmpty, links }: MissingTaskProps) {
  const message = `No task is named ${JSON.stringify(task)}.`
  return (
    <ProblemView title={NO_TASK} message={isEmpty ? `${message} The ledger has no tasks yet.` : message} links={links}>
      {near.length > 0 && (
        <>
          <p id="near">{near.length === 1 ? 'A task with a similar name:' : 'Tasks with similar names:'}</p>
          <ul aria-labelledby="near">
            {near.map((name) => (
              <li>
                <a href={links.task(name)}>{printable(name)}</a>
              </li>
            ))}
          </ul>
        </>
      )}
      {!isEmpty && <p class="quiet">A task is in the ledger after its first scheduled run.</p>}
    </ProblemView>
  )
}

interface MissingSlotProps {
  readonly task: string
  readonly slot: Instant
  readonly clock: WallClock
  /** The slots before and after it that exist. */
  readonly slots: readonly Instant[]
  readonly links: Links
}

/** The page of a time that is not a slot of a task. */
export function MissingSlot({ task, slot, clock, slots, links }: MissingSlotProps) {
  return (
    <ProblemView
      title={NO_SLOT}
      message={`${task} has no slot at ${clock.both(slot)}: no run is recorded, and none was expected.`}
      links={links}
    >
      {slots.length > 0 && (
        <>
          <p id="near">{slots.length === 1 ? 'The nearest slot:' : 'The slots before and after it:'}</p>
          <ul aria-labelledby="near">
            {slots.map((near) => (
              <li>
                <a href={links.slot(task, near)}>
                  <Time at={near} clock={clock} />
                </a>
              </li>
            ))}
          </ul>
        </>
      )}
      <p>
        <a href={links.task(task)}>All slots of {printable(task)}</a>
      </p>
    </ProblemView>
  )
}
