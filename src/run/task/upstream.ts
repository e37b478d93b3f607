import { LedgerError, type OptionText, option, said, usageError, worded } from '../../core/errors.ts'
import { formatInstant } from '../../core/instant.ts'
import { isLeftOpen, isOverlapSkip } from '../../core/row/attempts.ts'
import { collectRanges, firstSpanMs, readLater } from '../../core/row/range.ts'
import { readableRow } from '../../core/row/status.ts'
import { blockAttempt, keyOf } from '../../core/row/transition.ts'
import { parseSchedule } from '../../core/schedule/schedule.ts'
import { slotAfter } from '../../core/schedule/slot.ts'
import type { DueKey } from '../../core/task/expected-slots.ts'
import { parseSchedules, scheduleWith } from '../../core/task/schedules-in-force.ts'
import {
  EMPTY_TASK_RECORD,
  expectedTimes,
  isNewerRecord,
  rangesUntil,
  type TaskRecord,
} from '../../core/task/task-record.ts'
import {
  type DueUpstream,
  needOf,
  previousSlot,
  SELF,
  type UnknownUpstream,
  upstreamSlots,
} from '../../core/task/upstream.ts'
import { latestSlot, withoutFuture } from '../../core/task/wrong-clock.ts'
import type { Instant, Key, PendingRow, StoredRow } from '../../core/types.ts'
import type { CallOptions, ListQuery } from '../../store/store.ts'
import { type AskIo, askWithin, type Limit, within } from '../ask.ts'
import type { SlotRequest } from '../claim.ts'
import { type ClaimedSlot, writeClaimed } from '../claimed-slot.ts'
import type { Settings } from '../settings.ts'
import type { RunIo } from '../write.ts'
import { newestRows, readAround, taken } from './range.ts'
import { readRecord } from './task-record.ts'

// The slots that a slot comes after (`--after`), by the records of their tasks, and the rows of these slots.

export type RecordIo = AskIo & Pick<RunIo, 'store' | 'stop' | 'known'>

/** A first deployment may have another order, so a scheduled run records that it was refused. */
export class UnknownUpstreamError extends LedgerError implements UnknownUpstream {
  readonly task: string | null
  readonly problem: string

  constructor(task: string | null, problem: OptionText) {
    const advice = `Check the name, or record the task first: cronledger declare ${task ?? 'NAME'} --schedule EXPR`
    super('usage', said`${problem}. ${advice}`)
    this.task = task
    this.problem = worded(problem)
  }
}

export function unknownUpstream(task: string, problem = 'is unknown: no run of it is recorded in this ledger') {
  return new UnknownUpstreamError(task, said`task ${task} of ${option('after')} ${problem}`)
}

/** A force may find the name in the record only, so the message must say whose records the role cannot read. */
export function deniedOf(name: string) {
  return (error: unknown): never => {
    if (!(error instanceof LedgerError) || error.kind !== 'denied') throw error
    const what = said`this task comes after ${name} (${option('after')}), whose records cannot be read`
    const how = said`Let this role read them, or force the run with ${option('ignoreAfter')}. If it comes after ${name} no longer, record that: cronledger declare … --after ''`
    throw new LedgerError('denied', said`${what}: ${error.message} ${how}`, { cause: error.cause })
  }
}

/**
 * Returns the slots that the slot of the request comes after, by task. The records may have changed since the last time.
 * `since`: where the work begins, if that is before the previous slot. It then needs the slots of other tasks since then.
 */
export async function upstreamOf(
  { task, schedule, window: { slot } }: SlotRequest,
  names: readonly string[],
  read: (task: string) => Promise<TaskRecord | null>,
  hasRow: (key: Key) => Promise<boolean>,
  since: Instant | null = null,
) {
  const own = (await read(task)) ?? EMPTY_TASK_RECORD
  const before = (await previousSlot(task, own, parseSchedule(schedule), slot, hasRow)) ?? slot
  const all: { readonly record: TaskRecord; readonly slots: readonly DueKey[] }[] = []
  for (const name of names) {
    const isOwn = name === SELF
    const record = isOwn ? own : scheduled(name, task, await read(name).catch(deniedOf(name)))
    const until = isOwn ? slot : slot + 1
    const after = isOwn ? before : Math.min(before, since ?? before)
    all.push({ record, slots: await upstreamSlots(isOwn ? task : name, record, { after, until }, hasRow) })
  }
  return all
}

