import type { Environment } from '../core/types.ts'
import type { InspectSettings, SetupFinding, SetupStep } from './finding.ts'
import { parseStoreName, withSqlite } from './open.ts'
import type { CallOptions } from './store.ts'

export interface SetupReport {
  readonly name: string
  readonly steps: readonly SetupStep[]
  readonly warnings: readonly string[]
}

/** Two processes may call it at once. Throws `shape` if something else has that name, and then changes nothing. */
export async function setUpStore(name: string, env: Environment, call: CallOptions): Promise<SetupReport> {
  const parsed = parseStoreName(name)
  if (parsed.kind === 'dynamodb') {
    const { setUpTable } = await import('./dynamodb/setup-table.ts')
    return { name, steps: await setUpTable({ table: parsed.table, env }, call), warnings: [] }
  }
  if (parsed.kind === 'postgres') {
    const { setUpPostgres } = await import('./postgres/setup-postgres.ts')
    return { name, steps: [{ what: 'table', did: await setUpPostgres(name, env, call) }], warnings: [] }
  }
  const { checkPlace } = await import('./file/file-system.ts')
  const { setUpFile } = await withSqlite(import('./file/file-store.ts'))
  const { path } = parsed
  const warnings = checkPlace(path)
  return { name, steps: [{ what: 'file', did: await setUpFile(path, call) }], warnings }
}

/** Changes nothing. Ends early if a finding makes the other checks impossible, such as an endpoint that does not answer. */
export async function* inspectStore(
  name: string,
  settings: InspectSettings,
  call: CallOptions,
): AsyncGenerator<SetupFinding> {
  const parsed = parseStoreName(name)
  if (parsed.kind === 'dynamodb') {
    const { inspectTable } = await import('./dynamodb/inspect-table.ts')
    yield* inspectTable({ table: parsed.table, env: settings.env }, settings, call)
    return
  }
  if (parsed.kind === 'postgres') {
    const { inspectPostgres } = await import('./postgres/inspect-postgres.ts')
    yield* inspectPostgres(name, settings, call)
    return
  }
  const { inspectFile } = await withSqlite(import('./file/inspect-file.ts'))
  yield* inspectFile(parsed.path, call)
}
