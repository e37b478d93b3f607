import { type LedgerError, usageError } from './errors.ts'

/**
 * The longest part of a value that an error shows, in characters. It is enough to recognise the value, and the error
 * stays on one line.
 */
const MAX_QUOTED_LENGTH = 300

/**
 * Returns a value as an error shows it: in quotes, with every character escaped that could move the cursor of a
 * terminal or reorder its text.
 */
export function quote(value: string): string {
  const shown = value.length > MAX_QUOTED_LENGTH ? `${value.slice(0, MAX_QUOTED_LENGTH)}…` : value
  return JSON.stringify(shown).replace(
    /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Makes the error about one schedule from a text that says what is wrong with it. */
export type Problem = (text: string) => LedgerError

export function scheduleProblem(expression: string): Problem {
  return (text) => usageError(`schedule ${quote(expression)}: ${text}`)
}