function scheduled(name: string, task: string, record: TaskRecord | null): TaskRecord {
  if (name === task)
    throw usageError(
      said`${option('after')} ${name} names the task itself. Use ${option('after')} ${SELF} for its previous slot.`,
    )
  if (record !== null && record.schedules.length > 0) return record
  throw unknownUpstream(name, record === null ? undefined : 'has no recorded schedule')
}

export async function readUpstreamRecord(
  task: string,
  { ledgerTimeoutMs, skewMs }: Pick<Settings, 'ledgerTimeoutMs' | 'skewMs'>,
  io: RecordIo,
  limits: Pick<Limit, 'halt' | 'retry'>,
): Promise<TaskRecord | null> {
  const withoutLater = (record: TaskRecord) => withoutFuture(record, latestSlot({ now: io.clock.now(), skewMs }))
  const recent = io.known.recent(task)
  if (recent !== null) return withoutLater(recent)
  const limit = { ms: ledgerTimeoutMs, ...limits }
  const { record, version } = await askWithin(limit, io, (call) => readRecord(task, io.store, call))
  if (isNewerRecord(record)) {
    throw new LedgerError(
      'shape',
      `a newer version of cronledger wrote the record of task ${task}, so it is unknown when it is due. Update cronledger on this host or in this image.`,
    )
  }
  if (version === 'absent') return null
  io.known.add(task, record)
  return withoutLater(record)
}

function readUpstreamRow(key: Key, claimedSlot: ClaimedSlot): Promise<StoredRow | null> {
  return askForUpstream(claimedSlot, (call) => claimedSlot.io.store.get(key, call))
}

function askForUpstream<T>({ settings, io, halt }: ClaimedSlot, request: (call: CallOptions) => Promise<T>) {
  return askWithin({ ms: settings.ledgerTimeoutMs, halt, retry: 'denied' }, io, request)
}

const ROWS_AT_ONCE = 1_000

/**
 * Yields slots of one task, which come oldest first, with their rows and what later runs say of them. It reads them by one query,
 * and if they may lie in the range of a later run, also the rows after them.
 */
async function* readUpstream(
  slots: readonly DueKey[],
  record: TaskRecord,
  claimedSlot: ClaimedSlot,
): AsyncGenerator<DueUpstream, void> {
  const { store, clock } = claimedSlot.io
  const now = clock.now()
  const { skewMs } = expectedTimes(record)
  const [first, last] = [slots.at(0), slots.at(-1)]
  if (first === undefined || last === undefined) return
  const list = (query: ListQuery) => askForUpstream(claimedSlot, (call) => store.list(query, call))
  const read = (since: Instant, until: Instant) => newestRows({ task: first.task, since, until }, list, ROWS_AT_ONCE)
  const rows = await taken(read(first.slot, last.slot + 1))
  const end = last.slot < rangesUntil(record) ? now + skewMs + 1 : last.slot
  const ranges = collectRanges({ now, skewMs, rangesUntil: rangesUntil(record) })
  const schedule = scheduleWith(parseSchedules(record), last.slot)
  const spanMs = firstSpanMs(last.slot, schedule && slotAfter(schedule, last.slot))
  const readSpan = (since: Instant, until: Instant, limit: number) => taken(read(since, until), limit)
  for (const row of await readLater(last.slot + 1, { end, spanMs, skewMs }, readSpan)) ranges.add(row)
  const found = slots.toReversed().map((key): DueUpstream => {
    for (let row = rows[0]; row !== undefined && row.slot > key.slot; row = rows[0]) {
      ranges.add(row)
      rows.shift()
    }
    const row = rows[0]?.slot === key.slot ? rows[0] : null
    return { ...key, row, record, later: ranges.of(key.slot, row) }
  })
  for (const one of found.reverse()) {
    // A damaged row is an error of the read, and it is listed all the same.
    const isDamaged = one.row !== null && 'damage' in one.row
    yield isDamaged ? { ...one, row: await readUpstreamRow(one, claimedSlot) } : one
  }
}

// A run that comes after other slots (`--after`) waits for them after its claim, so that a second trigger of its slot is a
// duplicate.

