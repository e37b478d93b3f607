import { readFileSync, statSync } from 'node:fs'
import { quote } from '../../core/errors.ts'

/** A field of a line, in which a backslash stands before a colon or a backslash. */
const FIELD = String.raw`((?:\\.|[^:\\])*):`
const LINE = new RegExp(`^${FIELD.repeat(4)}(.*)$`)

/** The folder of the socket for which a line has the host `localhost`. */
export const DEFAULT_SOCKET = '/var/run/postgresql'

/**
 * Returns the password of the first line of a password file that fits the host, the port, the database and the user. Returns a
 * reason if there is none. As with libpq, a file that others may read is not used.
 * Source: https://www.postgresql.org/docs/current/libpq-pgpass.html
 */
export function findPassword(path: string, wanted: readonly string[]): { password: string } | { why: string } {
  const [host, ...others] = wanted
  const values = [host === DEFAULT_SOCKET ? 'localhost' : host, ...others]
  const name = quote(path)
  let text: string
  try {
    const found = statSync(path)
    // Nothing may come from a FIFO, and this process would wait for it.
    if (!found.isFile()) return { why: `Set PGPASSWORD. ${name} is not a regular file.` }
    if ((found.mode & 0o077) !== 0)
      return { why: `${name} is not used, because others may read it. Run: chmod 600 ${name}` }
    text = readFileSync(path, 'utf8')
  } catch {
    return { why: `Set PGPASSWORD, or write it into ${name}.` }
  }
  for (const line of text.split(/\r?\n/)) {
    const [, ...fields] = line.startsWith('#') ? [] : (LINE.exec(line) ?? [])
    const password = plain(fields.pop() ?? '')
    const isFitting = fields.every((field, index) => field === '*' || plain(field) === values[index])
    if (password !== '' && isFitting) return { password }
  }
  return { why: `Set PGPASSWORD. ${name} has no line for it.` }
}

function plain(field: string): string {
  return field.replace(/\\(.)/g, '$1')
}
