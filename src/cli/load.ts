import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getRawAsset, isSea } from 'node:sea'
import { pathToFileURL } from 'node:url'
import { Script } from 'node:vm'
import { crc32 } from 'node:zlib'
import type * as App from './app.ts'
import { UNLOADABLE } from './unloadable.ts'

/** A checksum: eight hexadecimal digits of CRC-32. */
const SUM_BYTES = 8
/** The source begins with the checksum of its text, in a comment. */
const TEXT_AT = '/*'.length + SUM_BYTES + '*/'.length

/** A pack of the program, as the build makes it: a script whose value is this, a function a part, in CommonJS. */
type Pack = Readonly<
  Record<string, (exports: object, require: Require, lazy: Require, module: Module, url: string) => void>
>
type Require = (name: string) => unknown
interface Module {
  exports: object
}

/**
 * Runs the bundled program with V8's compiled form of it, which saves part of the start-up. The build put that form beside
 * the program. V8 itself refuses a compiled form of another version or with other flags (`NODE_OPTIONS`), and compiles again.
 * It does not look at the processor, so the file's name does. Nor does it look at the source but for its length, or for
 * damage: a flipped bit would crash or hang this process. So the compiled form begins with the checksum of its source and
 * with its own, and is not used where either is wrong.
 */
export function loadApp(): typeof App {
  const url = pathToFileURL(__filename).href
  const packs = new Map<string, Pack>()
  const loaded = new Map<string, Module>()
  /** A part is named `#PACK` or `#PACK/…`; all else is Node's, or a package that is not in the bundle. */
  const load = (name: string): unknown => {
    const there = loaded.get(name)
    if (there !== undefined) return there.exports
    const packName = /^#(\w+)/.exec(name)?.[1]
    if (packName === undefined) return require(name)
    const pack = packs.get(packName) ?? readPack(packName)
    packs.set(packName, pack)
    const module = { exports: {} }
    loaded.set(name, module)
    pack[name]?.(module.exports, load, lazy, module, url)
    return module.exports
  }
  const lazy = (name: string): unknown => new Proxy({}, { get: (_, key) => memberOf(load(name) as object, key) })
  return (load('#app') as { 'app.js': typeof App })['app.js']
}

/** What `import` finds under that name in a module: `default` is all of it. */
function memberOf(module: object, key: string | symbol): unknown {
  return key === 'default' ? module : Reflect.get(module, key)
}

function readPack(name: string): Pack {
  const read = isSea() ? readAsset : readBeside
  const source = read(`${name}.js`)
  if (source === null) throw unloadable(`${name}.js is missing`)
  const sourceSum = checksum(source.subarray(TEXT_AT))
  if (source.toString('latin1', 0, TEXT_AT) !== `/*${sourceSum}*/`) throw unloadable(`${name}.js is damaged`)
  const compiled = read(`${name}-${process.version}-${process.platform}-${process.arch}.cache`)
  const data = compiled?.subarray(2 * SUM_BYTES)
  const isWhole = data && compiled?.toString('latin1', 0, 2 * SUM_BYTES) === sourceSum + checksum(data)
  const cachedData = isWhole ? data : undefined
  // The build writes ASCII only: one byte a character is what V8 keeps anyway.
  const script = new Script(source.toString('latin1'), {
    filename: name,
    ...(cachedData !== undefined && { cachedData }),
  })
  return script.runInThisContext()
}

function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(SUM_BYTES, '0')
}

/** The command line recognises it by its name (exit code 70, one line): it has no class in common with this file. */
function unloadable(what: string): Error {
  return Object.assign(new Error(`${what}. Install cronledger again.`), { name: UNLOADABLE })
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
