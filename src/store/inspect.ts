import type { Finding, InspectSettings } from './finding.ts'
import { parseStoreName, withSqlite } from './open.ts'
import type { CallOptions } from './store.ts'

/**
 * Looks at all that the ledger of that name needs, and changes nothing. Findings come as they are made; after one that
 * leaves nothing to look at, such as a dead endpoint, there are no more.
 */
export async function* inspectStore(
  name: string,
  settings: InspectSettings,
  call: CallOptions,
): AsyncGenerator<Finding> {
  const parsed = parseStoreName(name)
  if (parsed.kind === 'dynamodb') {
    const { inspectTable } = await import('./dynamodb/inspect-table.ts')
    yield* inspectTable({ table: parsed.table, env: settings.env }, settings, call)
    return
  }
  const { inspectFile } = await withSqlite(import('./file/inspect-file.ts'))
  yield* inspectFile(parsed.path, call)
}
