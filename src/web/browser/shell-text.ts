import { insideQuotes } from '../../format/shell-quotes.ts'

// Writes the text of a field as a part of a command for a shell.

/** Control characters, line and paragraph separators, characters that change the direction of writing, and half characters. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/u

/** A newline would end the command early, and another control character could do anything to a terminal. */
export function isSafe(text: string): boolean {
  return !UNSAFE.test(text)
}

/** The positions of a placeholder, as the server names them. */
const ESCAPES: Readonly<Record<string, (text: string) => string>> = {
  /** Inside of single quotes. */
  word: insideQuotes,
  /** In a string of JSON that is inside of single quotes. */
  json: (text) => insideQuotes(JSON.stringify(text).slice(1, -1)),
  /** A command line of its own, which the person writes for the shell. */
  bare: (text) => text,
}

/** Returns a text as it must be written at a position. Null: the text is not safe, or the position is unknown. */
export function writtenAs(position: string, text: string): string | null {
  const write = Object.hasOwn(ESCAPES, position) ? ESCAPES[position] : undefined
  return write === undefined || !isSafe(text) ? null : write(text)
}
