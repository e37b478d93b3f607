import { BLANKS, type Blank, type CommandWords, firstRun, type Word } from '../verdict/command.ts'
import type { Step } from '../verdict/steps.ts'
import { insideQuotes, shellWord } from './text.ts'

export function commandText(command: CommandWords): string {
  return command.map((word) => shellParts(word).map(placeholderOf).join('')).join(' ')
}

/** Returns the parts of a command between which a line may be broken: an option stays with its value. */
export function commandParts(command: CommandWords): readonly string[] {
  const parts: string[] = []
  let isValue = false
  for (const word of command) {
    const text = commandText([word])
    if (isValue) parts.push(`${parts.pop()} ${text}`)
    else parts.push(text)
    isValue = !isValue && text.startsWith('--') && text !== '--'
  }
  return parts
}

function placeholderOf(part: string | Blank): string {
  return typeof part === 'string' ? part : blankText(part)
}

export function blankText({ blank, inQuotes }: Blank): string {
  return inQuotes ? `"${BLANKS[blank]}"` : BLANKS[blank]
}

type Part = Exclude<Word, string>[number]

function bareOf(part: Part): string | Blank {
  return typeof part !== 'string' && 'shell' in part ? part.shell : part
}

/** Returns a word with its texts escaped for a shell, so that its blanks are the only parts that are not yet so. */
export function shellParts(word: Word): readonly (string | Blank)[] {
  if (typeof word === 'string') return [shellWord(word)]
  const isOutside = (part: Part) => typeof part !== 'string' && ('shell' in part || part.inQuotes === true)
  const inside = word.filter((part) => !isOutside(part)).map((part) => placeholderOf(bareOf(part)))
  const quote = inside.every((text) => shellWord(text) === text) ? '' : "'"
  const parts = word.flatMap((part) => {
    const own = bareOf(part)
    if (isOutside(part)) return [quote, own, quote]
    return typeof own === 'string' && quote !== '' ? insideQuotes(own) : own
  })
  return [quote, ...parts, quote].filter((part) => part !== '')
}

export function stepJson({ what, command, note }: Step) {
  return { what, command: commandText(command), ...(note !== undefined && { note }) }
}

export function stepLines(steps: readonly Step[]): readonly string[] {
  const width = Math.max(0, ...steps.map(({ what }) => what.length + 1))
  return [
    ...steps.map(({ what, command }) => `  ${`${what}:`.padEnd(width)}  ${commandText(command)}`),
    ...new Set(steps.flatMap(({ note }) => (note === undefined ? [] : `  ${note}`))),
  ]
}

export function firstRunText(store: string): string {
  return `No tasks yet. Run your first one: ${commandText(firstRun(store, 'NAME'))}`
}
