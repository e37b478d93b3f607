import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { getRawAsset, isSea } from 'node:sea'
import { pathToFileURL } from 'node:url'
import { Script } from 'node:vm'
import { crc32 } from 'node:zlib'
import type * as App from './app.ts'

/** The length of a checksum: a CRC-32 in eight hexadecimal digits. */
const SUM_BYTES = 8

/** SQLite's native library, beside the executable, which cannot load a library that it contains. */
const SQLITE = 'cronledger-file.node'

/**
 * Loads the program with V8's compiled form, if the build made one, since that makes the start faster. V8 refuses a form of
 * another version or with other flags. It does not check the processor, so the name of the file has it, and does not look for
 * damage: a flipped bit would crash or hang this process. So the form begins with a checksum of its source and itself.
 */
export function loadApp(): typeof App {
  const read = isSea() ? readAsset : readBeside
  const source = read('app.js')
  if (source === null) throw new Error('app.js is missing. Install cronledger again.')
  const compiled = read(`app-${process.version}-${process.platform}-${process.arch}.cache`)
  const cachedData = compiled?.subarray(SUM_BYTES)
  const isWhole = cachedData && compiled?.toString('latin1', 0, SUM_BYTES) === sumOf(source, cachedData)
  // The build writes ASCII only, so one byte is one character, which is also the form that V8 keeps.
  const script = new Script(source.toString('latin1'), { filename: 'app.js', ...(isWhole && { cachedData }) })
  const module = { exports: {} as typeof App }
  const requires = isSea() ? requireInExecutable : require
  script.runInThisContext()(module.exports, requires, module, pathToFileURL(__filename).href)
  return module.exports
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

function sumOf(source: Buffer, compiled: Buffer): string {
  return crc32(compiled, crc32(source)).toString(16).padStart(SUM_BYTES, '0')
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
