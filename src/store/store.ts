import type { StoredDocument } from '../core/row/stored-row.ts'
import type { Instant, Key, Rejection, Row, StoredRow } from '../core/types.ts'

/** Ends a wait: a deadline or a stop. Every call to a ledger takes one, so that no call can hang. */
export interface CallOptions {
  readonly signal: AbortSignal
}

export type PutResult =
  | { readonly kind: 'ok' }
  /** The expectation did not hold: nothing was written. `found` is the row as it is, null where there is none. */
  | { readonly kind: 'conflict'; readonly found: StoredRow | null }

/**
 * The stored row that a write builds on. The version alone would not do: those of a row that somebody deleted, and
 * another run made anew, start again at 1.
 */
export type Expected = 'absent' | Pick<Row, 'version' | 'owner'>

/** Rows of one task, or of one UTC day over all tasks: newest slot first, and those of one slot in a fixed order. */
export type ListQuery = (
  | {
      readonly kind: 'task'
      readonly task: string
      /** Slots from this instant on (inclusive). */
      readonly since?: Instant
      /** Slots before this instant (exclusive). */
      readonly until?: Instant
    }
  | {
      readonly kind: 'day'
      /** UTC date of the slots, `2026-11-24`. */
      readonly day: string
    }
) & {
  /** Most rows in a page, 1 to 1000. A page may hold fewer and still have a `next`. */
  readonly limit: number
  /** `next` of the page before. */
  readonly cursor?: string
}

export interface Page {
  readonly rows: readonly StoredRow[]
  /** Opaque; absent on the last page. */
  readonly next?: string
}

/**
 * A small document beside the rows, one for each task. Its kind is its partition, which no task's name can be:
 * `#registry` holds the schedules of a task, `#turn` names the slot that may run where slots must not overlap.
 */
export interface EntryKey {
  readonly kind: '#registry' | '#turn'
  readonly task: string
}

export interface Entry {
  readonly version: number
  readonly document: StoredDocument
}

interface EntryPage {
  readonly entries: ReadonlyArray<Entry & { readonly task: string }>
  /** Opaque; absent on the last page. */
  readonly next?: string
}

/**
 * The port: what the rules need of a ledger, and nothing else. Every store passes the suite in `test/store/contract.ts`.
 *
 * Expected answers are values. A store throws `LedgerError`: `unreachable` when a write may or may not have been
 * applied or a read was not answered, `denied` and `shape` when asking again is no use.
 */
export interface Store {
  /** `dynamodb:TABLE` or `file:PATH`: how a person names it. */
  readonly name: string

  /** Strongly consistent. */
  get(key: Key, call: CallOptions): Promise<StoredRow | null>

  /**
   * Writes the owner's part of `row` if the stored row is the `expected` one, or if there is none (`absent`).
   * Never touches what `note` wrote: `row.rejections` is ignored.
   */
  put(row: Row, expected: Expected, call: CallOptions): Promise<PutResult>

  /**
   * Records a rejection. Never moves the version, never makes a row where there is none, never touches a row of a newer
   * schema; the same rejection (by its run id) counts once. True when it is on record.
   */
  note(key: Key, rejection: Rejection, call: CallOptions): Promise<boolean>

  /** Eventually consistent: for people and audits, never for a decision. */
  list(query: ListQuery, call: CallOptions): Promise<Page>

  /** An entry beside the rows; null where there is none. Strongly consistent. */
  readEntry(key: EntryKey, call: CallOptions): Promise<Entry | null>

  /** Writes an entry if its stored version is `expected`, or if there is none (`absent`). Expected answers as `put`'s. */
  writeEntry(key: EntryKey, entry: Entry, expected: number | 'absent', call: CallOptions): Promise<'ok' | 'conflict'>

  /** The entries of one kind, by name; pages as `list` has them. */
  listEntries(kind: EntryKey['kind'], cursor: string | undefined, call: CallOptions): Promise<EntryPage>

  /** Lets go of connections and files. */
  close(): void
}
