import { blankText, shellParts } from '../../../format/command-line.ts'
import { listed, printable } from '../../../format/text.ts'
import { BLANKS, type Blank, type CommandWords } from '../../../verdict/command.ts'

interface CommandProps {
  readonly what: string
  readonly command: CommandWords
  readonly note?: string | undefined
}

/** In a `<section class="commands">`, the script adds the fields that fill in the placeholders (browser/fill.ts). */
export function CommandToCopy({ what, command, note }: CommandProps) {
  const unfilled = unfilledBlanks(command)
  return (
    <div class="remedy">
      <p>{what}</p>
      <div class="command">
        <code>
          {commandGroups(command).flatMap((parts, index) => [
            index > 0 && ' ',
            <span>
              {parts.map((part) => (typeof part === 'string' ? printable(part) : <BlankMark blank={part} />))}
            </span>,
          ])}
        </code>
        <button type="button" class="copy needs-script" aria-label={`Copy the command: ${what}`}>
          Copy
        </button>
      </div>
      {note !== undefined && <p class="quiet">{note}</p>}
      {unfilled.length > 0 && <p class="quiet">Replace {listed(unfilled, 'and')} before you run it.</p>}
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

/** The blanks that a field of the page fills. No field fills the others. */
const FIELDS: Readonly<Partial<Record<Blank['blank'], true>>> = { reason: true, name: true, command: true }

/** Returns the placeholders that a person must replace by hand. */
function unfilledBlanks(command: CommandWords): readonly string[] {
  const blanks = command.flatMap((word) =>
    typeof word === 'string' ? [] : word.flatMap((part) => (typeof part === 'string' ? [] : part.blank)),
  )
  return [...new Set(blanks)].filter((blank) => !FIELDS[blank]).map((blank) => BLANKS[blank])
}

function BlankMark({ blank: part }: { readonly blank: Blank }) {
  const { blank, inJson } = part
  const text = blankText(part)
  if (!FIELDS[blank]) return <mark>{text}</mark>
  return (
    <mark data-fill={blank} data-as={inJson ? 'json' : blank === 'command' ? 'bare' : 'word'} data-blank={text}>
      {text}
    </mark>
  )
}
