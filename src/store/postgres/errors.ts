import pg from 'pg'
import { errorCode, firstLine, LedgerError, quote } from '../../core/errors.ts'
import type { PostgresAddress } from './address.ts'
import { PASSWORD_COMMAND } from './password-command.ts'

interface PostgresRequest {
  readonly what: string
  readonly address: PostgresAddress
  readonly wasSent: boolean
}

/** Serialization failure and deadlock: the transaction was rolled back in favour of another one. */
const CONFLICTS = new Set(['40001', '40P01'])

/** No table, no column; a column of another type, and a key that the table does not have. */
const WRONG_TABLE = new Set(['42P01', '42703', '42804', '42883', '42P10', '23502', '42809'])

/** Returns whether the server ended a statement in favour of another one. Nothing was written. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(stateOf(error))
}

/**
 * Returns whether an error is about the statement itself, so that its transaction was rolled back. The end of a session can
 * come after the commit, also if a pooler reports it (08P01), and 40003 says that the result is unknown.
 */
export function isRolledBack(error: unknown): boolean {
  const state = stateOf(error)
  return state !== '' && state !== '40003' && !/^(08|57|58|XX)/.test(state)
}

export function isSignInRefused(error: unknown): boolean {
  return stateOf(error).startsWith('28') || isPassword(error)
}

/** PgBouncer has the state 08P01 for a wrong password and for a database that is missing. */
function isPassword(error: unknown): boolean {
  return stateOf(error) === '28P01' || messageOf(error).startsWith('password authentication failed')
}

/**
 * Turns an error of the driver into a `LedgerError`. If its meaning is uncertain, the kind is `unreachable`, because the
 * statement may have been applied. The codes are those of
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function postgresError(error: unknown, { what, address, wasSent }: PostgresRequest): LedgerError {
  if (error instanceof LedgerError) return error
  const { place, schema, table, name, config } = address
  const state = stateOf(error)
  const changedNothing = !wasSent || isRolledBack(error)
  const make = (kind: LedgerError['kind'], text: string) =>
    new LedgerError(kind, text, { cause: error, changedNothing })
  const why = messageOf(error)

  if (isSignInRefused(error)) {
    const source = address.passwordCommand === null ? 'PGPASSWORD or ~/.pgpass' : PASSWORD_COMMAND
    const how = isPassword(error) ? `Check ${source}.` : 'Check the user, and pg_hba.conf of the server.'
    return make('denied', `${place} does not let user ${quote(String(config.user))} in (${why}). ${how}`)
  }
  if (state === '42501') {
    const how =
      what === 'setup'
        ? `Let the owner of the database run this: GRANT USAGE, CREATE ON SCHEMA ${schema} TO "${config.user}"`
        : 'Give the user its rights: cronledger template postgres'
    return make('denied', `${what} in ${place} was denied (${why}). ${how}`)
  }
  if (state === '3D000' || why.startsWith('no such database'))
    return make('shape', `${place} does not exist. Check the address, or create the database.`)
  if (state === '3F000')
    return make('shape', `${place} has no schema ${schema}. Check the address, or make it: CREATE SCHEMA ${schema}`)
  if (WRONG_TABLE.has(state)) {
    return make(
      'shape',
      `${place} has no ledger ${schema}.${table} (${why}). Check the address, or make the ledger: cronledger setup --store '${name}'`,
    )
  }
  if (state === '22P05') {
    const text = `${place} cannot store a text of ${what} (${why}). ${NEEDS_UTF8}`
    return new LedgerError('shape', text, { cause: error, changedNothing, refusesText: true })
  }
  if (state === '25006') return make('unreachable', standbyText(place))
  if (state === '53300')
    return make(
      'unreachable',
      `${place} has no free connection (${why}). Start fewer runs at once, or raise max_connections.`,
    )
  if (!wasSent) {
    const hint = tlsHint(why)
    // Only a server that is away is worth another try.
    const kind = hint === null ? 'unreachable' : 'shape'
    return make(kind, `cannot connect to ${place}: ${why}. ${hint ?? 'Check the address and the network.'}`)
  }
  return make('unreachable', `no clear answer from ${place} to ${what}: ${why}`)
}

function tlsHint(why: string): string | null {
  if (why.includes('not support SSL'))
    return 'Turn TLS on in the server, or add sslmode=disable if you trust the network.'
  if (!/certificate|altnames/.test(why)) return null
  return 'Check the certificate of the server. For a private authority, add sslrootcert=FILE to the address.'
}

/** In another encoding, the name of a host or an error of a batch can be a text that the database refuses. */
const NEEDS_UTF8 = 'Use a database with the encoding UTF8, so that it can store every text.'

export function encodingText(encoding: string): string {
  return `the encoding is ${encoding}. ${NEEDS_UTF8}`
}

/** A standby shows the past, so it cannot say whether a slot is free. */
export function standbyText(place: string): string {
  return `${place} is a standby or read-only. Use the address of the primary server.`
}

function stateOf(error: unknown): string {
  if (error instanceof pg.DatabaseError) return error.code ?? ''
  return ''
}

function messageOf(error: unknown): string {
  if (error instanceof Error && /^(Abort|Timeout)Error$/.test(error.name)) return 'no answer in time'
  return firstLine(error) || (errorCode(error) ?? 'unknown error')
}
