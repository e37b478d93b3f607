import { CommandToCopy } from '../frame/command.tsx'
import { Heading, type HeadingLevel } from '../frame/document.tsx'
import { LogLink } from './log-link.tsx'
import type { Remedy } from './remedies.ts'

interface RemediesProps {
  /** The likeliest first. */
  readonly remedies: readonly Remedy[]
  /** Whether the slot waits for an operator. */
  readonly isNeeded: boolean
  readonly level: HeadingLevel
  readonly live: boolean
}

/** The commands for a slot. Only the likeliest is open, and none of them if the slot does not wait for an operator. */
export function Remedies({ remedies, isNeeded, level, live }: RemediesProps) {
  if (remedies.length === 0) return null
  const first = isNeeded ? remedies.findIndex(({ isLog }) => !isLog) + 1 : 0
  const [open, folded] = [remedies.slice(0, first), remedies.slice(first)]
  return (
    <section class="commands">
      <Heading level={level}>{isNeeded ? 'What to do' : 'What you can do'}</Heading>
      {open.map((remedy) => (
        <RemedyCommand remedy={remedy} live={live} />
      ))}
      {folded.length > 0 && (
        <details>
          <summary>
            {isNeeded ? 'Other commands' : 'Commands'}: {folded.map(({ what }) => lowered(what)).join(', ')}
          </summary>
          {folded.map((remedy) => (
            <RemedyCommand remedy={remedy} live={live} />
          ))}
        </details>
      )}
    </section>
  )
}

function RemedyCommand({ remedy: { what, command, note, ecs }, live }: { remedy: Remedy; live: boolean }) {
  return (
    <>
      <CommandToCopy what={what} command={command} note={note} live={live} />
      {ecs && (
        <p>
          <LogLink ecs={ecs} text="Open this log in CloudWatch Logs" />
        </p>
      )}
    </>
  )
}

function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
