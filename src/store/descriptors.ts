import { closeSync, openSync } from 'node:fs'
import { LedgerError } from '../core/errors.ts'

/**
 * How many descriptors a run needs beside those of Node: SQLite's files, or the connections to DynamoDB, and the start of
 * the batch. SQLite's native library also makes a runtime of its own, and ends the whole process where it gets none. With
 * fewer, the claim could succeed and the start of the batch fail.
 */
const NEEDED = 12

/** Throws `denied` where this process cannot open that many more files. It opens no file but `/dev/null`. */
export function checkDescriptors(): void {
  const opened: number[] = []
  try {
    while (opened.length < NEEDED) opened.push(openSync('/dev/null', 'r'))
  } catch (error) {
    throw noDescriptors(error) ?? error
  } finally {
    for (const descriptor of opened) closeSync(descriptor)
  }
}

/** Returns the error of a ledger that could not be opened for want of descriptors, null where that is not the reason. */
export function noDescriptors(cause: unknown): LedgerError | null {
  const text = String(cause)
  const make = (what: string, remedy: string) =>
    new LedgerError('denied', `the ledger cannot be opened: ${what}. To run the batch, ${remedy}`, { cause })
  // The texts are those of Node and of the native library, whose errors have no code.
  if (/EMFILE|os error 24\b/.test(text)) {
    return make(
      'this process has too few file descriptors left',
      'raise its limit (ulimit -n; on ECS, nofile in the ulimits of the container)',
    )
  }
  if (/ENFILE|os error 23\b/.test(text)) {
    return make('this machine has no file descriptors left', 'raise fs.file-max, or end the processes that hold them')
  }
  return null
}
