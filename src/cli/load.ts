import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getRawAsset, isSea } from 'node:sea'
import { pathToFileURL } from 'node:url'
import { Script } from 'node:vm'
import type * as App from './app.ts'

/** The source begins with it in a comment, after the slash and the star; the compiled form as it is. */
const ID_AT = 2
const ID_BYTES = 16

/** A pack of the program, as the build makes it: a script whose value is this, a function a part, in CommonJS. */
type Pack = Readonly<
  Record<string, (exports: object, require: Require, lazy: Require, module: Module, url: string) => void>
>
type Require = (name: string) => unknown
interface Module {
  exports: object
}

/**
 * Runs the bundled program with V8's compiled form of it, which the build put beside it, and which saves a third of the
 * start-up. V8 itself refuses one of another version or of other flags (`NODE_OPTIONS`), and compiles anew. It does
 * not look at the processor, and a wrong one could crash: so the name says for which it is. Nor does it look at the
 * source but for its length: so both begin with the id that the build gave them.
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
  if (source === null) throw new Error(`${name}.js is missing: install cronledger anew`)
  const compiled = read(`${name}-${process.version}-${process.platform}-${process.arch}.cache`)
  const isOfSource = compiled?.subarray(0, ID_BYTES).equals(source.subarray(ID_AT, ID_AT + ID_BYTES)) ?? false
  const cachedData = isOfSource ? compiled?.subarray(ID_BYTES) : undefined
  // The build writes ASCII only: one byte a character is what V8 keeps anyway.
  const script = new Script(source.toString('latin1'), {
    filename: name,
    ...(cachedData !== undefined && { cachedData }),
  })
  return script.runInThisContext()
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