/** A batch that waits for hours need not start within a second, and each read costs a request. */
const READ_EVERY_MS = 10_000
/** Runs that wait for the same slot do not read it at the same moment. */
const JITTER = 0.2
/**
 * Waits until all slots that this one comes after have completed, or need not complete. Returns the slot that is missing at
 * the end of the time. Throws `Halted`, `LedgerError`, and a usage error if it would wait for the run that this process is a
 * part of.
 */
export async function waitForUpstream(row: PendingRow, claimedSlot: ClaimedSlot): Promise<DueUpstream | null> {
  const { request, settings, io } = claimedSlot
  const untilMs = request.waitUntilMs ?? io.clock.monotonicMs() + settings.afterTimeoutMs
  let last: DueUpstream | null = null
  for (;;) {
    const missing = await findMissing(row, claimedSlot)
    if (missing === null) return null
    const leftMs = untilMs - io.clock.monotonicMs()
    if (missing.task !== last?.task || missing.slot !== last.slot) {
      await writeClaimed(
        (row, stamp) => blockAttempt(row, keyOf(missing), stamp, settings.leaseMs),
        claimedSlot,
        settings.ledgerTimeoutMs,
      )
      if (leftMs > 0) io.emit({ event: 'waiting', missing, leftMs })
    }
    last = missing
    if (leftMs <= 0) return missing
    await waitForRow(missing, untilMs, claimedSlot)
  }
}

/** Reads from the first slot on at each call, because a slot that had completed may run again since. */
async function findMissing(own: PendingRow, claimedSlot: ClaimedSlot): Promise<DueUpstream | null> {
  const { request, settings, io, halt } = claimedSlot
  const excused: string[] = []
  const read = (task: string) => readUpstreamRecord(task, settings, io, { halt, retry: 'denied' })
  const hasRow = async (key: Key) => (await readUpstreamRow(key, claimedSlot)) !== null
  const names = request.upstreams ?? settings.after ?? []
  const since = await rangeStart(own, claimedSlot)
  for (const { record, slots } of await upstreamOf(request, names, read, hasRow, since)) {
    for await (const one of readUpstream(slots, record, claimedSlot)) {
      if (isInOwnRange(one, claimedSlot)) continue
      const need = needOf(one)
      if (need.kind === 'open') return { ...one, row: notInside(one, claimedSlot) }
      if (need.kind === 'excused') excused.push(`${formatInstant(one.slot)} of ${one.task} ${need.why}`)
    }
  }
  if (excused.length > 0) {
    const message = `this run starts, although these slots of --after have not completed: ${excused.join('; ')}`
    io.emit({ event: 'warning', message })
  }
  return null
}

async function rangeStart(row: PendingRow, claimedSlot: ClaimedSlot): Promise<Instant | null> {
  const { settings, io, halt } = claimedSlot
  if (!settings.sinceLastSuccess) return null
  const { start } = await within({ ms: settings.ledgerTimeoutMs, halt }, io, (ask) => readAround(claimedSlot, row, ask))
  return 'since' in start ? start.since : null
}

async function waitForRow(missing: DueUpstream, untilMs: number, claimedSlot: ClaimedSlot): Promise<void> {
  const { clock, random } = claimedSlot.io
  for (;;) {
    const leftMs = untilMs - clock.monotonicMs()
    if (leftMs <= 0) return
    await clock.wait(Math.min(leftMs, READ_EVERY_MS * (1 + JITTER * (2 * random() - 1))), claimedSlot.halt)
    for await (const one of readUpstream([missing], missing.record, claimedSlot))
      if (needOf(one).kind !== 'open') return
  }
}

/** Returns whether the slot is the previous one of a run with a range, and nothing has started in it: the range has it, too. */
function isInOwnRange({ task, row }: DueUpstream, { request, settings }: ClaimedSlot): boolean {
  if (task !== request.task || !settings.sinceLastSuccess) return false
  const own = readableRow(row)
  return row === null || (own !== null && (isLeftOpen(own) || isOverlapSkip(own)))
}

/** Throws a usage error if the row runs in a batch that calls this process: each would wait for the other. */
function notInside({ row }: DueUpstream, { request }: ClaimedSlot): StoredRow | null {
  const own = readableRow(row)
  const owner = own?.state === 'PENDING' ? own.ownerRunId : undefined
  if (owner === undefined || !request.insideOf?.includes(owner)) return row
  throw usageError(
    `cronledger was called inside run ${owner} of a task that this one comes after, and would wait for it to end. Call the batch itself instead of cronledger.`,
  )
}
