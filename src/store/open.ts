import { resolve } from 'node:path'
import { firstLine, type LedgerError, quote, usageError, withoutSecret } from '../core/errors.ts'
import { keysOf } from '../core/objects.ts'
import type { Environment } from '../core/types.ts'
import { checkDescriptors, noDescriptors } from './descriptors.ts'
import type { InspectSettings, SetupFinding, SetupStep } from './finding.ts'
import { hidePostgresPassword } from './postgres/password.ts'
import type { CallOptions, OpenedStore } from './store.ts'

export type { OpenedStore }

/**
 * A kind of ledger. A place is the address as the ledger takes it. Each ledger is loaded only if it is used: the AWS SDK and
 * SQLite take time to load, and it may be impossible to install them.
 */
interface LedgerKind {
  readonly form: string
  readonly begin: RegExp
  /** Returns an address without what is secret in it, which only the connection gets. `none`: no address has a secret. */
  readonly hideSecret: 'none' | ((address: string) => string)
  readonly isLocal: boolean
  /** Whether a user can be allowed to see some of the tasks only, and then gets those without an error. */
  readonly mayHideTasks: boolean
  read(address: string): string
  addressAnywhere(place: string, address: string): string
  open(place: string, env: Environment): Promise<OpenedStore>
  /** Two processes may call it at once. Throws `shape` if something else has that name, and then changes nothing. */
  setUp(
    place: string,
    env: Environment,
    call: CallOptions,
  ): Promise<{ readonly steps: readonly SetupStep[]; readonly warnings: readonly string[] }>
  /** Changes nothing. Ends early if a finding makes the other checks impossible, such as an endpoint that does not answer. */
  inspect(place: string, settings: InspectSettings, call: CallOptions): AsyncIterable<SetupFinding>
}

const TABLE_NAME = /^[A-Za-z0-9_.-]{3,255}$/
const TABLE_ARN = /^arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table\/[A-Za-z0-9_.-]{3,255}$/

