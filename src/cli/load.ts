import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getRawAsset, isSea } from 'node:sea'
import { pathToFileURL } from 'node:url'
import { Script } from 'node:vm'
import type * as App from './app.ts'

/** As the build makes it: a script whose value is this, a function a part, in CommonJS. */
type Parts = Readonly<Record<string, (exports: object, require: Require, module: Module, url: string) => void>>
type Require = (name: string) => unknown
interface Module {
  exports: object
}

/**
 * Runs the bundled program with V8's compiled form of it, which the build put beside it, and which saves a third of the
 * start-up. V8 itself refuses one of another version or of other flags (`NODE_OPTIONS`), and compiles anew. It does
 * not look at the processor, and a wrong one could crash: so the name says for which it is.
 */
export function loadApp(): typeof App {
  const read = isSea() ? readAsset : readBeside
  const source = read('app.js')
  if (source === null) throw new Error('app.js is missing: install cronledger anew')
  const cachedData = read(`app-${process.version}-${process.platform}-${process.arch}.cache`)
  // The build writes ASCII only: one byte a character is what V8 keeps anyway.
  const url = pathToFileURL(__filename).href
  const script = new Script(source.toString('latin1'), {
    filename: 'cronledger',
    ...(cachedData !== null && { cachedData }),
  })
  const parts: Parts = script.runInThisContext()
  const loaded = new Map<string, Module>()
  const load = (name: string): unknown => {
    const part = Object.hasOwn(parts, name) ? parts[name] : undefined
    if (part === undefined) return require(name)
    const there = loaded.get(name)
    if (there !== undefined) return there.exports
    const module = { exports: {} }
    loaded.set(name, module)
    part(module.exports, load, module, url)
    return module.exports
  }
  return load('./app.js') as typeof App
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
