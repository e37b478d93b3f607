import { readFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import type { ClientConfig } from 'pg'
import { firstLine, LedgerError, quote, usageError } from '../../core/errors.ts'
import { keysOf } from '../../core/objects.ts'
import type { Environment } from '../../core/types.ts'
import {
  CONNECTION_VARIABLES,
  DEFAULT_SOCKET,
  decoded,
  findPassword,
  hiddenPassword,
  hidePostgresPassword,
} from './password.ts'
import { PASSWORD_COMMAND } from './password-command.ts'

export interface PostgresAddress {
  /** The address without its password, for logs and for commands that are printed. */
  readonly name: string
  readonly config: ClientConfig
  readonly passwordCommand: string | null
  readonly place: string
  readonly schema: string
  readonly table: string
}

type ConnectionSettings = Partial<Record<keyof typeof CONNECTION_VARIABLES, string | undefined>>

/** PostgreSQL accepts no NUL. A control character or `decoded` bytes that are not valid text come from a mistyped `%`. */
const UNREADABLE = /[\p{Cc}\ufffd]/u

/** A name that needs no quotes in SQL, so that what an administrator types means the same table. */
const NAME = /^[a-z_][a-z0-9_]{0,62}$/

/**
 * Reads the address of a ledger. What it leaves out comes from the environment, as with libpq. Throws a usage error if a
 * part of it is not valid.
 * Source: https://www.postgresql.org/docs/current/libpq-connect.html
 */
export function readAddress(given: string, env: Environment): PostgresAddress {
  const name = hidePostgresPassword(given)
  const invalid = (why: string) => usageError(`store ${quote(name)} is not valid. ${why}`)
  if (!URL.canParse(name))
    throw invalid(
      'Use postgres://USER@HOST:PORT/DATABASE with one host, or postgres:///DATABASE?host=/FOLDER&user=USER for a socket. In a password, write % and two hexadecimal digits for a special character, or leave it out and set PGPASSWORD.',
    )
  const url = new URL(name)
  const { schema = 'public', table = 'cronledger', ...rest } = Object.fromEntries(url.searchParams)
  const unknown = Object.keys(rest).find((key) => !(key in CONNECTION_VARIABLES))
  if (unknown !== undefined)
    throw invalid(
      `It has no parameter ${quote(unknown)}. Allowed: schema, table, ${Object.keys(CONNECTION_VARIABLES).join(', ')}.`,
    )
  for (const part of [schema, table])
    if (!NAME.test(part)) throw invalid(`${quote(part)} is not a name of a-z, 0-9 and _ that begins with a letter.`)

  const password = hiddenPassword(name)
  const inAddress: ConnectionSettings = { ...partsOf(url), ...rest, ...(password !== undefined && { password }) }
  const passwordCommand = env[PASSWORD_COMMAND] || null
  if (passwordCommand !== null && inAddress.password)
    throw invalid(
      `${PASSWORD_COMMAND} is set, too, and only one of them can be right. Remove the password from the address.`,
    )
  const garbled = Object.entries(inAddress).find(([, value]) => UNREADABLE.test(value ?? ''))
  if (garbled !== undefined)
    throw invalid(
      `Its ${garbled[0]} has a control character, or bytes that are not UTF-8. Correct what follows each %.`,
    )
  // libpq takes these from the service file, which `pg` does not know. It would use another database without a word.
  if (env['PGSERVICE'] && !(inAddress.host && inAddress.user && inAddress.dbname))
    throw invalid('PGSERVICE is not supported. Name the host, the user and the database in the address.')
  const settings: ConnectionSettings = {}
  for (const key of keysOf(CONNECTION_VARIABLES))
    settings[key] = inAddress[key] ?? (env[CONNECTION_VARIABLES[key]] || undefined)
  const { host = DEFAULT_SOCKET, port = '5432', user = ownName(invalid), dbname = user } = settings
  const wrongSetting = (key: keyof ConnectionSettings, why: string) => {
    const text = `${quote(settings[key] ?? '')} ${why}`
    return inAddress[key] === undefined
      ? usageError(`${CONNECTION_VARIABLES[key]} ${text}`)
      : invalid(`Its ${key} ${text}`)
  }
  if (host.includes(',')) throw wrongSetting('host', 'is several hosts. Name one, such as that of a pooler or a proxy.')
  if (host.includes('@')) throw wrongSetting('host', 'is not the name of a host.')
  if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
    throw wrongSetting('port', 'is not the number of a port.')
  const place = `database ${quote(dbname)} on ${isSocket(host) ? host : `${host}:${port}`}`
  const askForPassword = () => {
    const found = findPassword(settings.passfile ?? join(homeOf(env), '.pgpass'), [host, port, dbname, user])
    if ('password' in found) return found.password
    throw new LedgerError('denied', `${place} wants a password of user ${quote(user)}. ${found.why}`)
  }
  return {
    name,
    config: {
      host,
      port: Number(port),
      user,
      database: dbname,
      password: settings.password ?? askForPassword,
      ssl: tlsOptions(settings, host, env, wrongSetting),
      application_name: 'cronledger',
    },
    passwordCommand,
    place,
    schema,
    table,
  }
}

function partsOf({ hostname, port, username, password, pathname }: URL): ConnectionSettings {
  const parts = { host: hostname, port, user: username, password, dbname: pathname.slice(1) }
  const stated = Object.entries(parts).filter(([, value]) => value !== '')
  return Object.fromEntries(stated.map(([key, value]) => [key, decoded(value).replace(/^\[|\]$/g, '')]))
}

function isSocket(host: string): boolean {
  return host.startsWith('/')
}

/** Encrypted and verified to another host, unless `sslmode` says otherwise. libpq would try without TLS by default. */
function tlsOptions(
  settings: ConnectionSettings,
  host: string,
  env: Environment,
  wrongSetting: (key: 'sslmode', why: string) => Error,
): ConnectionOptions | false {
  const isHere = isSocket(host) || ['localhost', '127.0.0.1', '::1'].includes(host)
  const mode = settings.sslmode ?? (isHere ? 'disable' : 'verify-full')
  if (mode === 'disable' || isSocket(host)) return false
  if (!['require', 'verify-ca', 'verify-full'].includes(mode))
    throw wrongSetting('sslmode', 'is not allowed. Use verify-full, verify-ca, require or disable.')
  const { sslrootcert, sslcert, sslkey } = settings
  // As with libpq, `require` verifies the authority if one is named.
  const isVerified = mode !== 'require' || sslrootcert !== undefined
  const read = (path: string | undefined, what: string) =>
    path === undefined ? {} : { [what]: readText(path.replace(/^~(?=\/)/, homeOf(env))) }
  return {
    ...read(sslrootcert === 'system' ? undefined : sslrootcert, 'ca'),
    ...read(sslcert, 'cert'),
    ...read(sslkey, 'key'),
    rejectUnauthorized: isVerified,
    ...(mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
  }
}

/** A container can run under a user id without an entry in /etc/passwd. */
function ownName(invalid: (why: string) => LedgerError): string {
  try {
    return userInfo().username
  } catch {
    throw invalid('It names no user, and the user of this process has no name. Add user=NAME, or set PGUSER.')
  }
}

function homeOf(env: Environment): string {
  try {
    return env['HOME'] || homedir()
  } catch {
    return '/'
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw usageError(`TLS needs ${quote(path)}, which cannot be read (${firstLine(error)}).`)
  }
}
