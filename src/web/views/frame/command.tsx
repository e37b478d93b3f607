import { printable } from '../../../format/text.ts'
import { commandGroups } from './blanks.ts'

interface CommandProps {
  /** The effect of the command, in a few words. */
  readonly what: string
  readonly command: string
  readonly note?: string | undefined
  /** Whether the page has the script that copies commands and fills in their placeholders. */
  readonly live: boolean
}

/**
 * A command to copy. Inside of a `<section class="commands">`, the script adds the fields that fill in the placeholders.
 * See browser/fill.ts.
 */
export function CommandToCopy({ what, command, note, live }: CommandProps) {
  return (
    <div class="remedy">
      <p>{what}</p>
      <div class="command">
        <code>{groupsOf(printable(command))}</code>
        {live && (
          <button type="button" class="copy needs-script" aria-label={`Copy the command: ${what}`}>
            Copy
          </button>
        )}
      </div>
      {note !== undefined && <p class="quiet">{note}</p>}
    </div>
  )
}

/**
 * Returns the command as elements. A line can end before an option but not within one. Otherwise the text that a person
 * reads could differ from the text that is copied.
 */
function groupsOf(command: string) {
  return commandGroups(command).flatMap((parts, index) => [
    index > 0 && ' ',
    <span>
      {parts.map((part) =>
        part.kind === 'text' ? (
          part.text
        ) : (
          <mark
            data-fill={part.fill?.field}
            data-as={part.fill?.as}
            data-blank={part.fill === null ? undefined : part.text}
          >
            {part.text}
          </mark>
        ),
      )}
    </span>,
  ])
}
