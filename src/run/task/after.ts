import { errorCode, LedgerError, nullIfDenied, usageError } from '../../core/errors.ts'
import { formatInstant } from '../../core/instant.ts'
import { isLeftOpen } from '../../core/row/attempts.ts'
import { coveringOf, LONGEST_RANGE_MS } from '../../core/row/range.ts'
import { readableRow } from '../../core/row/status.ts'
import { blockAttempt } from '../../core/row/transition.ts'
import { parseSchedule } from '../../core/schedule/schedule.ts'
import { type DueKey, dueKeys } from '../../core/task/expected-slots.ts'
import { tasksAfter } from '../../core/task/pattern.ts'
import { parseSince } from '../../core/task/schedules-in-force.ts'
import { isRetired } from '../../core/task/suspensions.ts'
import {
  EMPTY_TASK_RECORD,
  expectedTimes,
  isNewerRecord,
  rangesUntil,
  type TaskRecord,
} from '../../core/task/task-record.ts'
import {
  needOf,
  previousSlot,
  SELF,
  type UnknownUpstream,
  type UpstreamSlot,
  upstreamSlots,
} from '../../core/task/upstream.ts'
import { latestSlot, withoutFuture } from '../../core/task/wrong-clock.ts'
import type { Instant, Key, PendingRow, ScheduleSpec, StoredRow, Window } from '../../core/types.ts'
import { isTaskPattern } from '../../core/user-text.ts'
import { type AskIo, askWithin, type Limit, within } from '../ask.ts'
import { type ClaimedSlot, writeClaimed } from '../claimed-slot.ts'
import type { Settings } from '../settings.ts'
import type { RunIo } from '../write.ts'
import { readAround, rowBefore } from './range.ts'
import { readRecord } from './task-record.ts'

// A run that comes after other tasks (`--after`). It reads what it needs before the claim, so that a mistake leaves nothing
// in the ledger, and waits after the claim, so that a second trigger of its slot is a duplicate.

/** A batch that waits for hours need not start within a second, and each read costs a request. */
const READ_EVERY_MS = 10_000
/** Runs that wait for the same slot do not read it at the same moment. */
const JITTER = 0.2
/** Each read listens to the stop, and Node warns of more than 10 listeners. */
const READS_AT_ONCE = 4

interface RunNeeds extends Pick<Settings, 'after' | 'sinceLastSuccess'>, Partial<Pick<Settings, 'afterTimeoutMs'>> {
  /** The tasks of `after`, in which a prefix stands for those that the ledger lists now. */
  readonly upstreams: readonly string[]
  /** Why nothing can start: one of them is not recorded yet. A scheduled run records that it was refused. */
  readonly unknown?: UnknownUpstreamError
  /** The record of the task does not say that the slots of a forced run must not overlap. */
  readonly mayOverlap: boolean
}

type NeedSettings = Pick<Settings, 'after' | 'sinceLastSuccess' | 'ledgerTimeoutMs' | 'skewMs'>
type RecordIo = AskIo & Pick<RunIo, 'store' | 'stop' | 'known'>

interface AfterRequest {
  readonly task: string
  readonly window: Pick<Window, 'slot'>
  readonly schedule: ScheduleSpec
}

interface Upstream {
  readonly record: TaskRecord
  readonly slots: readonly DueKey[]
}

/** A first deployment may have another order, so a scheduled run records that it was refused. */
class UnknownUpstreamError extends LedgerError implements UnknownUpstream {
  readonly task: string | null
  readonly problem: string

  constructor({ task, problem }: UnknownUpstream) {
    const advice = `Check the name, or record the task first: cronledger declare ${task ?? 'NAME'} --schedule EXPR`
    super('usage', `${problem}. ${advice}`)
    this.task = task
    this.problem = problem
  }
}

/**
 * Returns the tasks that a run comes after, how long it waits, whether it starts from the last success, and whether slots may
 * overlap. A forced run without these options takes the values that the runs of the task have stated. Throws a usage error if
 * one of the tasks is unknown to a forced run, or itself comes after this task. Throws `Halted`, and `LedgerError` if the
 * ledger cannot be used.
 */
