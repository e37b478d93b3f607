import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getRawAsset, isSea } from 'node:sea'
import { pathToFileURL } from 'node:url'
import { Script } from 'node:vm'
import { crc32 } from 'node:zlib'
import type * as App from './app.ts'
import { UNLOADABLE } from './unloadable.ts'

/** The length of a checksum: a CRC-32 in eight hexadecimal digits. */
const SUM_BYTES = 8
/** The position of the text in a source. The source begins with the checksum of that text, in a comment. */
const TEXT_AT = '/*'.length + SUM_BYTES + '*/'.length

/** The value of the script in a pack. The build writes one CommonJS function for each part of the program. */
type Pack = Readonly<
  Record<string, (exports: object, require: Require, lazy: Require, module: Module, url: string) => void>
>
type Require = (name: string) => unknown
interface Module {
  exports: object
}

/**
 * Loads the bundled program. It uses V8's compiled form, which the build put next to the program, since that makes the
 * start faster. Throws an error with the name `UNLOADABLE` if a pack is missing or damaged.
 *
 * V8 refuses a compiled form of another version or with other flags (`NODE_OPTIONS`), and compiles again. It does not
 * check the processor, so the file name contains it. V8 checks only the length of the source and does not look for
 * damage, so a flipped bit would crash or hang this process. The compiled form therefore begins with the checksum of
 * its source and with its own checksum. We must not use it if either is wrong.
 */
export function loadApp(): typeof App {
  const url = pathToFileURL(__filename).href
  const packs = new Map<string, Pack>()
  const loaded = new Map<string, Module>()
  /** Loads a part, named `#PACK` or `#PACK/…`. Any other name is a module of Node or a package outside the bundle. */
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

/** Returns the member that `import` would find under that name in a CommonJS module: `default` is the whole module. */
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
  // The build writes ASCII only, so one byte is one character, which is also the form that V8 keeps.
  const script = new Script(source.toString('latin1'), {
    filename: name,
    ...(cachedData !== undefined && { cachedData }),
  })
  return script.runInThisContext()
}

function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(SUM_BYTES, '0')
}

/**
 * Returns the error for a pack that is missing or damaged. The command line recognises it by its name, since it shares
 * no class with this file, and then exits with 70 after one line.
 */
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
