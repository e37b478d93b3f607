// Makes dist-bin/cronledger, an executable from dist/cli (run `npm run build` first) and the Node that runs this file, and
// dist-bin/cronledger-file.node, the native library of SQLite. A file ledger needs both in one folder.
//
// An older Node cannot make an executable that ignores NODE_OPTIONS. `npm run build:binary -- --release` refuses such a Node.
//
// `npm run build:binary -- NODE` makes dist-bin/cronledger-linux-ARCH from another file instead: a Node of the same
// version, for another processor. The executable starts faster if build/compile.mjs has run with that Node.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { inject } from 'postject'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CLI = join(ROOT, 'dist/cli')
const OUT = join(ROOT, 'dist-bin')
const [otherNode] = process.argv.slice(2).filter((word) => word !== '--release')
const arch = otherNode === undefined ? process.arch : archOf(otherNode)
const BINARY = join(OUT, otherNode === undefined ? 'cronledger' : `cronledger-linux-${arch}`)

/** Returns the processor of a Linux program: the field e_machine of its ELF header. Throws an error for any other file. */
function archOf(path) {
  const header = Buffer.alloc(20)
  const file = openSync(path)
  readSync(file, header)
  closeSync(file)
  const found = { 62: 'x64', 183: 'arm64' }[header.readUInt16LE(18)]
  if (header.toString('latin1', 1, 4) !== 'ELF' || found === undefined)
    throw new Error(`${path} is not a Node for Linux on x64 or arm64`)
  return found
}

/** The ending of the caches that fit the Node in the executable. */
const CACHES = `-${process.version}-${process.platform}-${arch}.cache`

/** The files that src/cli/load.ts, src/store/schema.ts and src/web/server/assets.ts read, by the names used there. */
const assets = Object.fromEntries([
  ...readdirSync(CLI)
    .filter((name) => name.endsWith(CACHES) || (name.endsWith('.js') && name !== 'main.js'))
    .map((name) => [name, join(CLI, name)]),
  ...readdirSync(join(ROOT, 'schema'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .map((path) => [path.slice(ROOT.length), path]),
  ...['page.js', 'page.css'].map((name) => [`page/${name}`, join(ROOT, 'dist/page', name)]),
])
// Without the caches, which are for one Node, each start would compile the program again.
if (!(`app${CACHES}` in assets)) {
  const missing = `dist/cli/app${CACHES} is missing`
  if (otherNode === undefined) throw new Error(`${missing}: run "npm run build" with this Node first`)
  process.stderr.write(`${missing}, so the executable starts more slowly\n`)
}

// A container may set it for its batch, and a module that Node cannot load would end cronledger before the batch starts.
if (!readFileSync(otherNode ?? process.execPath).includes('execArgvExtension')) {
  const obeys = `an executable of Node ${process.version} obeys NODE_OPTIONS. A later Node makes one that ignores it`
  if (process.argv.includes('--release')) throw new Error(obeys)
  process.stderr.write(`${obeys}\n`)
}

const folder = mkdtempSync(join(tmpdir(), 'cronledger-binary-'))
try {
  const config = join(folder, 'sea.json')
  const blob = join(folder, 'sea.blob')
  const main = join(CLI, 'main.js')
  assets['libsql.js'] = join(folder, 'libsql.js')
  await bundleLibsql(assets['libsql.js'])
  writeFileSync(
    config,
    JSON.stringify({
      main,
      output: blob,
      assets,
      // Node's own cache fits only the processor on which it is made.
      useCodeCache: otherNode === undefined,
      disableExperimentalSEAWarning: true,
      execArgvExtension: 'none',
    }),
  )
  execFileSync(process.execPath, ['--experimental-sea-config', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  // We work on a copy in another folder, otherwise a failure would leave a plain Node as the executable.
  const program = join(folder, 'cronledger')
  copyFileSync(otherNode ?? process.execPath, program)
  chmodSync(program, 0o755)
  stripIfPossible(program)
  await inject(program, 'NODE_SEA_BLOB', readFileSync(blob), {
    sentinelFuse: 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2',
  })
  mkdirSync(OUT, { recursive: true })
  // We must remove the old executable first, since the system refuses a write to a program that is running.
  rmSync(BINARY, { force: true })
  copyFileSync(program, BINARY)
  copyNativeLibrary()
} finally {
  rmSync(folder, { recursive: true })
}

/** Removes the symbols of Node, a seventh of the executable. The `strip` of another processor refuses it. */
function stripIfPossible(program) {
  try {
    execFileSync('strip', [program], { stdio: 'pipe' })
  } catch {
    process.stderr.write(`no strip for ${arch} (Debian's package binutils), so the executable is larger\n`)
  }
}

/** Bundles the JavaScript of libsql as a function. Its native library stays a `require`, which src/cli/load.ts answers. */
async function bundleLibsql(outfile) {
  await build({
    absWorkingDir: ROOT,
    entryPoints: [join(ROOT, 'node_modules/libsql/index.js')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['@libsql/*'],
    banner: { js: '(function(exports,require,module){' },
    footer: { js: '})' },
    logLevel: 'error',
  })
}

/** npm installs the library of this processor only. */
function copyNativeLibrary() {
  const library = join(ROOT, `node_modules/@libsql/linux-${arch}-gnu/index.node`)
  const target = join(OUT, otherNode === undefined ? 'cronledger-file.node' : `cronledger-file-linux-${arch}.node`)
  rmSync(target, { force: true })
  if (existsSync(library)) copyFileSync(library, target)
  else process.stderr.write(`${library} is missing, so there is no library for file ledgers\n`)
}