const OTHER_ADDRESS = /^\s*(\w+:\/\/|dynamodb:|postgres(ql)?:)/i
const VARIABLE = /^\$|\$\{/
const NOT_REPLACED = 'A variable in it was not replaced. Write its value, or use double quotes in a shell.'

/** A new ledger is an entry here. The messages, the help and the commands follow. */
const LEDGERS = {
  dynamodb: {
    form: 'dynamodb:TABLE',
    begin: /^dynamodb:/,
    hideSecret: 'none',
    isLocal: false,
    mayHideTasks: false,
    read(address) {
      const rest = address.slice('dynamodb:'.length)
      if (rest === 'TABLE') throw wrongName(address, 'Replace TABLE with the name of your table.')
      if (VARIABLE.test(rest)) throw wrongName(address, NOT_REPLACED)
      if (TABLE_NAME.test(rest) || TABLE_ARN.test(rest)) return rest
      throw wrongName(
        address,
        'A table name has 3 to 255 of the characters A-Z a-z 0-9 _ . -. The ARN of a table is allowed too.',
      )
    },
    addressAnywhere: (_, address) => address,
    async open(table, env) {
      const { openDynamoStore } = await import('./dynamodb/dynamodb-store.ts')
      return { store: openDynamoStore({ table, env }), warnings: [] }
    },
    async setUp(table, env, call) {
      const { setUpTable } = await import('./dynamodb/setup-table.ts')
      return { steps: await setUpTable({ table, env }, call), warnings: [] }
    },
    async *inspect(table, settings, call) {
      const { inspectTable } = await import('./dynamodb/inspect-table.ts')
      yield* inspectTable({ table, env: settings.env }, settings, call)
    },
  },
  postgres: {
    form: 'postgres://USER@HOST/DATABASE',
    begin: /^postgres(ql)?:\/\//,
    hideSecret: hidePostgresPassword,
    isLocal: false,
    mayHideTasks: true,
    /** The other parts are checked when it is opened. */
    read(address) {
      if (VARIABLE.test(address)) throw wrongName(hidePostgresPassword(address), NOT_REPLACED)
      return address
    },
    addressAnywhere: (_, address) => address,
    async open(address, env) {
      const { openPostgresStore } = await import('./postgres/postgres-store.ts')
      return { store: openPostgresStore(address, env), warnings: [] }
    },
    async setUp(address, env, call) {
      const { setUpPostgres } = await import('./postgres/setup-postgres.ts')
      return { steps: [{ what: 'table', did: await setUpPostgres(address, env, call) }], warnings: [] }
    },
    async *inspect(address, settings, call) {
      const { inspectPostgres } = await import('./postgres/inspect-postgres.ts')
      yield* inspectPostgres(address, settings, call)
    },
  },
  file: {
    form: 'file:PATH',
    begin: /^file:/,
    hideSecret: 'none',
    isLocal: true,
    mayHideTasks: false,
    read(address) {
      const path = address.slice('file:'.length)
      if (path === 'PATH') throw wrongName(address, 'Replace PATH with the path of your file.')
      if (/^~($|\/)/.test(path)) {
        throw wrongName(
          address,
          `The shell does not replace the ~ here. Write file:"$HOME"${withoutSecret(path.slice(1))} instead.`,
        )
      }
      if (VARIABLE.test(path)) throw wrongName(address, NOT_REPLACED)
      // It would be a file in the root folder. Three slashes are an absolute path in a URL.
      if (/^\/\/(?!\/)/.test(path)) throw wrongName(address, `Remove the //: file:${withoutSecret(path.slice(2))}`)
      if (OTHER_ADDRESS.test(path)) throw wrongName(address, `Leave out file: before an address. Use ${ledgerForms()}.`)
      if (/\?\w+=/.test(path)) {
        const plain = withoutSecret(path.slice(0, path.indexOf('?')))
        throw wrongName(address, `The address of a file has no options. Use file:${plain}`)
      }
      if (path.trim() === '' || path.includes('\0')) throw wrongName(address, 'Use file: and the path of a file.')
      // An env file can leave a space at the end. Then the run would use another ledger and would reject no duplicates.
      if (path !== path.trim()) throw wrongName(address, 'Remove the white space around the path.')
      return path
    },
    addressAnywhere: (path) => `file:${resolve(path)}`,
    async open(path) {
      const { checkPlace } = await import('./file/file-system.ts')
      const { openFileStore } = await withSqlite(import('./file/file-store.ts'))
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
    },
    async setUp(path, _, call) {
      const { checkPlace } = await import('./file/file-system.ts')
      const { setUpFile } = await withSqlite(import('./file/file-store.ts'))
      const warnings = checkPlace(path)
      return { steps: [{ what: 'file', did: await setUpFile(path, call) }], warnings }
    },
    async *inspect(path, _, call) {
      const { inspectFile } = await withSqlite(import('./file/inspect-file.ts'))
      yield* inspectFile(path, call)
    },
  },
} as const satisfies Readonly<Record<string, LedgerKind>>

export function ledgerForms(without?: keyof typeof LEDGERS): string {
  const kinds = keysOf(LEDGERS).filter((kind) => kind !== without)
  const forms = kinds.map((kind) => LEDGERS[kind].form)
  return forms.join(', ').replace(/, (?=[^,]*$)/, ' or ')
}

function kindOf(address: string): keyof typeof LEDGERS | undefined {
  return keysOf(LEDGERS).find((kind) => LEDGERS[kind].begin.test(address))
}

/** Only the address without its secret goes into logs, messages and printed commands. */
export function hideSecret(address: string): string {
  const kind = kindOf(address)
  const hide = kind === undefined ? 'none' : LEDGERS[kind].hideSecret
  return hide === 'none' ? address : hide(address)
}

/** The user must give an address: a default ledger that the user did not choose would reject no duplicates. */
export function readLedgerAddress(address = '') {
  const kind = kindOf(address)
  if (kind !== undefined) return { kind, place: LEDGERS[kind].read(address) }
  if (address === '') throw usageError(`store is not set. Set --store or CRONLEDGER_STORE to ${ledgerForms()}.`)
  throw wrongName(
    address,
    `Use ${ledgerForms()}. The ARN of a table comes after dynamodb:, the path of an SQLite file after file:.`,
  )
}

function wrongName(name: string, why: string): LedgerError {
  return usageError(`store ${quote(name)} is not valid. ${why}`)
}

/** Says what kind of ledger it is, and names it for a command in any folder of this host. */
export function describeStore(address: string) {
  const { kind, place } = readLedgerAddress(address)
  const { isLocal, mayHideTasks, addressAnywhere } = LEDGERS[kind]
  return { isLocal, mayHideTasks, nameAnywhere: () => addressAnywhere(place, address) }
}

/** Sends no request yet, so a missing table or a denied access shows with the first call. */
export async function openStore(address: string | undefined, env: Environment): Promise<OpenedStore> {
  const { kind, place } = readLedgerAddress(address)
  checkDescriptors()
  return LEDGERS[kind].open(place, env)
}

export async function setUpStore(address: string, env: Environment, call: CallOptions) {
  const { kind, place } = readLedgerAddress(address)
  return { name: address, ...(await LEDGERS[kind].setUp(place, env, call)) }
}

export function inspectStore(address: string, settings: InspectSettings, call: CallOptions) {
  const { kind, place } = readLedgerAddress(address)
  return LEDGERS[kind].inspect(place, settings, call)
}

/** Throws a usage error if SQLite, which is native code, is not available, as in the single executable. */
async function withSqlite<T>(loading: Promise<T>): Promise<T> {
  try {
    return await loading
  } catch (error) {
    const short = noDescriptors(error)
    if (short !== null) throw short
    const why = firstLine(error)
    throw usageError(
      `SQLite, which a file: ledger needs, cannot be loaded (${why}). Put cronledger-file.node of the same release beside the executable, use ${ledgerForms('file')}, or install cronledger from npm.`,
    )
  }
}