export async function readNeeds(
  request: AfterRequest,
  force: { readonly ignoreAfter?: boolean | undefined } | undefined,
  given: NeedSettings,
  io: RecordIo,
): Promise<RunNeeds> {
  const { sinceLastSuccess } = given
  const unstated = { sinceLastSuccess, mayOverlap: true }
  if (force === undefined && given.after === null) return { after: null, upstreams: [], ...unstated }
  const { read, tasksOf, inCircle } = upstreamReader(request.task, given, io)
  let after = force?.ignoreAfter ? null : given.after
  try {
    const stated = force && (await read(request.task))?.expectations
    if (!force?.ignoreAfter) after ??= stated?.after ?? null
    const upstreams = await withoutPrefixes(after ?? [], tasksOf)
    if (after !== null) {
      await upstreamOf(request, upstreams, read, async () => true)
      await checkCircle(request.task, upstreams, read, await inCircle(), io.clock.now())
    }
    const statedTimeout = stated?.afterTimeoutMs === undefined ? {} : { afterTimeoutMs: stated.afterTimeoutMs }
    return {
      after,
      upstreams,
      ...statedTimeout,
      sinceLastSuccess: sinceLastSuccess || stated?.sinceLastSuccess === true,
      mayOverlap: stated?.overlap === undefined,
    }
  } catch (error) {
    const needs = { after, upstreams: after ?? [], ...unstated }
    if (error instanceof UnknownUpstreamError && force === undefined) return { ...needs, unknown: error }
    const isUnusable = error instanceof LedgerError && error.kind === 'shape'
    // The claim creates the file of a new ledger, in which no slot before it can be missing. A record that cannot be read
    // may state what the run comes after.
    const isNew = isUnusable && errorCode(error.cause) === 'ENOENT'
    const isIgnored = isUnusable && force?.ignoreAfter
    const other = after?.find((name) => name !== SELF)
    if ((isNew || isIgnored) && other === undefined) return needs
    if (isNew && force === undefined) return { ...needs, unknown: unknownUpstream(other ?? '') }
    throw error
  }
}

/**
 * Returns those of the tasks of a declaration that are not recorded yet: the order of a first deployment is free. Throws a
 * usage error if the task itself is one of them, or if one comes after it, and `LedgerError` if the ledger cannot be used.
 */
export async function findUnknown(
  request: AfterRequest,
  after: readonly string[],
  given: Omit<NeedSettings, 'after' | 'sinceLastSuccess'>,
  io: RecordIo,
): Promise<readonly string[]> {
  const { read, tasksOf, inCircle } = upstreamReader(request.task, given, io)
  const isUnknown = async (name: string) =>
    isTaskPattern(name)
      ? (await tasksOf(name)).length === 0
      : !(await read(name).catch(deniedOf(name)))?.schedules.length
  const names = after.filter((name) => name !== SELF && name !== request.task)
  const unknown: string[] = []
  for (const name of names) if (await isUnknown(name)) unknown.push(name)
  const found = after.filter((name) => !unknown.includes(name))
  const known = await withoutPrefixes(found, tasksOf)
  if (known.length > 0) await upstreamOf(request, known, read, async () => true)
  await checkCircle(request.task, known, read, await inCircle(), io.clock.now())
  return unknown
}

/** Returns functions that read a record, and the tasks of a prefix. The list of the tasks is read once. */
function upstreamReader(own: string, given: Pick<NeedSettings, 'ledgerTimeoutMs' | 'skewMs'>, io: RecordIo) {
  let listed: Promise<readonly string[]> | null = null
  const read = (task: string) => readUpstreamRecord(task, given, io, { halt: io.stop })
  /** Returns the tasks that a prefix of `--after` stands for: those that the ledger lists, without `own` and retired ones. */
  async function tasksOf(prefix: string): Promise<readonly string[]> {
    listed ??= listTasks(given, io)
    const names = tasksAfter([prefix], own, await listed.catch(deniedOf(prefix)))
    const isExpected = async (name: string) => {
      const record = await read(name).catch(deniedOf(name))
      // The list is eventually consistent, so a record may be gone.
      return record !== null && !isRetired(record, io.clock.now())
    }
    const expected: boolean[] = []
    for (let start = 0; start < names.length; start += READS_AT_ONCE)
      expected.push(...(await Promise.all(names.slice(start, start + READS_AT_ONCE).map(isExpected))))
    return names.filter((_, index) => expected[index])
  }
  /** Without a prefix of its own, the role may not list the tasks. A circle of which no run finds all has two tasks with one. */
  const inCircle = async () => new Set([own, ...((await listed) ?? [])])
  return { read, tasksOf, inCircle }
}

