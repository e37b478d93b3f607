import type { Finding, InspectSettings } from './finding.ts'
import { parseStoreName, withSqlite } from './open.ts'
import type { CallOptions } from './store.ts'

/**
 * Inspects everything that the ledger of that name needs, and changes nothing. It yields each finding as soon as it is
 * made. It ends early if a finding makes the other checks impossible, such as an endpoint that does not answer.
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
