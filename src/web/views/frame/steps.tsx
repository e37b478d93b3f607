import type { Place } from '../../../core/types.ts'
import { OPERATING_GUIDE, printable } from '../../../format/text.ts'
import { neededSteps, type Step } from '../../../verdict/steps.ts'
import { LogLink } from '../slot/log-link.tsx'
import { CommandToCopy } from './command.tsx'

interface StepsProps {
  readonly steps: readonly Step[]
  readonly cautions: readonly string[]
  /** The container that wrote the log. Left out: not known, or there are several. */
  readonly place?: Place | undefined
}

/** Steps that nothing calls for are folded. Those that show a slot in a terminal are left out, because the page shows it. */
export function Steps({ steps, cautions, place }: StepsProps) {
  const shown = steps.filter(({ kind }) => kind !== 'show')
  const needed = neededSteps(shown)
  const others = shown.filter((step) => !needed.includes(step))
  if (shown.length + cautions.length === 0) return null
  return (
    <section class="commands">
      <h2>{needed.length + cautions.length > 0 ? 'What to do' : 'What you can do'}</h2>
      {cautions.map((caution) => (
        <p class="attention">{printable(caution)}</p>
      ))}
      {needed.map((step) => (
        <StepToCopy step={step} place={place} />
      ))}
      {needed.length > 0 && (
        <p class="quiet">
          Guide: <code>{OPERATING_GUIDE}</code>
        </p>
      )}
      {others.length > 0 && (
        <details>
          <summary>
            {needed.length > 0 ? 'Other commands' : 'Commands'}: {others.map(({ what }) => alone(what)).join(', ')}
          </summary>
          {others.map((step) => (
            <StepToCopy step={step} place={place} />
          ))}
        </details>
      )}
    </section>
  )
}

function StepToCopy({ step, place }: { readonly step: Step } & Pick<StepsProps, 'place'>) {
  const what = alone(step.what)
  return (
    <>
      <CommandToCopy {...step} what={`${what.charAt(0).toUpperCase()}${what.slice(1)}`} />
      {step.kind === 'log' && place && (
        <p>
          <LogLink place={place} text="Open this log in CloudWatch Logs" />
        </p>
      )}
    </>
  )
}

/** Returns what a step does, without the word that joins it to the step above it on a terminal. */
function alone(what: string): string {
  return what.replace(/^or /, '')
}
