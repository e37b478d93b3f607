import type { StoredDocument } from '../core/row/stored-fields.ts'
import type { Instant, Key, Rejection, Row, StoredRow } from '../core/types.ts'

/** The signal ends a wait, at a deadline or at a stop. Every call to a ledger takes one, so that no call can hang. */
export interface CallOptions {
  readonly signal: AbortSignal
}

export type PutResult =
  | { readonly kind: 'ok' }
  /** The expectation did not hold, so nothing was written. `found` is the row as it is now. */
  | { readonly kind: 'conflict'; readonly found: StoredRow | null }

/** The version alone is not enough: if an operator deletes a row and a run makes it again, its versions start again at 1. */
export type Expected = 'absent' | Pick<Row, 'version' | 'ownerRunId'>

/** The newest slot comes first, and the rows of one slot come in a fixed order. */
export type ListQuery = (
  | {
      readonly kind: 'task'
      readonly task: string
      readonly since?: Instant
      readonly until?: Instant
      /** The read is strongly consistent, so it may decide what a run does. */
      readonly consistent?: true
    }
  | {
      readonly kind: 'day'
      readonly day: string
    }
) & {
  /** The most rows in a page, 1 to 1000. A page may hold fewer rows and still have a `next`. */
  readonly limit: number
  readonly cursor?: StoredKey
}

export interface StoredKey {
  readonly task: string
  readonly slot: string
}

export interface Page {
  readonly rows: readonly StoredRow[]
  readonly next?: StoredKey
}

/** A slot that has a row, which was not read. The row may be damaged. */
export interface ListedSlot {
  readonly slot: Instant
  /** Whether the row may be one in which nothing started (`isLeftOpen`). Only the whole row says whether it is. */
  readonly mayBeLeft: boolean
}

export interface SlotsPage {
  readonly slots: readonly ListedSlot[]
  /** The end of the range of the next page. It is absent on the last page. */
  readonly next?: Instant
}

/**
 * The key of a small document in the partition of a task. A kind begins with `#`, which no slot does. What was told has a partition
 * of its own, such as `#told/ops`, which no task has.
 */
export interface EntryKey {
  readonly task: string
  readonly kind: '#task' | '#lock' | '#told'
}

export interface Entry {
  readonly version: number
  readonly document: StoredDocument
}

export interface StoredEntry {
  readonly version: number
  readonly document: unknown
}

/** The most entries that one call of `readTaskEntries` reads, because `BatchGetItem` of DynamoDB reads no more. */
export const ENTRIES_PER_READ = 100

/**
 * The port: everything that the rules need from a ledger, and nothing else. Every store passes the tests in
 * `test/store/contract.ts`.
 *
 * Expected answers are return values. A store throws `LedgerError`. The kind is `unreachable` if a write may or may not
 * have been applied, or if a read was not answered. It is `denied` or `shape` if another try cannot help.
 */
export interface Store {
  /** Reads a row. Returns null if there is none. The read is strongly consistent. Throws `shape` if the row is damaged. */
  get(key: Key, call: CallOptions): Promise<StoredRow | null>

  /**
   * Writes the owner's part of `row` if the stored row is the `expected` one, or if there is none (`absent`). It never
   * changes the data that `note` wrote, and ignores `row.rejections`.
   */
  put(row: Row, expected: Expected, call: CallOptions): Promise<PutResult>

  /**
   * Records a rejection. It never changes the version, never makes a row, and never changes a row of a newer schema.
   * The same rejection, by its run id, counts once. Returns true if the rejection is recorded.
   */
  note(key: Key, rejection: Rejection, call: CallOptions): Promise<boolean>

  /**
   * Reads one page of rows. Unless it says `consistent`, the read is eventually consistent, so it is for people and
   * audits, and never for a decision. A damaged row is returned as one, so that it hides no other.
   */
  list(query: ListQuery, call: CallOptions): Promise<Page>

  /**
   * Reads one page of the slots of a task in `[since, until)` that have a row, the newest first, and as little of each row
   * as it can. A page is as large as one request allows. The read is eventually consistent, as that of `list`.
   */
  listSlots(range: { task: string; since: Instant; until: Instant }, call: CallOptions): Promise<SlotsPage>

  /** Reads an entry of a task. Returns null if there is none. The read is strongly consistent. */
  readEntry(key: EntryKey, call: CallOptions): Promise<StoredEntry | null>

  /**
   * Writes an entry if its stored version is `expected`, or if there is none (`absent`). As with `put`, a conflict is a
   * return value and not an error.
   */
  writeEntry(key: EntryKey, entry: Entry, expected: number | 'absent', call: CallOptions): Promise<'ok' | 'conflict'>

  /**
   * Reads the names of all tasks that have a `#task` entry, or a row of one of the UTC dates `days`, sorted. The read is
   * eventually consistent.
   */
  listTasks(call: CallOptions, days?: readonly string[]): Promise<readonly string[]>

  /**
   * Reads the `#task` entries of 1 to `ENTRIES_PER_READ` tasks. A task without an entry is left out. The read is eventually
   * consistent, so it is for people and audits, and never for a decision.
   */
  readTaskEntries(tasks: readonly string[], call: CallOptions): Promise<ReadonlyMap<string, StoredEntry>>

  /** Makes the ledger, as the first claim does. Returns the absolute path of its file, or null if it was there already. */
  create?(call: CallOptions): Promise<string | null>

  close(): void
}

export interface OpenedStore {
  readonly store: Store
  /** Warnings for the operator about this store. The ledger works in spite of them. */
  readonly warnings: readonly string[]
  /** Returns the absolute path of the file if a call of this store has just made the ledger. Tells it once. */
  takeCreated?(): string | null
}
