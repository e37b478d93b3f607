import { LedgerError } from '../../core/errors.ts'
import { textAt } from '../../core/objects.ts'
import type { Environment } from '../../core/types.ts'
import type { CallOptions } from '../store.ts'
import type { PostgresAddress } from './address.ts'
import { connectPostgres, type Postgres } from './connection.ts'
import { encodingText } from './errors.ts'

/** A row has its slot, an entry its kind (`#task`). Texts are compared byte by byte, so that slots sort by time. */
export const COLUMNS = ['task', 'slot', 'day', 'version', 'schema_version', 'expires_at', 'document', 'notes'] as const

export function partsOfLedger({ schema, table }: PostgresAddress): Readonly<Record<string, string>> {
  const name = `${schema}.${table}`
  return {
    [table]: `CREATE TABLE ${name} (
      task text COLLATE "C" NOT NULL,
      slot text COLLATE "C" NOT NULL,
      day text COLLATE "C",
      version integer NOT NULL,
      schema_version integer NOT NULL,
      expires_at timestamptz,
      document jsonb NOT NULL,
      notes jsonb NOT NULL,
      PRIMARY KEY (task, slot)
    )`,
    [`${table}_by_day`]: `CREATE INDEX ${table}_by_day ON ${name} (day, slot, task) WHERE day IS NOT NULL`,
    [`${table}_tasks`]: `CREATE INDEX ${table}_tasks ON ${name} (task) WHERE slot = '#task'`,
  }
}

const FIND_PARTS = 'SELECT name FROM unnest($2::text[]) AS name WHERE to_regclass($1 || name) IS NOT NULL'

const MADE_BY_ANOTHER = new Set(['23505', '42710', '42P07'])

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

export async function missingParts({ address, ask }: Postgres, call: CallOptions): Promise<ReadonlySet<string>> {
  const parts = Object.keys(partsOfLedger(address))
  const found = await ask('setup', FIND_PARTS, [`${address.schema}.`, parts], call)
  const names = new Set(found.map(({ name }) => name))
  return new Set(parts.filter((part) => !names.has(part)))
}

async function make({ ask }: Postgres, statement: string, call: CallOptions): Promise<boolean> {
  try {
    await ask('setup', statement, [], call)
    return true
  } catch (error) {
    if (MADE_BY_ANOTHER.has(textAt(error, 'cause', 'code') ?? '')) return false
    throw error
  }
}
