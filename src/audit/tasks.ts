import { DAY_MS } from '../core/duration.ts'
import { isFaultOfTask, LedgerError, option, said, usageError } from '../core/errors.ts'
import { utcDate } from '../core/instant.ts'
import { decodeTaskRecord, EMPTY_TASK_RECORD, isNewerRecord, type TaskRecord } from '../core/task/task-record.ts'
import { checkTaskName, isTaskName } from '../core/user-text.ts'
import { ENTRIES_PER_READ } from '../store/store.ts'
import { ask, type HistoryDeps } from './history.ts'

/** The record of a task. It has no schedule if operators have forced or resolved its slots, and nothing else. */
export interface KnownTask extends TaskRecord {
  readonly task: string
}

type KeepFault = (task: string, error: LedgerError) => void

/**
 * Yields by name. While the caller works on one batch, the next one is read. A record that cannot be read hides no other:
 * without `keepFault`, its error is thrown after all of them.
 */
export async function* readTaskRecords(deps: HistoryDeps, keepFault?: KeepFault): AsyncGenerator<KnownTask> {
  const faults = openFaults('read')
  const names = await listKnownTasks(deps)
  // If the caller stops early, nothing needs the batch that is being read. Its request must not keep the process alive.
  const over = new AbortController()
  const io = { ...deps, signals: [...deps.signals, over.signal] }
  const read = (start: number) => {
    const batch = names.slice(start, start + ENTRIES_PER_READ)
    const entries = ask(io, (call) => deps.store.readTaskEntries(batch, call))
    // The error of a batch is thrown when its turn comes, and it is dropped if the caller stops before.
    entries.catch(() => undefined)
    return { batch, entries }
  }
  try {
    let next = names.length > 0 ? read(0) : null
    for (let start = ENTRIES_PER_READ; next !== null; start += ENTRIES_PER_READ) {
      const { batch, entries } = next
      const stored = await entries
      next = start < names.length ? read(start) : null
      for (const task of batch) {
        const entry = stored.get(task)
        const known =
          entry === undefined
            ? { ...EMPTY_TASK_RECORD, task }
            : readEntry(task, entry.document, keepFault ?? faults.keep)
        if (known !== null) yield known
      }
    }
  } finally {
    over.abort()
  }
  faults.throwIfAny()
}

const MAX_NAMED = 5

/** Collects the errors that concern one task each, to throw them after the others: `task x could not be <done>: …`. */
export function openFaults(done: string) {
  const faults = new Map<string, LedgerError>()
  return {
    keep(task: string, error: LedgerError) {
      faults.set(task, error)
    },
    throwIfAny() {
      const [first, ...others] = [...faults].sort(([one], [other]) => (one < other ? -1 : 1))
      if (first === undefined) return
      const [task, { kind, message }] = first
      const text = `task ${task} could not be ${done}: ${message}`
      const names = others.length > MAX_NAMED ? `${others.length} tasks` : others.map(([name]) => name).join(', ')
      const more = others.length === 0 ? '' : ` Also not ${done}: ${names}.`
      throw new LedgerError(kind, more === '' ? text : text.replace(/\.?$/, `.${more}`))
    },
  }
}

function readEntry(task: string, document: unknown, keepFault: KeepFault): KnownTask | null {
  try {
    return { task, ...decodeReadable(task, document) }
  } catch (error) {
    if (!isFaultOfTask(error)) throw error
    keepFault(task, error)
    return null
  }
}

/**
 * Also returns the tasks that have a row of today or yesterday and no record: the run that was to write it died, or lost the ledger.
 * Another program may have written an entry under a name that no task can have. Its rows are listed as damaged.
 */
export async function listKnownTasks(deps: HistoryDeps): Promise<readonly string[]> {
  const now = deps.clock.now()
  const days = [now - DAY_MS, now].map(utcDate)
  return (await ask(deps, (call) => deps.store.listTasks(call, days))).filter(isTaskName)
}

export async function readTaskRecord(task: string, deps: HistoryDeps): Promise<KnownTask | null> {
  const entry = await ask(deps, (call) => deps.store.readEntry({ task, kind: '#task' }, call))
  return entry === null ? null : { task, ...decodeReadable(task, entry.document) }
}

/** Also returns a task without a schedule. Throws `UnknownTaskError` if it has no record and no row. */
export async function checkedTask(task: string, deps: HistoryDeps): Promise<KnownTask> {
  checkTaskName(task)
  const known = await readTaskRecord(task, deps)
  if (known !== null) return known
  const { rows } = await ask(deps, (call) => deps.store.list({ kind: 'task', task, limit: 1 }, call))
  if (rows.length === 0) throw await unknownTask(task, readTaskRecords(deps))
  return { ...EMPTY_TASK_RECORD, task }
}

/** Does the same for a caller that needs a schedule. Throws a usage error if the task has none. */
export async function knownTask(task: string, deps: HistoryDeps): Promise<KnownTask> {
  const known = await checkedTask(task, deps)
  if (known.schedules.length > 0) return known
  throw usageError(noScheduleText(task))
}

export function noScheduleText(task: string): string {
  return `no schedule is recorded for task ${task}, because no scheduled run of it was recorded. Record its schedule: cronledger declare ${task} --schedule EXPR`
}

export class UnknownTaskError extends LedgerError {
  readonly task: string
  readonly names: readonly string[]

  constructor(task: string, names: readonly string[] | null) {
    const hint =
      names?.length === 0
        ? said` No task is recorded in this ledger. Is this the right ${option('store')}? To record a task before its first run: cronledger declare`
        : names === null
          ? ' No run of it is recorded, so its slots are free.'
          : ''
    super('usage', said`unknown task: ${task}.${hint}`)
    this.task = task
    this.names = names ?? []
  }
}

/** A role that is limited to one task may not list them, and a newer cronledger may have written the record of one. */
export async function unknownTask(task: string, tasks: AsyncIterable<{ readonly task: string }>) {
  const names: string[] = []
  try {
    for await (const { task: name } of tasks) names.push(name)
  } catch (error) {
    // Another task's record that cannot be read says nothing about this one.
    const isLeftOut = error instanceof LedgerError && (error.kind === 'denied' || error.kind === 'shape')
    if (!isLeftOut) throw error
    return new UnknownTaskError(task, names.length === 0 ? null : names)
  }
  return new UnknownTaskError(task, names)
}

function decodeReadable(task: string, document: unknown): TaskRecord {
  const record = decodeTaskRecord(document, task)
  if (!isNewerRecord(record)) return record
  throw new LedgerError(
    'shape',
    `a newer version of cronledger wrote the record of task ${task}. Update cronledger on this host or in this image.`,
  )
}
