import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { DAY_MS } from '../core/duration.ts'
import { LedgerError, usageError } from '../core/errors.ts'
import { parseInstant } from '../core/instant.ts'
import type { OrUndefined } from '../core/objects.ts'
import { isUnreadable, readableRow } from '../core/row/status.ts'
import { timeText } from '../core/schedule/schedule-options.ts'
import { daysIn, type TimeRange } from '../core/schedule/time-range.ts'
import type { Instant, Row, StoredRow } from '../core/types.ts'
import { checkTaskName } from '../core/user-text.ts'
import { type Clock, withDeadline } from '../process/clock.ts'
import type { CallOptions, ListQuery, Page, Store } from '../store/store.ts'

/** Without a task, the rows of all tasks are read, day by day. */
export interface HistoryQuery extends TimeRange {
  readonly task?: string
  readonly limit: number
}

export interface HistoryDeps {
  readonly store: Store
  readonly clock: Clock
  readonly pageTimeoutMs: number
  readonly signals: readonly AbortSignal[]
  /** Read the rows of a task strongly consistent. Left out: eventually. */
  readonly consistent?: true | undefined
}

type QueryText = OrUndefined<{ readonly task: string; readonly since: string | Date; readonly until: string | Date }>

export function queryOf({ task, since, until }: QueryText): Omit<HistoryQuery, 'limit'> {
  if (task !== undefined) checkTaskName(task)
  return {
    ...(task !== undefined && { task }),
    ...(since !== undefined && { since: parseInstant(timeText(since, 'since'), 'since') }),
    ...(until !== undefined && { until: parseInstant(timeText(until, 'until'), 'until') }),
  }
}

const PAGE_ROWS = 100

/** The default range for all tasks, in days. It covers a weekend or a week off. */
const DEFAULT_DAYS = 7
/** Each day costs a request, even if it has no rows. Ten years take some minutes. */
const MAX_DAYS = 3_660

/** Newest slot first, with one page in memory. Throws a usage error if the range without a task is too long. */
export async function* readHistory(asked: HistoryQuery, deps: HistoryDeps): AsyncGenerator<StoredRow> {
  const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = asked
  let left = asked.limit
  for (const query of partsOf(asked, deps.clock.now())) {
    for (let cursor: Page['next']; ; ) {
      const part = {
        ...query,
        limit: Math.min(left, PAGE_ROWS),
        ...(cursor && { cursor }),
        ...(query.kind === 'task' && deps.consistent && { consistent: true as const }),
      }
      const page = await ask(deps, (call) => deps.store.list(part, call))
      // A file ledger answers without yielding to the event loop, and a stop signal would wait until all pages are read.
      await yieldToEventLoop()
      // A day is listed as a whole.
      for (const row of page.rows.filter(({ slot }) => slot >= since && slot < until).slice(0, left)) {
        yield row
        left -= 1
      }
      if (left <= 0) return
      if (page.next === undefined) break
      cursor = page.next
    }
  }
}

/** Reads strongly consistent. Returns null without a row. Throws a usage error for a wrong task or instant. */
export async function readRow(
  { task, slot: text }: { readonly task: string; readonly slot: string | Date },
  deps: HistoryDeps,
): Promise<StoredRow | null> {
  checkTaskName(task)
  const slot = parseInstant(timeText(text, 'slot'), 'slot')
  // Slots are whole seconds, so no other instant has a row, and the stores have no key for it.
  if (slot % 1000 !== 0) return null
  return ask(deps, (call) => deps.store.get({ task, slot }, call)).catch(async (error: unknown) => {
    if (!(error instanceof LedgerError) || error.kind !== 'shape') throw error
    // A listing says what is wrong with the row.
    const query = { kind: 'task', task, since: slot, until: slot + 1_000, limit: 1 } as const
    const [row] = (await ask(deps, (call) => deps.store.list(query, call))).rows
    if (row === undefined || !isUnreadable(row)) throw error
    return row
  })
}

type ListPart = Omit<Extract<ListQuery, { kind: 'task' }>, 'limit'> | Omit<Extract<ListQuery, { kind: 'day' }>, 'limit'>

function* partsOf(query: HistoryQuery, now: Instant): Generator<ListPart> {
  const { task, since, until } = query
  if (task !== undefined) {
    yield { kind: 'task', task, ...(since !== undefined && { since }), ...(until !== undefined && { until }) }
    return
  }
  const range = rangeOf(query, now)
  const days = Math.ceil((range.until - range.since) / DAY_MS)
  if (days > MAX_DAYS) {
    throw usageError(`since is ${days} days before until. Without a task, the range can have at most ${MAX_DAYS} days.`)
  }
  for (const day of daysIn(range.since, range.until)) yield { kind: 'day', day }
}

export function rangeOf({ task, since, until }: Omit<HistoryQuery, 'limit'>, now: Instant): Required<TimeRange> {
  if (task !== undefined) return { since: since ?? 0, until: until ?? Number.POSITIVE_INFINITY }
  // A slot later today can already have a row, because an operator may resolve a slot before it is due.
  const last = until ?? now + DAY_MS - (now % DAY_MS)
  const first = Math.max(0, Math.min(now, last) - DEFAULT_DAYS * DAY_MS)
  // The range starts at midnight UTC, because a day is listed as a whole.
  return { since: since ?? first - (first % DAY_MS), until: last }
}

export function ask<T>({ clock, pageTimeoutMs, signals }: HistoryDeps, question: (call: CallOptions) => Promise<T>) {
  return withDeadline(clock, pageTimeoutMs, signals, (signal) => question({ signal }))
}

export async function readableRows(rows: AsyncIterable<StoredRow>): Promise<readonly Row[]> {
  const found: Row[] = []
  for await (const row of rows) {
    const own = readableRow(row)
    if (own !== null) found.push(own)
  }
  return found
}

/** After this many slots, stop signals and printed output get their turn. */
const SLOTS_PER_YIELD = 100

export async function* yieldingOften<T>(items: Iterable<T>, pause: () => Promise<unknown> = yieldToEventLoop) {
  let count = 0
  for (const item of items) {
    yield item
    count += 1
    if (count % SLOTS_PER_YIELD === 0) await pause()
  }
}
