import { formatInstant } from '../core/instant.ts'
import type { AttemptRecord, Ending, Outcome, ScheduleSpec } from '../core/types.ts'
import { insideQuotes } from './shell-quotes.ts'

/** Control characters, including the C1 ones, line separators, and characters that change the direction of writing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters must not reach a terminal
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** Returns text from a ledger or an event in a form that is safe on a terminal and stays on one line. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Returns JSON that is safe on a terminal. JSON may escape any character, so nothing is lost. */
export function safeJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).split('\n').map(printable).join('\n')
}

/** A word that needs no quotes. zsh expands a `=` at the start, and fish a `%`. */
const PLAIN_WORD = /^(?![=%])[A-Za-z0-9_./:@%+=,-]+$/

/** Returns `text` as one word of sh, bash, zsh and fish. */
export function shellWord(text: string): string {
  return PLAIN_WORD.test(text) ? text : `'${insideQuotes(text)}'`
}

/** Returns `a, b and c`. It does not use `Intl`, because the first use of `Intl` in a process takes 9 ms and 8 MB. */
export function listed(items: readonly string[], word: 'and' | 'or'): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} ${word} ${items.at(-1)}`
}

/** Returns the text with a full stop, unless it ends a sentence already. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** Returns a duration in milliseconds as a short text: `0.4s`, `12s`, `3m 5s`, `2h 10m`, `3d 4h`. */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toString()}s`
  if (seconds < 60) return `${Math.floor(seconds)}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m ${Math.floor(seconds % 60)}s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`
}

/**
 * Yields one JSON array, piece by piece, with each part on its own line. `textOf` returns the JSON of the item of a
 * part, or of several items with `,\n` between them.
 */
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

// The phrases that the log, the tables and the pages share. The texts are not yet safe on a terminal.

const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  succeeded: 'succeeded',
  failed: 'failed',
  timedOut: 'timed out',
  interrupted: 'was interrupted',
  leaseLost: 'lost its lease',
  abandoned: 'was abandoned',
  notStarted: 'was not started',
}

/** Returns how an attempt ended, for example `succeeded` or `failed (exit code 3)`. */
export function endingText({ outcome, exitCode, signal }: Ending): string {
  const words = OUTCOME_WORDS[outcome]
  if (signal !== undefined) return `${words} (${signal})`
  return exitCode === undefined || exitCode === 0 ? words : `${words} (exit code ${exitCode})`
}

/** Returns what an attempt does, `is running` or `is waiting`, or how it ended. */
export function progressText(attempt: AttemptRecord): string {
  switch (attempt.phase) {
    case 'waiting':
      return 'is waiting'
    case 'running':
      return 'is running'
    case 'ended':
      return endingText(attempt)
  }
}

/** Returns a schedule on one line: `0 3 * * * (Asia/Tokyo)`. */
export function scheduleText({ expression, zone, anchor }: ScheduleSpec): string {
  return `${expression} (${zone}${anchor === undefined ? '' : `, from ${formatInstant(anchor)}`})`
}
