import { parseStoreName, withSqlite } from './open.ts'
import type { SetupStep } from './setup-step.ts'
import type { CallOptions } from './store.ts'

export interface SetupReport {
  /** The name of the ledger, `dynamodb:TABLE` or `file:PATH`. */
  readonly name: string
  readonly steps: readonly SetupStep[]
  readonly warnings: readonly string[]
}

/**
 * Makes the missing parts of the ledger of that name. It may be called again, and by two processes at once. Throws
 * `LedgerError`. The kind is `shape` if something else has that name, and then nothing was changed.
 */
export async function setUpStore(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  call: CallOptions,
): Promise<SetupReport> {
  const parsed = parseStoreName(name)
  if (parsed.kind === 'dynamodb') {
    const { setUpTable } = await import('./dynamodb/setup-table.ts')
    return { name, steps: await setUpTable({ table: parsed.table, env }, call), warnings: [] }
  }
  const { checkPlace } = await import('./file/file-system.ts')
  const { setUpFile } = await withSqlite(import('./file/file-store.ts'))
  const { path } = parsed
  const warnings = checkPlace(path)
  return { name, steps: [{ what: 'file', did: await setUpFile(path, call) }], warnings }
}
