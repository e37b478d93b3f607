import { textAt } from '../../core/objects.ts'
import { isTaskPattern } from '../../core/user-text.ts'
import type { CallOptions } from '../store.ts'
import type { Postgres } from './connection.ts'

/**
 * Returns whether row-level security may hide a task, or all tasks with a prefix (`imp/*`), if this user sees none of their rows. It hides rows without an
 * error, so a task that runs would look unknown, and its slots free.
 */
export async function mayBeHidden(postgres: Postgres, task: string, call: CallOptions): Promise<boolean> {
  const { address, ask } = postgres
  const table = `${address.schema}.${address.table}`
  const sql = `SELECT row_security_active($1) AND NOT EXISTS (SELECT FROM ${table} WHERE ${isTaskPattern(task) ? "starts_with(task, rtrim($2, '*'))" : 'task = $2'})
    AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = $1::regclass AND polcmd IN ('*', 'r')
      AND pg_get_expr(polqual, polrelid) = 'true'
      AND (polroles = '{0}' OR EXISTS (SELECT FROM unnest(polroles) AS role WHERE pg_has_role(role, 'USAGE')))) AS hidden`
  const [found] = await ask('a check', sql, [table, task], call)
  return found?.['hidden'] === true && (await denialOfClaim(postgres, task, call)) !== null
}

/** Tries to claim a slot of the task, and rolls that back. Returns the error if the user may not. */
export async function denialOfClaim({ address, ask }: Postgres, task: string, call: CallOptions): Promise<unknown> {
  const { schema, table } = address
  // A row of the probe would never be committed: the division fails after the row has passed the policies.
  const probe = `WITH tried AS (
      INSERT INTO ${schema}.${table} (task, slot, version, schema_version, document, notes)
      VALUES ($1, '#probe', 1, 1, '{}', '{}') RETURNING version
    ) SELECT version / 0 FROM tried`
  try {
    await ask('a trial claim', probe, [task], call)
    return null
  } catch (error) {
    return textAt(error, 'cause', 'code') === DIVISION_BY_ZERO ? null : error
  }
}

const DIVISION_BY_ZERO = '22012'
