// Makes dist/page, the script and the style that `serve` and `report` give to a browser (src/web/browser).
//
// Makes dist/cli, the command line and V8's compiled form of it:
//
//   main.js   It installs the signal handlers, then loads the other files (src/cli/main.ts and load.ts).
//   PACK.js   A script whose value is an object with one function for each part of the program. A pack or a part is
//             loaded only when it is used, so a run never loads the code that prints tables.
//   *.cache   The compiled form of a pack for the Node that runs this build. It has the code that the fast commands
//             need.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { builtinModules } from 'node:module'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { build } from 'esbuild'
import { edits } from './edits.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const OUT = join(ROOT, 'dist/cli')

// We keep the names, otherwise the stack in a bug report would be useless.
const SMALL = { minifyWhitespace: true, minifySyntax: true, legalComments: 'none' }
const CJS = { target: 'node20.19', platform: 'node', format: 'cjs', supported: { 'dynamic-import': false }, ...SMALL }
const BUNDLE = {
  ...SMALL,
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  // We use the ES modules of the SDK, since esbuild can leave nothing out of CommonJS modules.
  mainFields: ['module', 'main'],
  conditions: ['module'],
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

/**
 * Splits the program into ES modules, since esbuild leaves unused code out of those, and then turns them into
 * functions. Returns the paths of the sources that are in the bundle.
 */
async function bundleParts() {
  const options = { ...BUNDLE, format: 'esm', splitting: true, write: false, metafile: true }
  const program = await build({
    ...options,
    entryPoints: ['src/cli/app.ts'],
    // libsql is native code, which a bundle cannot contain.
    external: ['libsql', 'luxon'],
    plugins: [edits],
  })
  const luxon = await build({ ...options, entryPoints: { luxon: './node_modules/luxon/src/luxon.js' } })
  const texts = new Map([...program.outputFiles, ...luxon.outputFiles].map(({ path, text }) => [basename(path), text]))
  const packOf = packsOf(program.metafile.outputs)
  const partOf = (name) => (packOf(name) === 'rest' ? `#rest/${name}` : `#${packOf(name)}`)
  for (const pack of new Set([...texts.keys()].map(packOf))) {
    const names = [...texts.keys()].filter((name) => packOf(name) === pack)
    const functions = [...new Set(names.map(partOf))].map(async (part) => {
      const inPart = names.filter((name) => partOf(name) === part)
      const code = lazily(await oneModule(inPart, texts))
      const refer = (_, name) => `require("${partOf(name)}")["${name}"]`
      return `"${part}"(exports,require,lazy,module,moduleUrl){${code.replace(/require\("\.\/([\w-]+\.js)"\)/g, refer)}}`
    })
    const text = `({${(await Promise.all(functions)).join(',\n')}})\n`
    // The pack begins with its checksum, and so does its compiled form (src/cli/load.ts).
    const sum = crc32(text).toString(16).padStart(8, '0')
    writeFileSync(join(OUT, `${pack}.js`), `/*${sum}*/${text}`)
  }
  const outputs = [program, luxon].flatMap(({ metafile }) => Object.values(metafile.outputs))
  const used = outputs.flatMap((output) => Object.entries(output.inputs))
  return used.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path)
}

/**
 * Turns ES modules into one CommonJS module, which exports each of them by its name. luxon is alone in its module and
 * exports its own names. In one scope, the modules call each other directly and not through two getters.
 */
async function oneModule(names, texts) {
  const all = names.map((name) => `export * ${name === 'luxon.js' ? '' : `as "${name}" `}from "./${name}"`)
  const { outputFiles } = await build({
    ...CJS,
    bundle: true,
    write: false,
    define: { 'import.meta.url': 'moduleUrl' },
    stdin: { contents: all.join('\n') },
    plugins: [
      {
        name: 'modules',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /./ }, ({ path }) =>
            names.includes(basename(path)) ? { path: basename(path), namespace: 'module' } : { path, external: true },
          )
          onLoad({ filter: /./, namespace: 'module' }, ({ path }) => ({ contents: texts.get(path) }))
        },
      },
    ],
  })
  return outputFiles[0].text
}

/**
 * Returns a function that gives the pack of a module by the name of its file. The modules of a command with a fast
 * start are in one part, which runs as a whole when it is loaded:
 *
 * - `app`: the modules of every command, and those that `explain` shares with `run` or `dynamodb`
 * - `explain` and `run`: the modules of one command
 * - `dynamodb`: the modules of that store
 * - `luxon`: only luxon, since a run in UTC does not need it
 * - `rest`: all other modules, each in a part of its own
 */
function packsOf(outputs) {
  const closure = (path, seen = new Set()) => {
    if (seen.has(path)) return seen
    seen.add(path)
    const imports = outputs[path].imports.filter(({ kind, external }) => kind !== 'dynamic-import' && !external)
    for (const { path: imported } of imports) closure(imported, seen)
    return seen
  }
  const loadedBy = (source) => {
    const entry = Object.keys(outputs).find((path) => outputs[path].entryPoint === source)
    return new Set([...closure(entry)].map((path) => basename(path)))
  }
  const app = loadedBy('src/cli/app.ts')
  const run = loadedBy('src/cli/commands/run.ts')
  const dynamodb = loadedBy('src/store/dynamodb/dynamodb-store.ts')
  const explain = loadedBy('src/cli/commands/explain.ts')
  return (name) => {
    if (name === 'luxon.js') return 'luxon'
    if (app.has(name) || (explain.has(name) && (run.has(name) || dynamodb.has(name)))) return 'app'
    if (run.has(name)) return 'run'
    if (dynamodb.has(name)) return 'dynamodb'
    return explain.has(name) ? 'explain' : 'rest'
  }
}

/**
 * Makes Node's own modules and luxon load on first use. This is safe, since code from an ES module reads an import each
 * time that it uses it.
 */
function lazily(code) {
  return code
    .replace(/__toESM\((require\("([^"]+)"\))(?:,1)?\)/g, (all, plain, name) =>
      isLazy(name) || name.startsWith('./') ? plain : all,
    )
    .replace(/\brequire\("([^"]+)"\)/g, (all, name) =>
      isLazy(name) ? `lazy("${name === 'luxon' ? '#luxon' : name}")` : all,
    )
}

function isLazy(name) {
  return name === 'luxon' || builtinModules.includes(name.replace(/^node:/, ''))
}

async function bundlePage() {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    target: 'es2022',
    charset: 'utf8',
    entryPoints: ['src/web/browser/page.ts', 'src/web/browser/page.css'],
    outdir: join(ROOT, 'dist/page'),
    logLevel: 'warning',
    metafile: true,
  })
  return Object.keys(metafile.inputs)
}

/** Returns the licences of the libraries in the bundle, which these require. */
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
 * Runs the commands that should start fast, and keeps the code that V8 compiled for them. Each process begins with the
 * code that the earlier ones compiled. A run needs a server, so this one accepts every request.
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
  const fast = [['run', ...store, ...daily, '--', 'true'], ['explain', ...daily], ['--help'], ['run', '--help']]
  for (const words of fast) {
    await promisify(execFile)(process.execPath, ['--require', recorder, join(OUT, 'main.js'), ...words], { env })
  }
  server.close()
}
