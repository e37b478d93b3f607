import { printable } from '../../../format/text.ts'

interface CommandProps {
  /** What the command does. */
  readonly what: string
  readonly command: string
  readonly note?: string | undefined
  /** Whether the page has the script that copies commands. */
  readonly live: boolean
}

/** A command to copy. */
export function Command({ what, command, note, live }: CommandProps) {
  return (
    <div class="remedy">
      <p>{what}</p>
      <div class="command">
        <code>{unbroken(printable(command))}</code>
        {live && (
          <button type="button" class="copy" aria-label={`Copy the command: ${what}`}>
            Copy
          </button>
        )}
      </div>
      {note !== undefined && <p class="quiet">{note}</p>}
    </div>
  )
}

/**
 * Splits a command so that a line can end before an option but not within one. Otherwise the text that a person reads
 * could differ from the text that is copied.
 */
function unbroken(command: string) {
  const [first = '', ...rest] = command.split(' --')
  return [<span>{first}</span>, ...rest.flatMap((option) => [' ', <span>--{option}</span>])]
}
