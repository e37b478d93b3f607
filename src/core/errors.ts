/**
 * What went wrong, as the caller can act on it. Each kind has one exit code in the CLI:
 * `usage` 64, `unreachable` 75, `denied` 77, `shape` 78.
 */
export type ErrorKind =
  /** The caller's input or configuration is wrong. */
  | 'usage'
  /** The ledger gave no answer in time; whatever was sent may or may not have been applied. */
  | 'unreachable'
  /** No credentials, or the ledger does not let this caller do it. */
  | 'denied'
  /** The table or file is missing, or is not a ledger. */
  | 'shape'

/** The one error class: its message is one line that says what is wrong, which value, what is allowed, what to do. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError'
  readonly kind: ErrorKind
  /** The call changed nothing, and never will: it had to wait for its turn until its time was over. */
  readonly changedNothing: boolean

  constructor(kind: ErrorKind, message: string, options?: { cause?: unknown; changedNothing?: boolean }) {
    super(message, options)
    this.kind = kind
    this.changedNothing = options?.changedNothing ?? false
  }
}

export function usageError(message: string): LedgerError {
  return new LedgerError('usage', message)
}

/** What an unknown error says, in one line. */
export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
}
