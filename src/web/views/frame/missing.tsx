import type { Instant } from '../../../core/types.ts'
import { printable } from '../../../format/text.ts'
import { cronledger } from '../../../verdict/command.ts'
import { CommandToCopy } from './command.tsx'
import { ProblemView } from './document.tsx'
import { links } from './links.ts'
import type { WallClock } from './time.tsx'

export const NO_TASK = 'Task not found'
export const NO_SLOT = 'Slot not found'

export function LedgerHelp({ text, store }: Readonly<{ text: string; store: string }>) {
  return (
    <>
      <p>{text}</p>
      <CommandToCopy
        what="Check the ledger from the host of this server"
        command={cronledger('setup', { store, role: 'auditor' }, '--check')}
      />
    </>
  )
}

export function MissingTask({ task }: { readonly task: string }) {
  return (
    <ProblemView title={NO_TASK} message={`No task is named ${JSON.stringify(task)}.`}>
      <p class="quiet">A task is in the ledger after its first scheduled run.</p>
    </ProblemView>
  )
}

/** The page of a time that is not a slot of a task. */
export function MissingSlot({ task, slot, clock }: Readonly<{ task: string; slot: Instant; clock: WallClock }>) {
  return (
    <ProblemView
      title={NO_SLOT}
      message={`${task} has no slot at ${clock.both(slot)}: no run is recorded, and none was expected.`}
    >
      <p>
        <a href={links.task(task)}>All slots of {printable(task)}</a>
      </p>
    </ProblemView>
  )
}
