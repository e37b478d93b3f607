import { type LedgerError, usageError } from './errors.ts'

/** Longest part of a value that an error shows: enough to recognise it, and the error stays one line. */
const MAX_QUOTED_LENGTH = 300

/** A value as an error shows it: quoted, and with everything escaped that could move a terminal's cursor or its text. */
export function quote(value: string): string {
  const shown = value.length > MAX_QUOTED_LENGTH ? `${value.slice(0, MAX_QUOTED_LENGTH)}…` : value
  return JSON.stringify(shown).replace(
    /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Makes the error for what is wrong with the schedule at hand. */
export type Problem = (text: string) => LedgerError

export function scheduleProblem(expression: string): Problem {
  return (text) => usageError(`schedule ${quote(expression)}: ${text}`)
}
