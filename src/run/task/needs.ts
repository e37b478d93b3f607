import { errorCode, LedgerError, nullIfDenied, option, said, usageError } from '../../core/errors.ts'
import { defined } from '../../core/objects.ts'
import { tasksAfter } from '../../core/task/pattern.ts'
import { isRetired } from '../../core/task/suspensions.ts'
import { rangesUntil } from '../../core/task/task-record.ts'
import { SELF } from '../../core/task/upstream.ts'
import type { Instant } from '../../core/types.ts'
import { isTaskName, isTaskPattern } from '../../core/user-text.ts'
import { askWithin } from '../ask.ts'
import type { SlotRequest } from '../claim.ts'
import type { Settings } from '../settings.ts'
import {
  deniedOf,
  type RecordIo,
  readUpstreamRecord,
  UnknownUpstreamError,
  unknownUpstream,
  upstreamOf,
} from './upstream.ts'

// The tasks of `--after` are read before the claim, so that a mistake leaves nothing in the ledger.

/** Each read listens to the stop, and Node warns of more than 10 listeners. */
const READS_AT_ONCE = 4

interface RunNeeds extends Pick<Settings, 'after' | 'sinceLastSuccess'>, Partial<Pick<Settings, 'afterTimeoutMs'>> {
  /** The tasks of `after`, in which a prefix stands for those that the ledger lists now. */
  readonly upstreams: readonly string[]
  /** Why nothing can start: one of them is not recorded yet. A scheduled run records that it was refused. */
  readonly unknown?: UnknownUpstreamError
  /** The slot of a forced run may lie in the range of a later run, as the record of its task says. */
  readonly hasRanges: boolean
  /** The record of the task does not say that the slots of a forced run must not overlap. */
  readonly mayOverlap: boolean
  /** The owner that the record of the task names, for a forced run. */
  readonly owner?: string
}

export function needsUnread(after: readonly string[] | null, sinceLastSuccess: boolean): RunNeeds {
  return { after, upstreams: after ?? [], sinceLastSuccess, hasRanges: false, mayOverlap: true }
}

type ReadSettings = Pick<Settings, 'ledgerTimeoutMs' | 'skewMs'>

/**
 * Returns the tasks that a run comes after, how long it waits, whether it starts from the last success, and whether slots may
 * overlap. A forced run without these options takes the values that the runs of the task have stated. Throws a usage error if
 * one of the tasks is unknown to a forced run, or itself comes after this task. Throws `Halted`, and `LedgerError` if the
 * ledger cannot be used.
 */
export async function readNeeds(
  request: SlotRequest,
  force: { readonly ignoreAfter?: boolean | undefined } | undefined,
  given: ReadSettings & Pick<Settings, 'after' | 'sinceLastSuccess'>,
  io: RecordIo,
): Promise<RunNeeds> {
  const { sinceLastSuccess } = given
  let after = force?.ignoreAfter ? null : given.after
  const unread = () => needsUnread(after, sinceLastSuccess)
  if (force === undefined && after === null) return unread()
  const reader = upstreamReader(request.task, given, io)
  try {
    const record = force && (await reader.read(request.task))
    const stated = record?.expectations
    if (!force?.ignoreAfter) after ??= stated?.after ?? null
    const upstreams = await findUpstreams(request, after ?? [], reader, io.clock.now())
    const statedTimeout = stated?.afterTimeoutMs === undefined ? {} : { afterTimeoutMs: stated.afterTimeoutMs }
    return {
      after,
      upstreams,
      ...statedTimeout,
      sinceLastSuccess: sinceLastSuccess || stated?.sinceLastSuccess === true,
      hasRanges: record != null && request.window.slot < rangesUntil(record),
      mayOverlap: stated?.overlap === undefined,
      ...defined({ owner: stated?.owner }),
    }
  } catch (error) {
    if (error instanceof UnknownUpstreamError && force === undefined) return { ...unread(), unknown: error }
    const isUnusable = error instanceof LedgerError && error.kind === 'shape'
    // The claim creates the file of a new ledger, in which no slot before it can be missing. A record that cannot be read
    // may state what the run comes after.
    const isNew = isUnusable && errorCode(error.cause) === 'ENOENT'
    const isIgnored = isUnusable && force?.ignoreAfter
    const other = after?.find((name) => name !== SELF)
    if ((isNew || isIgnored) && other === undefined) return unread()
    if (isNew && force === undefined) return { ...unread(), unknown: unknownUpstream(other ?? '') }
    throw error
  }
}

