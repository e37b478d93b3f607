import { resolve } from 'node:path'
import { firstLine, type LedgerError, quote, usageError, withoutSecret } from '../core/errors.ts'
import type { Environment } from '../core/types.ts'
import { checkDescriptors, noDescriptors } from './descriptors.ts'
import { hidePassword, isPostgresAddress } from './password.ts'
import type { OpenedStore } from './store.ts'

export type { OpenedStore }
export { hidePassword }

/** Says whether its calls use no network, and names it for a command in any folder of this host. */
export function describeStore(name: string) {
  const parsed = parseStoreName(name)
  return parsed.kind === 'file'
    ? { isLocal: true, nameAnywhere: () => `file:${resolve(parsed.path)}` }
    : { isLocal: false, nameAnywhere: () => name }
}

export type StoreName =
  | { readonly kind: 'dynamodb'; readonly table: string }
  | { readonly kind: 'file'; readonly path: string }
  /** The address is checked when it is opened. */
  | { readonly kind: 'postgres' }

const TABLE_NAME = /^[A-Za-z0-9_.-]{3,255}$/
const TABLE_ARN = /^arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table\/[A-Za-z0-9_.-]{3,255}$/

const LEDGERS = 'dynamodb:TABLE, postgres://USER@HOST/DATABASE or file:PATH'

const OTHER_ADDRESS = /^\s*(\w+:\/\/|dynamodb:|postgres(ql)?:)/i
const VARIABLE = /^\$|\$\{/
const NOT_REPLACED = 'A variable in it was not replaced. Write its value, or use double quotes in a shell.'

/** The user must give a name: a default ledger that the user did not choose would reject no duplicates. */
export function parseStoreName(name = ''): StoreName {
  const [, kind, rest = ''] = /^(dynamodb|file):(.*)$/s.exec(name) ?? []
  if (kind === 'dynamodb') {
    if (rest === 'TABLE') throw wrongName(name, 'Replace TABLE with the name of your table.')
    const table = rest.replace(/^\/+/, '')
    if (table !== rest && TABLE_NAME.test(table)) throw wrongName(name, `Remove the //: dynamodb:${table}`)
    if (VARIABLE.test(rest)) throw wrongName(name, NOT_REPLACED)
    if (TABLE_NAME.test(rest) || TABLE_ARN.test(rest)) return { kind, table: rest }
    throw wrongName(
      name,
      'A table name has 3 to 255 of the characters A-Z a-z 0-9 _ . -. The ARN of a table is allowed too.',
    )
  }
  if (kind === 'file') {
    if (rest === 'PATH') throw wrongName(name, 'Replace PATH with the path of your file.')
    if (/^~($|\/)/.test(rest)) {
      throw wrongName(
        name,
        `The shell does not replace the ~ here. Write file:"$HOME"${withoutSecret(rest.slice(1))} instead.`,
      )
    }
    if (VARIABLE.test(rest)) throw wrongName(name, NOT_REPLACED)
    if (OTHER_ADDRESS.test(rest)) throw wrongName(name, `Leave out file: before an address. Use ${LEDGERS}.`)
    if (rest.trim() === '' || rest.includes('\0')) throw wrongName(name, 'Use file: and the path of a file.')
    // An env file can leave a space at the end. Then the run would use another ledger and would reject no duplicates.
    if (rest !== rest.trim()) throw wrongName(name, 'Remove the white space around the path.')
    return { kind, path: rest }
  }
  if (isPostgresAddress(name)) {
    if (VARIABLE.test(name)) throw wrongName(hidePassword(name), NOT_REPLACED)
    return { kind: 'postgres' }
  }
  if (TABLE_ARN.test(name)) throw wrongName(name, 'Write dynamodb: before the ARN.')
  if (name === '') throw usageError(`store is not set. Set --store or CRONLEDGER_STORE to ${LEDGERS}.`)
  const isPath = /^[./].*[^/]$/.test(name) && !/[@=]/.test(name)
  throw wrongName(name, isPath ? `If it is the file of a ledger, use file:${name}.` : `Use ${LEDGERS}.`)
}

function wrongName(name: string, why: string): LedgerError {
  return usageError(`store ${quote(name)} is not valid. ${why}`)
}

/** Sends no request yet, so a missing table or a denied access shows with the first call. */
export async function openStore(name: string | undefined, env: Environment): Promise<OpenedStore> {
  const parsed = parseStoreName(name)
  checkDescriptors()
  // Each store is loaded only if it is used. The AWS SDK and SQLite take time to load, and it may be impossible to
  // install them.
  if (parsed.kind === 'dynamodb') {
    const { openDynamoStore } = await import('./dynamodb/dynamodb-store.ts')
    return { store: openDynamoStore({ table: parsed.table, env }), warnings: [] }
  }
  if (parsed.kind === 'postgres') {
    const { openPostgresStore } = await import('./postgres/postgres-store.ts')
    return { store: openPostgresStore(name ?? '', env), warnings: [] }
  }
  const { checkPlace } = await import('./file/file-system.ts')
  const { openFileStore } = await withSqlite(import('./file/file-store.ts'))
  const { path } = parsed
  const warnings = checkPlace(path)
  let created: string | null = null
  const store = openFileStore(path, (file) => {
    created = file
  })
  const takeCreated = () => {
    const file = created
    created = null
    return file
  }
  return { warnings, store, takeCreated }
}

/** Throws a usage error if SQLite, which is native code, is not available, as in the single executable. */
export async function withSqlite<T>(loading: Promise<T>): Promise<T> {
  try {
    return await loading
  } catch (error) {
    const short = noDescriptors(error)
    if (short !== null) throw short
    const why = firstLine(error)
    throw usageError(
      `SQLite, which a file: ledger needs, cannot be loaded (${why}). Put cronledger-file.node of the same release beside the executable, use dynamodb:TABLE or postgres://…, or install cronledger from npm.`,
    )
  }
}
