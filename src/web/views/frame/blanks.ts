import {
  COMMAND_PLACEHOLDER,
  CONTAINER_PLACEHOLDER,
  NAME_PLACEHOLDER,
  PUBLIC_IP_PLACEHOLDER,
  REASON_PLACEHOLDER,
  SECURITY_GROUPS_PLACEHOLDER,
  SUBNETS_PLACEHOLDER,
  TASK_DEFINITION_PLACEHOLDER,
} from '../../../core/placeholder.ts'

/** A placeholder of a command that the operator replaces. */
interface Blank {
  readonly kind: 'blank'
  readonly text: string
  /** The field that fills it, and how the field must be escaped there. Null: no field fills it. */
  readonly fill: Fill | null
}

interface Fill {
  readonly field: 'reason' | 'name' | 'command'
  /** `word`: inside of single quotes. `json`: in a string of JSON inside of single quotes. `bare`: a command line. */
  readonly as: 'word' | 'json' | 'bare'
}

type CommandPart = { readonly kind: 'text'; readonly text: string } | Blank

/** The words of a command as our own code writes it: bare characters, and parts in single or double quotes. */
const WORD = /(?:[^\s'"]|'[^']*'|"(?:\\.|[^"\\])*")+/g

/** A placeholder in the environment of a container, with the name of its variable. */
const VARIABLE = new RegExp(
  `(?<="name":"CRONLEDGER_(?:REASON|BY)","value":")(${REASON_PLACEHOLDER}|${NAME_PLACEHOLDER})(?=")`,
)
/** A placeholder that no field fills. */
const OTHER = new RegExp(
  `(${[TASK_DEFINITION_PLACEHOLDER, CONTAINER_PLACEHOLDER, SUBNETS_PLACEHOLDER, SECURITY_GROUPS_PLACEHOLDER, PUBLIC_IP_PLACEHOLDER].join('|')})`,
)

/**
 * Splits a command so that each option is one group with its value, and finds its placeholders. A value that only looks like
 * a placeholder, such as a task with the name YOUR_COMMAND, is text. The groups have the whole command but for the single
 * spaces between them.
 */
export function commandGroups(command: string): readonly (readonly CommandPart[])[] {
  const words = command.match(WORD) ?? []
  if (words.join(' ') !== command) return [[{ kind: 'text', text: command }]]
  const groups: CommandPart[][] = []
  for (const [index, word] of words.entries()) {
    const parts = partsOf(word, words[index - 1])
    const group = groups.at(-1)
    if (group === undefined || word.startsWith('--')) groups.push([...parts])
    else group.push({ kind: 'text', text: ' ' }, ...parts)
  }
  return groups
}

function partsOf(word: string, before: string | undefined): readonly CommandPart[] {
  if (before === '--' && word === COMMAND_PLACEHOLDER) return [blank(word, { field: 'command', as: 'bare' })]
  if (before === '--reason' && word === `'${REASON_PLACEHOLDER}'`) return quoted('reason', REASON_PLACEHOLDER)
  if (before === '--by' && word === `'${NAME_PLACEHOLDER}'`) return quoted('name', NAME_PLACEHOLDER)
  const isEnvironment = before === '--overrides'
  return (isEnvironment ? word.split(VARIABLE) : [word])
    .flatMap((text, index) =>
      index % 2 === 1
        ? [blank(text, { field: text === REASON_PLACEHOLDER ? 'reason' : 'name', as: 'json' })]
        : text
            .split(OTHER)
            .map((part, at) => (at % 2 === 1 ? blank(part, null) : { kind: 'text' as const, text: part })),
    )
    .filter(({ text }) => text !== '')
}

function quoted(field: Fill['field'], text: string): readonly CommandPart[] {
  const quote = { kind: 'text', text: "'" } as const
  return [quote, blank(text, { field, as: 'word' }), quote]
}

function blank(text: string, fill: Fill | null): Blank {
  return { kind: 'blank', text, fill }
}
