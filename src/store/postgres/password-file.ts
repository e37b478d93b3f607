import { readFileSync, statSync } from 'node:fs'

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
  let text: string
  try {
    const { mode } = statSync(path)
    if ((mode & 0o077) !== 0) return { why: `${path} is not used, because others may read it. Run: chmod 600 ${path}` }
    text = readFileSync(path, 'utf8')
  } catch {
    return { why: `Set PGPASSWORD, or write it into ${path}.` }
  }
  for (const line of text.split(/\r?\n/)) {
    const [, ...fields] = line.startsWith('#') ? [] : (LINE.exec(line) ?? [])
    const password = plain(fields.pop() ?? '')
    const isFitting = fields.every((field, index) => field === '*' || plain(field) === values[index])
    if (password !== '' && isFitting) return { password }
  }
  return { why: `Set PGPASSWORD. ${path} has no line for it.` }
}

function plain(field: string): string {
  return field.replace(/\\(.)/g, '$1')
}
