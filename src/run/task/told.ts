import type { StoredDocument } from '../../core/row/stored-fields.ts'
import type { EntryKey, StoredEntry } from '../../store/store.ts'
import { askWithin } from '../ask.ts'
import type { ChangeIo } from './task-record.ts'

/** What was told to a receiver. No task has such a name, so nothing that lists tasks or rows sees it. */
function keyOf(name: string): EntryKey {
  return { task: `#told/${name}`, kind: '#told' }
}

/** Reads strongly consistent. */
export function readTold(name: string, io: ChangeIo): Promise<StoredEntry | null> {
  return askWithin({ ms: io.pageTimeoutMs, signals: io.signals }, io, (call) => io.store.readEntry(keyOf(name), call))
}

/** Writes the document if the entry still has this version. An unanswered write is sent again until the timeout. */
export function writeTold(
  name: string,
  document: StoredDocument,
  expected: number | 'absent',
  io: ChangeIo,
): Promise<'ok' | 'conflict'> {
  const { store, pageTimeoutMs: ms, signals } = io
  const entry = { version: expected === 'absent' ? 1 : expected + 1, document }
  return askWithin({ ms, signals }, io, (call) => store.writeEntry(keyOf(name), entry, expected, call))
}
