import { closeSync, openSync } from 'node:fs'
import { LedgerError } from '../core/errors.ts'

/** In addition to those of Node: for SQLite or DynamoDB, and for the start of the batch, which must not fail after the claim. */
const NEEDED_FILES = 12

/** Throws `denied` if this process cannot open `NEEDED_FILES` more files. It opens only `/dev/null`. */
export function checkDescriptors(): void {
  const opened: number[] = []
  try {
    while (opened.length < NEEDED_FILES) opened.push(openSync('/dev/null', 'r'))
  } catch (error) {
    throw noDescriptors(error) ?? error
  } finally {
    for (const descriptor of opened) closeSync(descriptor)
  }
}

export function noDescriptors(cause: unknown): LedgerError | null {
  const text = String(cause)
  const make = (what: string, remedy: string) =>
    new LedgerError('denied', `the ledger cannot be opened: ${what}. ${remedy}`, { cause })
  // The texts are those of Node and of the native library. The errors of the library have no code.
  if (/EMFILE|os error 24\b/.test(text)) {
    return make(
      'this process has too few file descriptors left',
      'Raise its limit (ulimit -n, or on ECS nofile in the ulimits of the container).',
    )
  }
  if (/ENFILE|os error 23\b/.test(text)) {
    return make('this machine has no file descriptors left', 'Raise fs.file-max, or end the processes that hold them.')
  }
  return null
}
