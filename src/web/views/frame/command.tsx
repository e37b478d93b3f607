import { blankText, shellParts } from '../../../format/command-line.ts'
import { listed, printable } from '../../../format/text.ts'
import { BLANKS, type Blank, type CommandWords } from '../../../verdict/command.ts'

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
