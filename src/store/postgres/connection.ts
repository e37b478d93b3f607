import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { asError } from '../../core/errors.ts'
import type { Environment } from '../../core/types.ts'
import type { Columns } from '../sql-rows.ts'
import type { CallOptions } from '../store.ts'
import { type PostgresAddress, readAddress } from './address.ts'
import { isConflict, isRolledBack, isSignInRefused, postgresError } from './errors.ts'
import { openPasswordCommand } from './password-command.ts'

/** In milliseconds. A server allows about a hundred connections, so a batch of hours must not hold one. */
const IDLE_MS = 2_000

/** How long the server may take to accept a connection, in milliseconds. The caller asks again. */
const CONNECT_MS = 10_000

/** How long a statement may take, in milliseconds, as for DynamoDB. Its caller asks again. */
const ANSWER_MS = 5_000

const CONFLICT_TRIES = 5

/** How often a password is asked for again after the server has refused one, and the wait before, in milliseconds. */
const MAX_REFUSALS = 3
const REFUSED_WAIT_MS = 1_000

/**
 * If an administrator ends the wait for a standby, the server sends this warning before its usual answer. The transaction is
 * committed on this server and may be missing on the standby.
 * Source: https://github.com/postgres/postgres/blob/master/src/backend/replication/syncrep.c
 */
const WARNING = '01000'

export interface Postgres {
  readonly address: PostgresAddress
  /** Runs one statement in a transaction of its own, and returns its rows. Throws `LedgerError`. */
  ask(what: string, sql: string, values: readonly unknown[], call: CallOptions): Promise<readonly Columns[]>
  close(): void
}

/**
 * A connection whose errors are those of the request on it, or of the next one. Otherwise an error would end this process, and
 * its batch would run on alone:
 *
 * - The pool has no listener in the moment of a checkout, in which the server may say that it shuts down.
 * - The parser throws at an answer that it does not know, such as a request for Kerberos, or that is damaged.
 */
class QuietClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config)
    this.on('error', ignore)
    const { connection } = this as unknown as { readonly connection: { attachListeners(stream: Duplex): void } }
    const attach = connection.attachListeners.bind(connection)
    connection.attachListeners = (stream) => attach(guarded(stream))
  }
}

/** Returns the part of a stream that the parser uses. An error that it throws ends the stream. */
function guarded(stream: Duplex): Duplex {
  const on = (event: string, listener: (bytes: Buffer) => void) =>
    stream.on(event, (bytes: Buffer) => {
      try {
        listener(bytes)
      } catch (error) {
        stream.destroy(asError(error))
      }
    })
  return { on } as Duplex
}

/** The first request opens it. Requests wait for each other. A pooler may give each statement to another session. */
export function connectPostgres(name: string, env: Environment): Postgres {
  const address = readAddress(name, env)
  const { passwordCommand } = address
  const secret = passwordCommand === null ? null : openPasswordCommand(passwordCommand, env)
  const pool = new pg.Pool({
    ...address.config,
    ...(secret && { password: secret.current }),
    Client: QuietClient,
    // The second one is for a request that comes while the first is opened for a request that no longer waits.
    max: 2,
    idleTimeoutMillis: IDLE_MS,
    connectionTimeoutMillis: CONNECT_MS,
    allowExitOnIdle: true,
  })
  // The server closed an idle connection. The next request opens a new one.
  pool.on('error', ignore)
  const inTurn = takeTurns()

  return {
    address,
    async ask(what, sql, values, { signal }) {
      const request = { what, address, wasSent: false }
      try {
        return await inTurn(signal, async () => {
          let refusals = 0
          for (let tries = 1; ; tries += 1) {
            try {
              await secret?.fetch(signal)
              const client = await connected(pool, signal)
              request.wasSent = true
              return await answered(client, sql, values, signal)
            } catch (error) {
              if (secret !== null && isSignInRefused(error) && refusals < MAX_REFUSALS) {
                secret.forget()
                // A new password may reach the server a moment after the command prints it.
                if (refusals > 0) await delay(REFUSED_WAIT_MS, undefined, { signal })
                refusals += 1
                continue
              }
              if (!isConflict(error) || tries === CONFLICT_TRIES || signal.aborted) throw error
              request.wasSent = false
            }
          }
        })
      } catch (error) {
        throw postgresError(error, request)
      }
    },
    close() {
      pool.end().catch(ignore)
    },
  }
}

const ignore = () => undefined

/** Runs one job at a time, unless its signal aborts first. The queue of the pool gives up a job that waits long. */
function takeTurns() {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(signal: AbortSignal, job: () => Promise<T>): Promise<T> => {
    const before = last
    const done = unlessAborted(before, signal).then(job)
    last = before.then(() => done).catch(ignore)
    return done
  }
}

async function connected(pool: pg.Pool, signal: AbortSignal): Promise<pg.PoolClient> {
  signal.throwIfAborted()
  const connecting = pool.connect()
  try {
    return await unlessAborted(connecting, signal)
  } catch (error) {
    connecting.then((late) => late.release()).catch(ignore)
    throw error
  }
}

/** Runs one statement, and gives the connection back. Closes a connection whose statement was not answered. */
async function answered(client: pg.PoolClient, sql: string, values: readonly unknown[], signal: AbortSignal) {
  let warning: string | undefined
  const listen = ({ code, message }: { code?: string | undefined; message?: string | undefined }) => {
    if (code === WARNING) warning = message
  }
  client.on('notice', listen)
  let isClear = false
  try {
    const { rows } = await unlessAborted(client.query<Columns>(sql, [...values]), signal, ANSWER_MS)
    if (warning !== undefined) throw new Error(warning)
    // The driver takes a message that comes twice for the answers to two statements.
    if (rows === undefined) throw new Error('the answer is damaged')
    isClear = true
    return rows
  } catch (error) {
    isClear = isRolledBack(error)
    throw error
  } finally {
    client.off('notice', listen)
    client.release(!isClear)
  }
}

/** Waits for up to `ms` milliseconds. On Node 20, `AbortSignal.any` loses a timeout to the garbage collector. */
function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal, ms?: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    const giveUp = () => reject(new DOMException('', 'TimeoutError'))
    const timer = ms === undefined ? undefined : setTimeout(giveUp, ms)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    answer.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    })
  })
}
