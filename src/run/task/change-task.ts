import { firstLine, LedgerError } from '../../core/errors.ts'
import { isNewerRecord, type NewerTaskRecord, type TaskRecord } from '../../core/task/task-record.ts'
import { withDeadline } from '../../process/clock.ts'
import type { Store } from '../../store/store.ts'
import type { Settings } from '../settings.ts'
import { type Reply, type RetryIo, untilAnswered } from '../write.ts'
import { type ReadRecord, readRecord, writeRecord } from './task-record.ts'

/** A change that an operator makes to the record of a task. */
export interface TaskChangeRequest {
  readonly task: string
  /** The change in words, for an error: `the pause`. */
  readonly what: string
  /** Returns the changed record, or null if the record already is as it should be. It may be called several times. */
  change(record: TaskRecord): TaskRecord | null
  /** Returns whether a record contains this change: the one of this call, and not an equal one of another operator. */
  isIn(record: TaskRecord): boolean
}

export interface ChangedRecord {
  /** False if nothing had to be changed. */
  readonly changed: boolean
  /** The record as it is in the ledger now. */
  readonly record: TaskRecord
}

export interface ChangeIo extends RetryIo {
  readonly store: Store
  readonly signals: readonly AbortSignal[]
}

export type ChangeSettings = Pick<Settings, 'ledgerTimeoutMs'>

/** A record that this version may change, and the version of its entry. */
export interface ChangeableRecord extends ReadRecord {
  readonly record: TaskRecord
}

/** Reads the record of a task that is to be changed. Throws `LedgerError`. */
export function readChangeable(task: string, settings: ChangeSettings, io: ChangeIo): Promise<ChangeableRecord> {
  return withDeadline(io.clock, settings.ledgerTimeoutMs, io.signals, async (signal) => {
    const reply = await readUntilAnswered(task, io, signal)
    if (reply.kind === 'unanswered') throw reply.cause
    return changeable(task, reply.value)
  })
}

/**
 * Writes a change on top of the record that was found, by compare-and-set. After a conflict, reads the record and makes
 * the change again on top of that, until the ledger timeout.
 *
 * A conflict may come from our own write, if its answer was lost. We must look for the change in the record then,
 * otherwise it would be made twice.
 *
 * Throws `unreachable` if it is unknown whether the change is recorded, and `shape` if a newer cronledger wrote the
 * record since then.
 */
export function changeTask(
  request: TaskChangeRequest,
  found: ChangeableRecord,
  settings: ChangeSettings,
  io: ChangeIo,
): Promise<ChangedRecord> {
  const { task } = request
  return withDeadline(io.clock, settings.ledgerTimeoutMs, io.signals, async (signal) => {
    let { record, version } = found
    for (let hasSent = false; ; hasSent = true) {
      if (hasSent && request.isIn(record)) return { changed: true, record }
      const changed = request.change(record)
      if (changed === null) return { changed: false, record }
      const options = { signal, retry: 'unreachable' } as const
      const write = () => writeRecord(task, changed, version, io.store, options)
      const written = await afterSent(hasSent, untilAnswered(write, io, options))
      if (written.kind === 'unanswered') throw unanswered(request, written, hasSent)
      if (written.value === 'ok') return { changed: true, record: changed }
      const read = await afterSent(true, readUntilAnswered(task, io, signal))
      if (read.kind === 'unanswered') throw unanswered(request, read, true)
      ;({ record, version } = changeable(task, read.value))
    }
  })
}

function readUntilAnswered(task: string, io: ChangeIo, signal: AbortSignal): Promise<Reply<ReadRecord>> {
  const options = { signal, retry: 'unreachable' } as const
  return untilAnswered(() => readRecord(task, io.store, options), io, options)
}

/** Turns a thrown error into an answer that never came, if an earlier write of this call may have been applied. */
async function afterSent<T>(hasSent: boolean, reply: Promise<Reply<T>>): Promise<Reply<T>> {
  try {
    return await reply
  } catch (error) {
    if (!hasSent || !(error instanceof LedgerError)) throw error
    return { kind: 'unanswered', cause: error, changedNothing: false }
  }
}

function unanswered(
  { task, what }: TaskChangeRequest,
  { cause, changedNothing }: Extract<Reply<unknown>, { kind: 'unanswered' }>,
  hasSent: boolean,
): LedgerError {
  if (changedNothing && !hasSent) return cause
  return new LedgerError(
    'unreachable',
    `${what} of task ${task} may or may not be recorded, because the ledger did not answer: ${firstLine(cause).replace(/\.$/, '')}. To see what is in force, run: cronledger tasks. To make sure, run the same command again.`,
    { cause },
  )
}

/** Throws `shape` for a record of a newer cronledger, which must not be overwritten. */
function changeable(task: string, { record, version }: ReadRecord): ChangeableRecord {
  if (!isNewerRecord(record)) return { record, version }
  throw newerRecord(task, record)
}

function newerRecord(task: string, { schemaVersion }: NewerTaskRecord): LedgerError {
  return new LedgerError(
    'shape',
    `a newer version of cronledger wrote the record of task ${task} (schema ${schemaVersion}), so it was not changed. Update cronledger on this host or in this image.`,
  )
}
