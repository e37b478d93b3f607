import { LedgerError } from '../../../src/core/errors.ts'
import { isNewerRecord, type TaskRecord } from '../../../src/core/row/task-record.ts'
import { withDeadline } from '../../../src/process/clock.ts'
import type { Settings } from '../../../src/run/settings.ts'
import { readRecord, writeRecord } from '../../../src/run/task-record.ts'
import { untilAnswered, type WriteIo } from '../../../src/run/write.ts'

/** What an operator wants of a task. */
export interface Change {
  /** Returns the changed record, or null if nothing needs to change. `now` is the time on the clock of the operator. */
  change(record: TaskRecord, now: number): TaskRecord | null
  /** Returns whether the record has the change already, because a write without an answer was applied. */
  isIn(record: TaskRecord): boolean
}

/**
 * Changes the record of a task, as an operator does it: reads it, changes it, and writes it if nothing else was written
 * meanwhile, otherwise again from the start. Throws `LedgerError` if the ledger does not answer in time.
 */
export function changeRecord(
  task: string,
  { change, isIn }: Change,
  { ledgerTimeoutMs }: Pick<Settings, 'ledgerTimeoutMs'>,
  io: WriteIo,
): Promise<'made' | 'unneeded'> {
  const startedAt = io.clock.now()
  return withDeadline(io.clock, ledgerTimeoutMs, [], async (signal) => {
    const options = { signal, retry: 'unreachable' } as const
    for (;;) {
      const read = await untilAnswered(() => readRecord(task, io.store, options), io, options)
      if (read.kind === 'unanswered') throw read.cause
      const { record, version } = read.value
      if (isNewerRecord(record)) throw new LedgerError('shape', 'a newer record')
      if (isIn(record)) return 'made'
      const changed = change(record, startedAt)
      if (changed === null) return 'unneeded'
      const written = await untilAnswered(() => writeRecord(task, changed, version, io.store, options), io, options)
      if (written.kind === 'unanswered') throw written.cause
      if (written.value === 'ok') return 'made'
    }
  })
}
