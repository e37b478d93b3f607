import pg from 'pg'
import { LedgerError } from '../../core/errors.ts'
import type { Environment } from '../../core/types.ts'
import type { CallOptions } from '../store.ts'
import { connectPostgres, type Postgres } from './connection.ts'
import { encodingText } from './errors.ts'
import { FIND_PARTS, partsOfLedger } from './table.ts'

/** Another process made the same part a moment before. */
const MADE_BY_ANOTHER = new Set(['23505', '42710', '42P07'])

/** Makes the table and its indexes if they are missing. */
export async function setUpPostgres(name: string, env: Environment, call: CallOptions): Promise<'created' | 'found'> {
  const postgres = connectPostgres(name, env)
  const { address } = postgres
  let did: 'created' | 'found' = 'found'
  try {
    const [server] = await postgres.ask('setup', `SELECT current_setting('server_encoding') AS encoding`, [], call)
    const encoding = String(server?.['encoding'])
    if (encoding !== 'UTF8') throw new LedgerError('shape', `${address.place}: ${encodingText(encoding)}`)
    const missing = await missingParts(postgres, call)
    for (const [part, statement] of Object.entries(partsOfLedger(address))) {
      if (missing.has(part) && (await make(postgres, statement, call)) && part === address.table) did = 'created'
    }
    return did
  } finally {
    postgres.close()
  }
}

/** Returns the names of the parts that a ledger lacks. */
export async function missingParts({ address, ask }: Postgres, call: CallOptions): Promise<ReadonlySet<string>> {
  const parts = Object.keys(partsOfLedger(address))
  const found = await ask('setup', FIND_PARTS, [`${address.schema}.`, parts], call)
  const names = new Set(found.map(({ name }) => name))
  return new Set(parts.filter((part) => !names.has(part)))
}

/** Returns whether this call made the part. */
async function make({ ask }: Postgres, statement: string, call: CallOptions): Promise<boolean> {
  try {
    await ask('setup', statement, [], call)
    return true
  } catch (error) {
    const { cause } = error as Error
    if (cause instanceof pg.DatabaseError && MADE_BY_ANOTHER.has(cause.code ?? '')) return false
    throw error
  }
}
