import type { PostgresAddress } from './address.ts'

/**
 * The columns of the table. A row has the text of its slot, and an entry has its kind (`#task`, `#lock`) in its place.
 * Texts are compared byte by byte, so that slots sort by time and tasks as in the other stores.
 */
export const COLUMNS = ['task', 'slot', 'day', 'version', 'schema_version', 'expires_at', 'document', 'notes'] as const

/** Returns the statements that make what is missing. They run in one transaction. */
export function tableStatements({ schema, table }: PostgresAddress): string {
  const name = `${schema}.${table}`
  return `
    CREATE TABLE IF NOT EXISTS ${name} (
      task text COLLATE "C" NOT NULL,
      slot text COLLATE "C" NOT NULL,
      day text COLLATE "C",
      version integer NOT NULL,
      schema_version integer NOT NULL,
      expires_at timestamptz,
      document jsonb NOT NULL,
      notes jsonb NOT NULL,
      PRIMARY KEY (task, slot)
    );
    CREATE INDEX IF NOT EXISTS ${table}_by_day ON ${name} (day, slot, task) WHERE day IS NOT NULL;
    CREATE INDEX IF NOT EXISTS ${table}_tasks ON ${name} (task) WHERE slot = '#task';
  `
}
