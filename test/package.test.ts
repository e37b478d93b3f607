// What `npm publish` would send, and what a user has after `npm install`.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { COMMANDS } from '../src/cli/command-table.ts'
import { scratch } from './support/cli.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const run = promisify(execFile)
const folder = scratch()
const QUIET = ['--no-audit', '--no-fund', '--ignore-scripts']
let files: readonly string[]
let tarball: string

// The registry gives the packages that the tarball depends on. We must skip `prepack`, otherwise it would remove dist while
// other tests use it. `.ci/package` runs it, in a clone.
beforeAll(async () => {
  const packed = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: ROOT })
  const [{ filename, files: listed }] = JSON.parse(packed.stdout)
  tarball = `./${filename}`
  files = listed.map(({ path }: { path: string }) => path)
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  await run('npm', ['install', ...QUIET, tarball], { cwd: folder })
}, 300_000)

test('the tarball has the library, the command line, the schemas, and nothing else', () => {
  const library = reachable('dist/index.js')
  const others = files.filter((path) => !library.has(path) && !library.has(path.replace(/\.d\.ts$/, '.js')))
  expect(others.filter((path) => !/^(schema|docs)\//.test(path)).sort()).toEqual(
    [
      'CHANGELOG.md',
      'LICENSE',
      'README.ja.md',
      'README.md',
      'dist/cli/THIRD-PARTY.txt',
      'dist/cli/app.js',
      'dist/cli/main.js',
      'dist/cli/package.json',
      'dist/cronledger.1',
      'dist/index.cjs',
      'dist/index.d.cts',
      'dist/page/page.css',
      'dist/page/page.js',
      'package.json',
    ].sort(),
  )
  const pages = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.md$|^(examples|tour)\//.test(name) && !name.startsWith('development'))
    .filter((name) => statSync(join(ROOT, 'docs', name)).isFile())
    .map((name) => `docs/${name}`)
  expect(files.filter((path) => path.startsWith('docs/')).sort()).toEqual(pages.sort())
  expect([...library].filter((path) => !files.includes(path))).toEqual([])
  expect(files).toEqual(
    expect.arrayContaining(['schema/table.json', 'schema/row.schema.json', 'schema/task.schema.json']),
  )
})

test('README and guides link to what the tarball has', () => {
  const pages = files.filter((path) => path.endsWith('.md') && path !== 'CHANGELOG.md')
  const missing = pages.flatMap((page) =>
    [...readFileSync(join(ROOT, page), 'utf8').matchAll(/(?<!!)\[[^\]]*\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
      .map(([, target = '']) => join(dirname(page), target))
      .filter((target) => !files.includes(target)),
  )
  // For those who have the repository, as README and guides say there.
  expect(
    missing.filter(
      (target) => !/^(CONTRIBUTING\.md|Dockerfile|action\.yml|docs\/development.*|docs\/reference)$/.test(target),
    ),
  ).toEqual([])
})

/** The modules that one of them imports, at once or later. Types-only modules are empty, and come by their `.d.ts`. */
function reachable(path: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(path)) return found
  found.add(path)
  const texts = [path, path.replace(/\.js$/, '.d.ts')].map((file) => readFileSync(join(ROOT, file), 'utf8'))
  for (const [, name] of texts.join('\n').matchAll(/(?:from |import\()'(\.[^']+)'/g)) {
    reachable(join(dirname(path), (name ?? '').replace(/\.ts$/, '.js')), found)
  }
  return found
}

test('npx runs it', async () => {
  const cronledger = (...args: string[]) => run('npx', ['--no-install', 'cronledger', ...args], { cwd: folder })
  expect((await cronledger('--version')).stdout).toMatch(/^cronledger \d/)
  const trigger = ['--task', 'nightly', '--schedule', '0 3 * * *', '--event-time', '2026-11-24T03:00:00Z']
  const start = () => cronledger('run', '--store', 'file:ledger.db', ...trigger, '--', 'echo', 'paid')
  expect((await start()).stdout).toBe('paid\n')
  expect((await start()).stdout).toBe('')
})

test('npm gets a manual page that has each command', () => {
  const own = join(folder, 'node_modules/cronledger')
  const { man } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8'))
  expect(man).toEqual(['./dist/cronledger.1'])
  const manual = readFileSync(join(own, man[0]), 'utf8')
  const sections = [...manual.matchAll(/^\.SH (.*)$/gm)].map(([, title]) => title)
  expect(sections).toEqual(expect.arrayContaining(Object.keys(COMMANDS).map((name) => name.toUpperCase())))
  expect(manual).toContain('\n  \\-\\-event\\-time INSTANT')
})

test('a program imports or requires it, and has its types', async () => {
  const program = `import { createLedger, slotOf } from 'cronledger'
const ledger = createLedger({ store: 'file:library.db' })
const outcome = await ledger.run({ task: 'nightly', schedule: '0 3 * * *', eventTime: '2026-11-24T03:00:00Z' }, async ({ number }) => number)
const env: Record<string, string | undefined> = {}
await ledger.run(
  { task: 'nightly', schedule: '0 3 * * *', timezone: env.TZ, anchor: env.ANCHOR, eventTime: '2026-11-24T03:00:00Z', force: undefined, maxAttempts: undefined, onLeaseLost: undefined, signal: undefined },
  async () => null,
)
for await (const row of ledger.history({ task: env.TASK ?? 'nightly', since: env.SINCE, limit: undefined })) console.log(row.task)
await ledger.findSlot({ task: 'nightly', slot: 'latest' })
const found: { readonly slot: Date } | null = slotOf({ schedule: '@daily' }, '2026-11-24T05:00:00Z')
if (outcome.status === 'completed') console.log(outcome.status, outcome.value.toFixed(0), found?.slot.toISOString())
await ledger.close()
`
  writeFileSync(
    join(folder, 'program.mjs'),
    program.replace(/: \{ readonly slot: Date \} \| null|: Record<[^>]*>/g, ''),
  )
  writeFileSync(join(folder, 'program.ts'), program)
  const { stdout } = await run(process.execPath, ['program.mjs'], { cwd: folder })
  expect(stdout).toBe('nightly\ncompleted 1 2026-11-24T00:00:00.000Z\n')
  const required = program.replace(
    'import { createLedger, slotOf } from',
    'import { createLedger, slotOf, type LedgerTask } from',
  )
  // CommonJS has no await outside of a function.
  writeFileSync(
    join(folder, 'program.cts'),
    required.replace(
      /^const ledger[\s\S]*/m,
      (body) => `async function main() {\n${body}}\nvoid main()\nexport type { LedgerTask }\n`,
    ),
  )
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  for (const module of ['nodenext', 'node16']) {
    const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', module, '--target', 'es2023']
    const files = ['program.ts', 'program.cts']
    await run(process.execPath, [tsc, ...options, '--lib', 'es2023,dom', ...files], { cwd: folder }).catch(
      ({ stdout: errors }) => expect(errors).toBe(''),
    )
  }
  const names = "Object.keys(require('cronledger')).sort().join()"
  writeFileSync(
    join(folder, 'names.cjs'),
    `import('cronledger').then((own) => console.log(${names} === Object.keys(own).sort().join(), ${names}))`,
  )
  const { stdout: same } = await run(process.execPath, ['names.cjs'], { cwd: folder })
  const declared = readFileSync(join(folder, 'node_modules/cronledger/dist/index.d.cts'), 'utf8')
  const values = [...declared.matchAll(/declare const (\w+)/g)].map(([, name]) => name)
  expect(same).toBe(`true ${values.sort().join()}\n`)
})
