// Makes dist/page, the script and the style that `serve` gives to a browser (src/web/browser), and dist/cli,
// the command line:
//
//   main.js   installs the signal handlers, then loads the program (src/cli/main.ts and load.ts)
//   app.js    the program
//   *.cache   V8's compiled form of it (build/compile.mjs)
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const OUT = join(ROOT, 'dist/cli')
const PARTS = join(ROOT, 'dist/parts')

// We keep the names, otherwise the stack in a bug report would be useless.
const NODE = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
  // libsql is native code, which a bundle cannot contain.
  external: ['libsql'],
}
/** What build/binary.mjs adds to the executable. */
const LIBSQL = ['libsql', '@neon-rs/load', 'detect-libc'].map((name) => `node_modules/${name}`)
const CJS = { ...NODE, format: 'cjs', supported: { 'dynamic-import': false } }

/**
 * Gives cron-parser a date that is enough to parse an expression, since we use it for nothing else. A date of luxon would
 * open ICU, which takes a run 25 ms. Any other use of the date would fail, and the expression would be refused.
 */
const cronParserWithoutLuxon = {
  name: 'cron-parser without luxon',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^luxon$/ }, ({ importer }) =>
      importer.includes('node_modules/cron-parser/') ? { path: 'no-luxon', namespace: 'build' } : undefined,
    )
    onLoad({ filter: /^no-luxon$/, namespace: 'build' }, () => ({
      contents: "exports.DateTime = { fromJSDate: () => ({ isValid: true, zoneName: 'UTC' }) }",
    }))
  },
}

rmSync(OUT, { recursive: true, force: true })
mkdirSync(OUT, { recursive: true })
await build({ ...CJS, entryPoints: ['src/cli/main.ts'], outdir: OUT })
const inputs = await splitProgram()
await joinProgram()
rmSync(PARTS, { recursive: true })
writeFileSync(join(OUT, 'package.json'), '{ "type": "commonjs" }\n')
writeFileSync(join(OUT, 'THIRD-PARTY.txt'), licenses([...inputs, ...LIBSQL, ...(await bundlePage())]))
execFileSync(process.execPath, [join(ROOT, 'build/compile.mjs')], { stdio: 'pipe' })

/**
 * Splits the program at each `import()`. esbuild leaves the unused code of a module out only if it splits, and that is
 * most of the AWS SDK. Returns the files that the program contains.
 */
async function splitProgram() {
  const { metafile } = await build({
    ...NODE,
    format: 'esm',
    splitting: true,
    metafile: true,
    entryPoints: ['src/cli/app.ts'],
    outdir: PARTS,
    // esbuild can leave nothing out of the SDK's CommonJS modules.
    mainFields: ['module', 'main'],
    conditions: ['module'],
    plugins: [cronParserWithoutLuxon],
  })
  return Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.keys(inputs).filter((path) => inputs[path].bytesInOutput > 0),
  )
}

/**
 * Joins the parts to one script, whose value is a function like that of a CommonJS module. A part still runs only when
 * its `import()` does.
 */
async function joinProgram() {
  await build({
    ...CJS,
    entryPoints: [join(PARTS, 'app.js')],
    outdir: OUT,
    // package.json says that our files have no side effects, which is not true of parts that contain a library.
    ignoreAnnotations: true,
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: '(function(exports,require,module,moduleUrl){' },
    footer: { js: '})' },
  })
  // src/cli/load.ts reads one byte as one character. esbuild escapes all but the texts with a tag, whose raw form is not used.
  const app = join(OUT, 'app.js')
  const escaped = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  writeFileSync(app, readFileSync(app, 'utf8').replaceAll(/[^\0-\x7f]/g, escaped))
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