/** Returns the names, with its tasks instead of each prefix. Throws `UnknownUpstreamError` if a prefix has none. */
async function withoutPrefixes(
  names: readonly string[],
  tasksOf: (prefix: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const all = new Set<string>()
  for (const name of names) {
    const found = isTaskPattern(name) ? await tasksOf(name) : [name]
    for (const task of found) all.add(task)
    const problem = `no task of this ledger has the prefix ${name} of --after, or all of them are retired`
    if (found.length === 0) throw new UnknownUpstreamError({ task: null, problem })
  }
  return [...all]
}

async function listTasks({ ledgerTimeoutMs }: Pick<NeedSettings, 'ledgerTimeoutMs'>, io: RecordIo) {
  const names: string[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await askWithin({ ms: ledgerTimeoutMs, halt: io.stop }, io, (call) => io.store.listTasks(cursor, call))
    names.push(...page.tasks)
    if (page.next === undefined) return names.sort()
    cursor = page.next
  }
}

/**
 * Returns the slots that the slot of the request comes after, by task. The records may have changed since the last time.
 * `since`: where the work begins, if that is before the previous slot. It then needs the slots of other tasks since then.
 */
async function upstreamOf(
  { task, schedule, window: { slot } }: AfterRequest,
  names: readonly string[],
  read: (task: string) => Promise<TaskRecord | null>,
  hasRow: (key: Key) => Promise<boolean>,
  since: Instant | null = null,
): Promise<readonly Upstream[]> {
  const own = (await read(task)) ?? EMPTY_TASK_RECORD
  const before = (await previousSlot(task, own, parseSchedule(schedule), slot, hasRow)) ?? slot
  const all: Upstream[] = []
  for (const name of names) {
    const isOwn = name === SELF
    const record = isOwn ? own : scheduled(name, task, await read(name).catch(deniedOf(name)))
    const until = isOwn ? slot : slot + 1
    const after = isOwn ? before : Math.min(before, since ?? before)
    all.push({ record, slots: await upstreamSlots(isOwn ? task : name, record, { after, until }, hasRow) })
  }
  return all
}

/** A force may find the name in the record only, so the message must say whose records the role cannot read. */
function deniedOf(name: string) {
  return (error: unknown): never => {
    if (!(error instanceof LedgerError) || error.kind !== 'denied') throw error
    const what = `this task comes after ${name} (--after), whose records cannot be read`
    const how = `Let this role read them, or force the run with --ignore-after. If it comes after ${name} no longer, record that: cronledger declare … --after ''`
    throw new LedgerError('denied', `${what}: ${error.message} ${how}`, { cause: error.cause })
  }
}

function scheduled(name: string, task: string, record: TaskRecord | null): TaskRecord {
  if (name === task)
    throw usageError(`--after ${name} names the task itself. Use --after ${SELF} for its previous slot.`)
  if (record !== null && record.schedules.length > 0) return record
  throw unknownUpstream(name, record === null ? undefined : 'has no recorded schedule')
}

function unknownUpstream(task: string, problem = 'is unknown: no run of it is recorded in this ledger') {
  return new UnknownUpstreamError({ task, problem: `task ${task} of --after ${problem}` })
}

async function readUpstreamRecord(
  task: string,
  { ledgerTimeoutMs, skewMs }: Pick<NeedSettings, 'ledgerTimeoutMs' | 'skewMs'>,
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

/**
 * Throws a usage error if one of the tasks comes after `task`, also by others. A role may be denied the records of those. `tasks`:
 * those that a prefix can stand for.
 */
async function checkCircle(
  task: string,
  after: readonly string[],
  read: (task: string) => Promise<TaskRecord | null>,
  tasks: ReadonlySet<string>,
  now: Instant,
): Promise<void> {
  const paths = after.filter((name) => name !== SELF).map((name) => [name])
  const seen = new Set<string>()
  for (const path of paths) {
    const last = path.at(-1) ?? ''
    if (last === task) {
      const words = [task, ...path].join(' after ')
      throw usageError(`the tasks wait for each other: ${words}. Remove one --after, so that one of them can start.`)
    }
    if (seen.has(last)) continue
    seen.add(last)
    const record = await read(last).catch(nullIfDenied)
    // It is not due, and no prefix stands for it.
    if (record !== null && isRetired(record, now)) continue
    const next = tasksAfter(record?.expectations?.after ?? [], last, tasks)
    paths.push(...next.filter((name) => name !== SELF).map((name) => [...path, name]))
  }
}

/**
 * Waits until all slots that this one comes after have completed, or need not complete. Returns the slot that is missing at
 * the end of the time. Throws `Halted`, `LedgerError`, and a usage error if it would wait for the run that this process is a
 * part of.
 */
export async function waitForUpstream(row: PendingRow, claimedSlot: ClaimedSlot): Promise<UpstreamSlot | null> {
  const { request, settings, io } = claimedSlot
  const untilMs = request.waitUntilMs ?? io.clock.monotonicMs() + settings.afterTimeoutMs
  let last: UpstreamSlot | null = null
  for (;;) {
    const missing = await findMissing(row, claimedSlot)
    if (missing === null) return null
    const leftMs = untilMs - io.clock.monotonicMs()
    if (missing.task !== last?.task || missing.slot !== last.slot) {
      const { task, slot } = missing
      await writeClaimed(
        (row, stamp) => blockAttempt(row, { task, slot }, stamp, settings.leaseMs),
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
async function findMissing(own: PendingRow, claimedSlot: ClaimedSlot): Promise<UpstreamSlot | null> {
  const { request, settings, io, halt } = claimedSlot
  const excused: string[] = []
  const read = (task: string) => readUpstreamRecord(task, settings, io, { halt, retry: 'denied' })
  const hasRow = async (key: Key) => (await readUpstreamRow(key, claimedSlot)) !== null
  const names = request.upstreams ?? settings.after ?? []
  const since = await rangeStart(own, claimedSlot)
  for (const { record, slots } of await upstreamOf(request, names, read, hasRow, since)) {
    const look = await readUpstreamRows(slots, record, claimedSlot)
    for (const key of slots) {
      const { row, covering } = await look(key)
      const need = needOf(key, row, record, covering)
      if (isInOwnRange(key, row, claimedSlot)) continue
      if (need.kind === 'open') {
        const { task, slot } = key
        return { task, slot, row: notInside(row, claimedSlot), record, covering }
      }
      if (need.kind === 'excused') excused.push(`${formatInstant(key.slot)} of ${key.task} ${need.why}`)
    }
  }
  if (excused.length > 0) {
    const message = `this run starts, although these slots of --after have not completed: ${excused.join('; ')}`
    io.emit({ event: 'warning', message })
  }
  return null
}

/** Returns where the range begins, as far as it is known while the run waits. Null: it has none, or there is no success. */
async function rangeStart(row: PendingRow, { request, settings, io, halt }: ClaimedSlot): Promise<Instant | null> {
  if (!settings.sinceLastSuccess) return null
  const own = rowBefore(row, request.trigger, io.clock.now())
  const limit = { ms: settings.ledgerTimeoutMs, halt }
  const { start } = await within(limit, io, (ask) => readAround(request, own, settings, io, ask))
  return 'since' in start ? start.since : null
}

async function waitForRow(missing: UpstreamSlot, untilMs: number, claimedSlot: ClaimedSlot): Promise<void> {
  const { clock, random } = claimedSlot.io
  for (;;) {
    const leftMs = untilMs - clock.monotonicMs()
    if (leftMs <= 0) return
    await clock.wait(Math.min(leftMs, READ_EVERY_MS * (1 + JITTER * (2 * random() - 1))), claimedSlot.halt)
    const look = await readUpstreamRows([missing], missing.record, claimedSlot)
    const { row, covering } = await look(missing)
    if (needOf(missing, row, missing.record, covering).kind !== 'open') return
  }
}

function readUpstreamRow({ task, slot }: Key, { settings, io, halt }: ClaimedSlot): Promise<StoredRow | null> {
  const limit: Limit = { ms: settings.ledgerTimeoutMs, halt, retry: 'denied' }
  return askWithin(limit, io, (call) => io.store.get({ task, slot }, call))
}

/** Upstream slots that a later run may have done are looked for in this many of the due slots after them. */
const MAX_LATER = 100
const ROWS_PER_PAGE = 1_000

/**
 * Reads the rows of slots of one task, which come oldest first, by one query. If they may lie in the range of a later run, it
 * also reads the rows after them. Returns a function that returns the row of a slot, and what a later run says of it.
 */
async function readUpstreamRows(slots: readonly Key[], record: TaskRecord, claimedSlot: ClaimedSlot) {
  const { settings, io, halt } = claimedSlot
  const now = io.clock.now()
  const { skewMs } = expectedTimes(record)
  const covered = { now, skewMs, rangesUntil: rangesUntil(record) }
  const rows = new Map<Instant, StoredRow>()
  const [first, last] = [slots.at(0), slots.at(-1)]
  if (first !== undefined && last !== undefined) {
    const { task } = first
    const until = endOfLater(last, record, now + skewMs)
    const limit: Limit = { ms: settings.ledgerTimeoutMs, halt, retry: 'denied' }
    let cursor: string | undefined
    do {
      const page = { since: first.slot, until, limit: ROWS_PER_PAGE, ...(cursor && { cursor }) }
      const query = { kind: 'task', task, consistent: true, ...page } as const
      const { rows: read, next } = await askWithin(limit, io, (call) => io.store.list(query, call))
      for (const row of read) rows.set(row.slot, row)
      cursor = next
    } while (cursor !== undefined)
  }
  return async (key: Key): Promise<Required<Pick<UpstreamSlot, 'row' | 'covering'>>> => {
    const listed = rows.get(key.slot) ?? null
    // A damaged row is an error of the read, and it is listed all the same.
    const row = listed !== null && 'damage' in listed ? await readUpstreamRow(key, claimedSlot) : listed
    const later = [...rows.values()].filter(({ slot }) => slot > key.slot)
    return { row, covering: coveringOf(key.slot, row, later, covered) }
  }
}

/** Returns the end of the time in which a later run may have done the work of a slot, or of those before it. */
function endOfLater({ task, slot }: Key, record: TaskRecord, latest: Instant): Instant {
  const until = Math.min(slot + LONGEST_RANGE_MS + 1, latest + 1, rangesUntil(record))
  if (until <= slot) return slot + 1
  const later = [...dueKeys([{ task, schedules: record.schedules.map(parseSince) }], slot + 1, until)].at(-MAX_LATER)
  return later === undefined ? until : later.slot + 1
}

/** Returns whether the slot is the previous one of a run with a range, and nothing has started in it: the range has it, too. */
function isInOwnRange({ task }: DueKey, row: StoredRow | null, { request, settings }: ClaimedSlot): boolean {
  if (task !== request.task || !settings.sinceLastSuccess) return false
  const own = readableRow(row)
  return row === null || (own !== null && isLeftOpen(own))
}

/** Throws a usage error if the row runs in a batch that calls this process: each would wait for the other. */
function notInside(row: StoredRow | null, { request }: ClaimedSlot): StoredRow | null {
  const owner = readableRow(row)?.state === 'PENDING' ? readableRow(row)?.owner : undefined
  if (owner === undefined || !request.insideOf?.includes(owner)) return row
  throw usageError(
    `cronledger was called inside run ${owner} of a task that this one comes after, and would wait for it to end. Call the batch itself instead of cronledger.`,
  )
}
