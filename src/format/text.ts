import { elapsed } from '../core/duration.ts'
import { quote } from '../core/errors.ts'
import { UNPRINTABLE } from '../core/user-text.ts'

/** Returns text from a ledger or an event in a form that is safe on a terminal and stays on one line. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

export function printableLines(texts: readonly string[]): string {
  return texts.map(printable).join('\n')
}

/** Returns JSON that is safe on a terminal. JSON may escape any character, so nothing is lost. */
export function safeJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).split('\n').map(printable).join('\n')
}

/** A word that needs no quotes. zsh expands a `=` at the start, and fish a `%`. */
const PLAIN_WORD = /^(?![=%])[A-Za-z0-9_./:@%+=,-]+$/

/** A quote, and a backslash that fish would take for an escape: before another backslash, before a quote, and at the end. */
const SPECIAL = /(?:'|\\(?=['\\]|$))+/g

/** A POSIX shell changes nothing in single quotes, but fish reads `\\` and `\'`, so these are in double quotes. */
export function insideQuotes(text: string): string {
  return text.replace(SPECIAL, (found) => `'"${found.replaceAll('\\', '\\\\')}"'`)
}

export function shellWord(text: string): string {
  return PLAIN_WORD.test(text) ? text : `'${insideQuotes(text)}'`
}

/** Returns `a, b and c`. It does not use `Intl`, because the first use of `Intl` in a process takes 9 ms and 8 MB. */
export function listed(items: readonly string[], word: 'and' | 'or'): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} ${word} ${items.at(-1)}`
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

export function delayText(ms: number): string {
  return `${elapsed(Math.abs(ms))} ${ms < 0 ? 'before' : 'after'} the scheduled time`
}

export type Labelled = readonly [label: string, text: string]

/** Returns the texts as lines, the first one with the label. `none` stands there if there are none. Left out: nothing does. */
export function labelled(label: string, texts: readonly string[], none?: string): readonly Labelled[] {
  const shown = texts.length === 0 && none !== undefined ? [none] : texts
  return shown.map((text, index) => [index === 0 ? label : '', text])
}

export function newLedgerText(path: string): string {
  return `created a new ledger ${quote(path)}: slots that ran before are not known to it`
}

/** Returns the text with a full stop, unless it ends a sentence already. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** Each part is on its own line. `textOf` returns the JSON of an item, or of several with `,\n` between them. */
export async function* jsonArray<T>(
  parts: AsyncIterable<T>,
  textOf: (part: T) => string,
): AsyncGenerator<string, void, undefined> {
  let before = '[\n'
  for await (const part of parts) {
    yield before + textOf(part)
    before = ',\n'
  }
  yield before === '[\n' ? '[]\n' : '\n]\n'
}

/** What an operator who has to act now types. The executable and the images have no folder of docs. */
export const OPERATING_GUIDE = 'cronledger help operating'
