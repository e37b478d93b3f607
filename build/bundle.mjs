// Makes dist/page: what `serve` and `report` give to a browser (src/browser), a script and a style.
//
// And dist/cli: the command line in two files, and V8's compiled form of the big one.
//
//   main.js   installs the signal handlers, then loads the other (src/cli/main.ts and load.ts)
//   app.js    everything else, with its libraries: a script whose value is an object of functions, one a part. A part
//             is loaded when it is asked for, so that a run never meets what prints tables
//   *.cache   of app.js, for the Node that runs this, with what a run needs compiled
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build, transform } from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const OUT = join(ROOT, 'dist/cli')

// Names stay, so that a stack in a bug report says something.
const SMALL = { minifyWhitespace: true, minifySyntax: true, legalComments: 'none' }
const CJS = { target: 'node20.19', platform: 'node', format: 'cjs', supported: { 'dynamic-import': false }, ...SMALL }
const BUNDLE = {
  ...SMALL,
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  // The SDK's ES modules: of its CommonJS nothing could be left out.
  mainFields: ['module', 'main'],
  conditions: ['module'],
  // Once, and not a second time for cron-parser, which is CommonJS.
  alias: { luxon: './node_modules/luxon/src/luxon.js' },
  // Native code, which no bundle can hold.
  external: ['libsql'],
  outdir: OUT,
  logLevel: 'warning',
}

rmSync(OUT, { recursive: true, force: true })
mkdirSync(OUT, { recursive: true })
await build({ ...BUNDLE, ...CJS, entryPoints: ['src/cli/main.ts'] })
const inputs = await bundleParts()
writeFileSync(join(OUT, 'package.json'), '{ "type": "commonjs" }\n')
writeFileSync(join(OUT, 'THIRD-PARTY.txt'), licenses([...inputs, ...(await bundlePage())]))
await compile()

/** Splits as ES modules, where esbuild leaves out what nobody uses, and turns each part into a function after that. */
async function bundleParts() {
  const { outputFiles, metafile } = await build({
    ...BUNDLE,
    entryPoints: ['src/cli/app.ts'],
    format: 'esm',
    splitting: true,
    write: false,
    metafile: true,
  })
  const parts = outputFiles.map(async ({ path, text }) => {
    const { code } = await transform(text, { ...CJS, define: { 'import.meta.url': 'moduleUrl' } })
    return `${JSON.stringify(`./${basename(path)}`)}(exports,require,module,moduleUrl){${code}}`
  })
  writeFileSync(join(OUT, 'app.js'), `({${(await Promise.all(parts)).join(',\n')}})\n`)
  const used = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs))
  return used.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path)
}

async function bundlePage() {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    target: 'es2022',
    charset: 'utf8',
    entryPoints: ['src/browser/page.ts', 'src/browser/page.css'],
    outdir: join(ROOT, 'dist/page'),
    logLevel: 'warning',
    metafile: true,
  })
  return Object.keys(metafile.inputs)
}

/** The licences of the libraries in the bundle, as these ask for. */
function licenses(paths) {
  const folders = new Set(paths.flatMap((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []))
  const texts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'))
    const file = readdirSync(join(ROOT, folder)).find((entry) => /^(licen[cs]e|copying)/i.test(entry))
    const text = file === undefined ? '' : `\n\n${readFileSync(join(ROOT, folder, file), 'utf8').trim()}`
    return `${name} ${version} (${license})${text}`
  })
  return `${['cronledger contains:', ...texts].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`
}

/**
 * Runs what is worth a fast start, so that V8 has compiled what that needs, and keeps the result: each process begins
 * with what those before it compiled. A run wants a server: this one says yes to everything.
 */
async function compile() {
  const server = createServer((request, response) => request.resume().on('end', () => response.end('{}')))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const daily = ['--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo']
  const store = ['--store', 'dynamodb:cronledger', '--task', 'nightly', '--event-time', '2026-11-24T18:00:00Z']
  const env = {
    PATH: process.env.PATH,
    AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${server.address().port}`,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'none',
    AWS_SECRET_ACCESS_KEY: 'none',
  }
  const recorder = join(ROOT, 'build/record.cjs')
  for (const words of [['run', ...store, ...daily, '--', 'true'], ['explain', ...daily], ['--help']]) {
    await promisify(execFile)(process.execPath, ['--require', recorder, join(OUT, 'main.js'), ...words], { env })
  }
  server.close()
}
