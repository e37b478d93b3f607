/** Tells the caller how to act on an error. Each kind has one exit code in the CLI. */
export type ErrorKind =
  /** The caller's input or configuration is wrong. */
  | 'usage'
  /** The ledger did not answer in time. A write that was sent may or may not have been applied. */
  | 'unreachable'
  /** The credentials are missing, or the ledger or the system does not allow this call. */
  | 'denied'
  /** The table or the file is missing, or it is not a ledger. */
  | 'shape'

/** An option in the text of an error, by its name in the library. The command line shows its flag. */
export interface OptionWord {
  readonly option: string
}

export type ValueName = string | OptionWord

export type OptionText = readonly ValueName[]

export const option = (name: string): OptionWord => ({ option: name })

export function said(texts: TemplateStringsArray, ...values: readonly (ValueName | number | OptionText)[]): OptionText {
  return texts.flatMap((text, at): OptionText => {
    const value = values[at] ?? ''
    return [text, ...(typeof value === 'number' ? [String(value)] : partsOf(value))]
  })
}

function partsOf(text: ValueName | OptionText): OptionText {
  return typeof text === 'string' || 'option' in text ? [text] : text
}

/** The name of an option with hyphens: `retry-delay` for `retryDelayMs`. */
export function hyphened(name: string): string {
  return name.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Returns the text in the words of the command line, unless `nameOf` has others for its options. */
export function worded(text: ValueName | OptionText, nameOf = (name: string) => `--${hyphened(name)}`): string {
  return partsOf(text)
    .map((part) => (typeof part === 'string' ? part : nameOf(part.option)))
    .join('')
}

export class LedgerError extends Error {
  override readonly name = 'LedgerError'
  readonly kind: ErrorKind
  readonly #said: ValueName | OptionText
  /** True if the call waited for a lock until its time was over. The ledger works, and other processes came first. */
  readonly isBusy: boolean
  /** True if the call changed nothing and never will, because the ledger was busy or nothing was sent to it. */
  readonly changedNothing: boolean
  /** True if the ledger never takes a text that was to be written. */
  readonly refusesText: boolean

  constructor(
    kind: ErrorKind,
    message: string | OptionText,
    options?: { cause?: unknown; isBusy?: boolean; changedNothing?: boolean; refusesText?: boolean },
  ) {
    super(worded(message), options)
    this.kind = kind
    this.#said = message
    this.isBusy = options?.isBusy ?? false
    this.changedNothing = options?.changedNothing ?? this.isBusy
    this.refusesText = options?.refusesText ?? false
  }

  useLibraryNames(): void {
    const { message } = this
    this.message = worded(this.#said, (name) => name)
    // Node prints the stack of an error that is not caught, and it begins with the message of before.
    if (this.stack !== undefined) this.stack = this.stack.replace(message, () => this.message)
  }
}

export function usageError(message: string | OptionText): LedgerError {
  return new LedgerError('usage', message)
}

/** Returns whether an error may concern one task only, such as a damaged row. */
export function isFaultOfTask(error: unknown): error is LedgerError {
  return error instanceof LedgerError && (error.kind === 'shape' || error.kind === 'usage')
}

/** For a `catch`: a role that is limited to one task may read no other. Throws all other errors. */
export function nullIfDenied(error: unknown): null {
  if (error instanceof LedgerError && error.kind === 'denied') return null
  throw error
}

/** For a `catch` of a read before a write: the write makes the file of a new ledger, or says what is wrong. Throws all other errors. */
export function nullIfShape(error: unknown): null {
  if (error instanceof LedgerError && error.kind === 'shape') return null
  throw error
}

/** Returns the code of an error of the system, such as `ENOENT`. Returns undefined for any other error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

/** Never throws, because the error must reach its caller. */
export function firstLine(error: unknown): string {
  try {
    // A failed connection to a name with several addresses is an AggregateError, which has no message.
    const first: unknown = error instanceof AggregateError && error.message === '' ? error.errors[0] : error
    return String(first instanceof Error ? first.message : first).split('\n', 1)[0] ?? ''
  } catch {
    // An object without a prototype, for example, cannot be turned into text.
    return 'an error without a message'
  }
}

/** In characters: enough to recognise the value, and the error stays on one line. */
const MAX_QUOTED_LENGTH = 300

/**
 * Hides what can be the password of an address, however it is mistyped: from the first colon to the last @, and after
 * `password=` and the like. All that the user gave must go through this or `quote` before an error shows it.
 */
export function withoutSecret(text: string): string {
  const named = text.replace(/((pass|pw|secret)\w{0,30}=).*/is, '$1…')
  // One expression for both ends would take a minute for 400 KB of colons, and a damaged row has as many.
  const [from, to] = [named.search(/:(?!\/\/[^:@]*@[^@]*$)/), named.lastIndexOf('@')]
  return from >= 0 && from < to ? `${named.slice(0, from)}:…${named.slice(to)}` : named
}

/** Returns a value in quotes, without a password, and with each character escaped that could move a cursor or reorder text. */
export function quote(value: string): string {
  const safe = withoutSecret(value)
  const shown = safe.length > MAX_QUOTED_LENGTH ? `${safe.slice(0, MAX_QUOTED_LENGTH)}…` : safe
  return JSON.stringify(shown).replace(
    /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

export type Problem = (text: string | OptionText) => LedgerError

export function scheduleProblem(expression: string): Problem {
  return (text) => usageError(said`schedule ${quote(expression)}: ${text}`)
}