/**
 * Returns those of the tasks of a declaration that are not recorded yet: the order of a first deployment is free. Throws a
 * usage error if the task itself is one of them, or if one comes after it, and `LedgerError` if the ledger cannot be used.
 */
export async function findUnknown(
  request: SlotRequest,
  after: readonly string[],
  given: ReadSettings,
  io: RecordIo,
): Promise<readonly string[]> {
  const reader = upstreamReader(request.task, given, io)
  const isUnknown = async (name: string) =>
    isTaskPattern(name)
      ? (await reader.tasksOf(name)).length === 0
      : !(await reader.read(name).catch(deniedOf(name)))?.schedules.length
  const names = after.filter((name) => name !== SELF && name !== request.task)
  const unknown: string[] = []
  for (const name of names) if (await isUnknown(name)) unknown.push(name)
  const known = after.filter((name) => !unknown.includes(name))
  await findUpstreams(request, known, reader, io.clock.now())
  return unknown
}

type UpstreamReader = ReturnType<typeof upstreamReader>

/** Returns functions that read a record, and the tasks of a prefix. The list of the tasks is read once. */
function upstreamReader(own: string, given: ReadSettings, io: RecordIo) {
  let listed: Promise<readonly string[]> | null = null
  const read = (task: string) => readUpstreamRecord(task, given, io, { halt: io.stop })
  /** Returns the tasks that a prefix of `--after` stands for: those that the ledger lists, without `own` and retired ones. */
  async function tasksOf(prefix: string): Promise<readonly string[]> {
    listed ??= askWithin({ ms: given.ledgerTimeoutMs, halt: io.stop }, io, (call) => io.store.listTasks(call))
    const names = tasksAfter([prefix], own, (await listed.catch(deniedOf(prefix))).filter(isTaskName))
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
  /** Without a prefix of its own, the role may not list the tasks. If no run sees the whole of a circle, two of its tasks have one. */
  const inCircle = async () => new Set([own, ...((await listed) ?? [])])
  return { read, tasksOf, inCircle }
}

/**
 * Returns the names, with its tasks instead of each prefix. Throws `UnknownUpstreamError` if a prefix has none, and a usage error as
 * `readNeeds` does.
 */
async function findUpstreams(request: SlotRequest, names: readonly string[], reader: UpstreamReader, now: Instant) {
  if (names.length === 0) return []
  const all = new Set<string>()
  for (const name of names) {
    const found = isTaskPattern(name) ? await reader.tasksOf(name) : [name]
    for (const task of found) all.add(task)
    const problem = said`no task of this ledger has the prefix ${name} of ${option('after')}, or all of them are retired`
    if (found.length === 0) throw new UnknownUpstreamError(null, problem)
  }
  await upstreamOf(request, [...all], reader.read, async () => true)
  await checkCircle(request.task, [...all], reader, now)
  return [...all]
}

/** Throws a usage error if one of the tasks comes after `task`, also by others. A role may be denied the records of those. */
async function checkCircle(task: string, after: readonly string[], reader: UpstreamReader, now: Instant) {
  const tasks = await reader.inCircle()
  const paths = after.filter((name) => name !== SELF).map((name) => [name])
  const seen = new Set<string>()
  for (const path of paths) {
    const last = path.at(-1) ?? ''
    if (last === task) {
      const words = [task, ...path].join(' after ')
      throw usageError(
        said`the tasks wait for each other: ${words}. Take one out of ${option('after')}, so that one of them can start.`,
      )
    }
    if (seen.has(last)) continue
    seen.add(last)
    const record = await reader.read(last).catch(nullIfDenied)
    // It is not due, and no prefix stands for it.
    if (record !== null && isRetired(record, now)) continue
    const next = tasksAfter(record?.expectations?.after ?? [], last, tasks)
    paths.push(...next.filter((name) => name !== SELF).map((name) => [...path, name]))
  }
}
