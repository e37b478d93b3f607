import { readFileSync, statSync } from 'node:fs'
import { quote } from '../../core/errors.ts'

/** The passwords that came with addresses, by the address without it. They stay in the memory of this process. */
const passwords = new Map<string, string>()

const INVALID = 'postgres://(not a valid address)'

/** The settings of a connection to PostgreSQL. The names are those of libpq, as parameters of an address and as variables. */
export const CONNECTION_VARIABLES = {
  host: 'PGHOST',
  port: 'PGPORT',
  dbname: 'PGDATABASE',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  passfile: 'PGPASSFILE',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
} as const

const isParameter = (key: string) => key in CONNECTION_VARIABLES || ['schema', 'table'].includes(key)

/** Remembers the password of an address. If the text is not a valid one, nothing is kept: a password can be anywhere in it. */
export function hidePostgresPassword(name: string): string {
  const url = URL.canParse(name) ? new URL(name) : null
  if (url === null || url.hash !== '' || /[@;&=]/.test(url.pathname)) return INVALID
  // Also a user and a password that are percent-encoded as one.
  if (decoded(url.username).includes(':')) return INVALID
  const given = url.searchParams.get('password')
  for (const [key, value] of [...url.searchParams]) {
    // After a ? or & in a password, the rest of it is read as parameters, with the @ before the host.
    if (/[^a-z_]/.test(key) || (value.includes('@') && !/^(user|password)$/.test(key))) return INVALID
    if (key === 'user' && value.includes(':')) return INVALID
    if (isParameter(key)) continue
    if (given !== null) return INVALID
    // The value of a parameter that does not exist can be a secret: the message about it names the parameter only.
    url.searchParams.set(key, '')
  }
  const password = given || decoded(url.password)
  if (password === '') return [...url.searchParams.keys()].every(isParameter) ? name : url.href
  url.password = ''
  url.searchParams.delete('password')
  passwords.set(url.href, password)
  return url.href
}

/** Decodes `%` and two digits. A `%` that is not followed by two digits is a part of the text. */
export function decoded(text: string): string {
  return text.replace(/(%[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString())
}

export function hiddenPassword(name: string): string | undefined {
  return passwords.get(name)
}

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
