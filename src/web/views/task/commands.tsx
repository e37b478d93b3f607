import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import { cronledger, REASON_WORD } from '../../../verdict/command.ts'
import type { Step } from '../../../verdict/steps.ts'
import { CommandToCopy } from '../frame/command.tsx'

type OfTask = Readonly<{ store: string; task: string; suspended: FoundSuspension | null }>

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
    note: 'From then on, its slots are expected and run again. Earlier slots are not started.',
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

/** The commands for a task itself. They are shown on the page of a task only, which has the script. */
export function Commands({ steps }: { readonly steps: readonly Step[] }) {
  if (steps.length === 0) return null
  return (
    <details class="commands">
      <summary>Commands: {steps.map(({ what }) => what.toLowerCase()).join(', ')}</summary>
      {steps.map((step) => (
        <CommandToCopy {...step} />
      ))}
    </details>
  )
}
