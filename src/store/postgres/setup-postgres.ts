import pg from 'pg'
import type { Environment } from '../../core/types.ts'
import type { CallOptions } from '../store.ts'
import { connectPostgres } from './connection.ts'
import { tableStatements } from './table.ts'

/** Another process made the table between the test whether it is there and the statement that makes it. */
const MADE_BY_ANOTHER = new Set(['23505', '42P07'])

/** Makes the table and its indexes if they are missing. */
export async function setUpPostgres(name: string, env: Environment, call: CallOptions): Promise<'created' | 'found'> {
  const postgres = connectPostgres(name, env)
  const { schema, table } = postgres.address
  try {
    const ask = (sql: string, values: readonly unknown[] = []) => postgres.ask('setup', sql, values, call)
    const isThere = async () => {
      const [found] = await ask('SELECT to_regclass($1) AS name', [`${schema}.${table}`])
      return found?.['name'] !== null
    }
    if (await isThere()) return 'found'
    try {
      await ask(tableStatements(postgres.address))
    } catch (error) {
      const { cause } = error as Error
      if (!(cause instanceof pg.DatabaseError) || !MADE_BY_ANOTHER.has(cause.code ?? '')) throw error
      return 'found'
    }
    return 'created'
  } finally {
    postgres.close()
  }
}
