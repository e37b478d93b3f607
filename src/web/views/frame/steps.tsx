import type { Place } from '../../../core/types.ts'
import { blankText, shellParts } from '../../../format/command-line.ts'
import { listed, OPERATING_GUIDE, printable } from '../../../format/text.ts'
import { BLANKS, type Blank, type CommandWords } from '../../../verdict/command.ts'
import { logAddress } from '../../../verdict/place/console.ts'
import { neededSteps, type Step } from '../../../verdict/steps.ts'

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

interface CommandProps {
  readonly what: string
  readonly command: CommandWords
  readonly note?: string | undefined
}

export function CommandToCopy({ what, command, note }: CommandProps) {
  const placeholders = placeholdersOf(command)
  return (
    <div class="remedy">
      <p>{what}</p>
      <div class="command">
        <code>
          {commandGroups(command).flatMap((parts, index) => [
            index > 0 && ' ',
            <span>
              {parts.map((part) => (typeof part === 'string' ? printable(part) : <mark>{blankText(part)}</mark>))}
            </span>,
          ])}
        </code>
        <button type="button" class="copy needs-script" aria-label={`Copy the command: ${what}`}>
          Copy
        </button>
      </div>
      {note !== undefined && <p class="quiet">{note}</p>}
      {placeholders.length > 0 && <p class="quiet">Replace {listed(placeholders, 'and')} before you run it.</p>}
    </div>
  )
}

/** A line can end before an option but not within one, otherwise the text on the page could differ from the copied one. */
export function commandGroups(command: CommandWords): readonly (readonly (string | Blank)[])[] {
  const groups: (string | Blank)[][] = []
  for (const word of command) {
    const group = groups.at(-1)
    if (group === undefined || (typeof word === 'string' && word.startsWith('--'))) groups.push([...shellParts(word)])
    else group.push(' ', ...shellParts(word))
  }
  return groups
}

/** Returns the placeholders that a person must replace. The shell fills in the name. */
function placeholdersOf(command: CommandWords): readonly string[] {
  const blanks = command
    .flatMap(shellParts)
    .flatMap((part) => (typeof part === 'string' || part.blank === 'name' ? [] : BLANKS[part.blank]))
  return [...new Set(blanks)]
}

/** A link to the log of a container in the console of CloudWatch. There is none if its address is not known. */
export function LogLink({ place, text }: Readonly<{ place: Place; text: string }>) {
  const address = logAddress(place)
  if (address === null) return null
  return (
    <a href={address} rel="noreferrer noopener">
      {text}
    </a>
  )
}
