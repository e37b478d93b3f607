import type { PostgresAddress } from './address.ts'

/** A row has its slot, an entry its kind (`#task`). Texts are compared byte by byte, so that slots sort by time. */
export const COLUMNS = ['task', 'slot', 'day', 'version', 'schema_version', 'expires_at', 'document', 'notes'] as const

/** Returns the parts of a ledger by their names, each with the statement that makes it. */
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

/** Returns the statement that finds those of the parts that exist. */
export const FIND_PARTS = 'SELECT name FROM unnest($2::text[]) AS name WHERE to_regclass($1 || name) IS NOT NULL'
