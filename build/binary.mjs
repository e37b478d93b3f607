// Makes one executable, dist-bin/cronledger, from dist/cli (`npm run build` must run first) and the Node that runs this
// file. `npx -p node@24 npm run build:binary` uses another Node.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject } from 'postject'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CLI = join(ROOT, 'dist/cli')
const OUT = join(ROOT, 'dist-bin')
const BINARY = join(OUT, 'cronledger')

/** The files that src/cli/load.ts, src/store/schema.ts and src/web/server/assets.ts read, by the names used there. */
const assets = Object.fromEntries([
  ...readdirSync(CLI)
    .filter((name) => /\.(js|cache)$/.test(name) && name !== 'main.js')
    .map((name) => [name, join(CLI, name)]),
  ...readdirSync(join(ROOT, 'schema'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .map((path) => [path.slice(ROOT.length), path]),
  ...['page.js', 'page.css'].map((name) => [`page/${name}`, join(ROOT, 'dist/page', name)]),
])
const cache = `app-${process.version}-${process.platform}-${process.arch}.cache`
if (!(cache in assets)) throw new Error(`dist/cli/${cache} is missing: run "npm run build" with this Node first`)

const folder = mkdtempSync(join(tmpdir(), 'cronledger-binary-'))
try {
  const config = join(folder, 'sea.json')
  const blob = join(folder, 'sea.blob')
  const main = join(CLI, 'main.js')
  writeFileSync(
    config,
    JSON.stringify({ main, output: blob, assets, useCodeCache: true, disableExperimentalSEAWarning: true }),
  )
  execFileSync(process.execPath, ['--experimental-sea-config', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  // We work on a copy in another folder, otherwise a failure would leave a plain Node as the executable.
  const program = join(folder, 'cronledger')
  copyFileSync(process.execPath, program)
  chmodSync(program, 0o755)
  await inject(program, 'NODE_SEA_BLOB', readFileSync(blob), {
    sentinelFuse: 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2',
  })
  mkdirSync(OUT, { recursive: true })
  // We must remove the old executable first, since the system refuses a write to a program that is running.
  rmSync(BINARY, { force: true })
  copyFileSync(program, BINARY)
} finally {
  rmSync(folder, { recursive: true })
}
