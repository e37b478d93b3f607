import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { getRawAsset, isSea } from 'node:sea'
import { pathToFileURL } from 'node:url'
import { Script } from 'node:vm'
import { crc32 } from 'node:zlib'
import type * as App from './app.ts'

const SUM_BYTES = 8

/** SQLite's native library, beside the executable, which cannot load a library that it contains. */
const SQLITE = 'cronledger-file.node'

const NODE = `app-${process.version}-${process.platform}-${process.arch}`
const CACHE = `${NODE}.cache`

/**
 * Loads the program with V8's compiled form, because the start is then faster. The build made that form, or an earlier run of
 * this user kept it. V8 refuses a form of another version of Node or with other flags. V8 does not check the processor, so the
 * file has it in its name. V8 does not look for damage either, and a flipped bit would crash or hang this process, so the form
 * begins with a checksum of its source and itself.
 */
export function loadApp() {
  const read = isSea() ? readAsset : readBeside
  const source = read('app.js')
  if (source === null) throw new Error('app.js is missing. Install cronledger again.')
  const sourceSum = crc32(source)
  const built = read(CACHE)
  const kept = built === null ? keptFile(sourceSum) : null
  const compiled = kept === null ? built : readOwn(kept)
  const cachedData = compiled?.subarray(SUM_BYTES)
  const isWhole = cachedData && compiled?.toString('latin1', 0, SUM_BYTES) === hex(crc32(cachedData, sourceSum))
  // The build writes ASCII only, so one byte is one character, which is also the form that V8 keeps.
  const script = new Script(source.toString('latin1'), { filename: 'app.js', ...(isWhole && { cachedData }) })
  const module = { exports: {} as typeof App }
  const requires = isSea() ? requireInExecutable : require
  script.runInThisContext()(module.exports, requires, module, pathToFileURL(__filename).href)
  const isFitting = isWhole && script.cachedDataRejected !== true
  const keepCompiled = () => {
    if (kept !== null && !isFitting) keep(kept, sourceSum, script)
  }
  return { app: module.exports, keepCompiled }
}

/**
 * The npm package cannot have a compiled form for each version of Node, so the first run of a user makes one. A form of another
 * build or with other flags would be refused and replaced, in turn, and one of a run on another kind of ledger lacks the code that
 * most of the time goes into. So each of these has a file of its own.
 */
function keptFile(sourceSum: number): string | null {
  const { XDG_CACHE_HOME = '', HOME = '', NODE_OPTIONS = '' } = process.env
  const folder = isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(HOME, '.cache')
  if (!isAbsolute(folder)) return null
  const build = hex(crc32([...process.execArgv, NODE_OPTIONS].join('\0'), sourceSum))
  const files = ledgerKinds().map((kind) => join(folder, 'cronledger', `${NODE}-${kind}-${build}.cache`))
  return files.find((file) => existsSync(file)) ?? files[0] ?? null
}

/** Returns the kind of ledger that this command line names. One without a ledger runs well with the form of any kind. */
function ledgerKinds(): readonly string[] {
  const [options = ''] = process.argv.slice(2).join('\0').split('\0--\0', 1)
  const store = /\0--store[=\0](.*)/.exec(options)?.[1] ?? process.env['CRONLEDGER_STORE'] ?? ''
  const kind = /^[a-z]+(?=:)/.exec(store)?.[0]
  return kind === undefined ? ['dynamodb', 'file', 'postgres'] : [kind]
}

/** Returns null for a file that another user owns or may change, since its content runs as this user. A FIFO would block. */
function readOwn(path: string): Buffer | null {
  let file: number | null = null
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = fstatSync(file)
    const isOwn = stats.uid === process.getuid?.() && (stats.mode & 0o022) === 0
    return isOwn && stats.isFile() ? readFileSync(file) : null
  } catch {
    return null
  } finally {
    if (file !== null) closeSync(file)
  }
}

/** A start at the same moment reads the old file or the new one, and never a part. */
function keep(path: string, sourceSum: number, script: Script): void {
  const folder = dirname(path)
  const part = `${path}.${process.pid}`
  try {
    if (!existsSync(dirname(folder)) && !mayMake(dirname(folder))) return
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const compiled = script.createCachedData()
    writeFileSync(part, Buffer.concat([Buffer.from(hex(crc32(compiled, sourceSum))), compiled]), {
      mode: 0o600,
      flag: 'wx',
    })
    renameSync(part, path)
  } catch {
    removeIfPossible(part)
  }
}

/**
 * A new user of a host has no folder for caches yet. We must not make one in a container, which is used once: a form that is kept
 * in it would cost time and help no other start. Throws if there is no home.
 */
function mayMake(caches: string): boolean {
  const { HOME = '', ECS_CONTAINER_METADATA_URI_V4: ecs, KUBERNETES_SERVICE_HOST: kubernetes } = process.env
  const isContainer = ecs || kubernetes || ['/.dockerenv', '/run/.containerenv'].some((file) => existsSync(file))
  return !isContainer && caches === join(HOME, '.cache') && statSync(HOME).uid === process.getuid?.()
}

function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // The folder cannot be written, so the file was not made.
  }
}

/** The `require` of the program in the executable: the modules of Node, and `libsql` with its native library. */
function requireInExecutable(name: string): unknown {
  const module = { exports: {} }
  if (name === 'libsql') {
    const source = readAsset('libsql.js')?.toString('latin1') ?? ''
    new Script(source, { filename: 'libsql.js' }).runInThisContext()(module.exports, requireInExecutable, module)
  } else if (name.startsWith('@libsql/')) process.dlopen(module, join(dirname(process.execPath), SQLITE))
  else return require(name)
  return module.exports
}

function hex(sum: number): string {
  return sum.toString(16).padStart(SUM_BYTES, '0')
}

function readBeside(name: string): Buffer | null {
  try {
    return readFileSync(join(__dirname, name))
  } catch {
    return null
  }
}

function readAsset(name: string): Buffer | null {
  try {
    return Buffer.from(getRawAsset(name) as ArrayBuffer)
  } catch {
    return null
  }
}
