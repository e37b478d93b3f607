import type { Step } from '../../../verdict/steps.ts'
import { CommandToCopy } from '../frame/command.tsx'
import type { Links } from '../frame/links.ts'
import { Time } from '../frame/time.tsx'
import type { WallClock } from '../frame/wall-clock.ts'
import type { SlotSteps } from './steps.ts'

/** The commands of a task. */
export interface TaskSteps {
  /** The steps for the slots that wait for an operator. Empty: none waits. */
  readonly rerun: readonly SlotSteps[]
  /** The steps for the task itself. Empty: the ledger has no record of the task. */
  readonly task: readonly Step[]
}

interface CommandsProps {
  readonly name: string
  readonly steps: TaskSteps
  readonly clock: WallClock
  readonly links: Links
}

/** The commands of a task. They are shown on the page of a task only, which has the script. */
export function Commands({ name, steps: { rerun, task }, clock, links }: CommandsProps) {
  if (rerun.length === 0 && task.length === 0) return null
  return (
    <section class="commands" aria-labelledby="commands">
      <h2 id="commands">Commands</h2>
      {rerun.map(({ title, slot, steps }) => (
        <>
          <h3>
            {slot === null ? (
              title
            ) : (
              <a href={links.slot(name, slot)}>
                {title} <Time at={slot} clock={clock} />
              </a>
            )}
          </h3>
          {steps.map((step) => (
            <CommandToCopy {...step} what={capital(step.what)} live />
          ))}
        </>
      ))}
      {rerun.length > 0 && task.length > 0 && <h3>The task</h3>}
      {task.map((step) => (
        <CommandToCopy {...step} live />
      ))}
    </section>
  )
}

/** A step is a part of a line in the log. Here it begins a sentence. */
function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
