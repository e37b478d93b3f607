// Plants each bug of `mutations.ts` in a bundle of the simulation, and plays days until one breaks a promise: a bug that
// goes unseen means that the simulation proves nothing about it. Prints the table of docs/promises.md.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** As many as CI plays of the code as it is. */
const SEEDS = Number(process.env.SEEDS ?? 2_000)
/** A bug may make a day endless; a whole day takes milliseconds, also where the machine is busy with others. */
const LIMIT_OF_A_DAY_MS = 60_000

const folder = await mkdtemp(join(tmpdir(), 'cronledger-mutations-'))
try {
  const { MUTATIONS } = await import(pathToFileURL(await bundle('mutations', 'test/sim/mutations.ts')).href)
  // `npm run test:mutations -- turn` plays those whose name has this word.
  const queue = [...MUTATIONS.filter(({ name }) => name.includes(process.argv[2] ?? '')).entries()]
  const found = []
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, mutation] = next
      found[index] = await play(await bundle(`mutation-${index}`, 'test/sim/play.ts', mutation))
      print(`| ${mutation.name} | ${found[index]?.seeds ?? '-'} | ${found[index]?.broken ?? 'NOT FOUND'} |`)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  const unseen = found.filter((one) => one === null).length
  print(`\n${found.length - unseen} of ${found.length} planted bugs were found`)
  process.exitCode = unseen === 0 ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

function print(line) {
  process.stdout.write(`${line}\n`)
}

async function bundle(name, entry, mutation) {
  const outfile = join(folder, `${name}.mjs`)
  let planted = mutation === undefined
  const plant = {
    name: 'plant',
    setup: (on) =>
      on.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8')
        if (mutation === undefined || path !== join(root, mutation.file)) return { contents: text, loader: 'ts' }
        if (text.split(mutation.from).length !== 2) throw new Error(`${mutation.name}: its text is not there once`)
        planted = true
        return { contents: text.replace(mutation.from, () => mutation.to), loader: 'ts' }
      }),
  }
  await build({
    entryPoints: [join(root, entry)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    plugins: [plant],
    logLevel: 'error',
  })
  if (!planted) throw new Error(`${mutation.name}: ${mutation.file} is no part of the simulation`)
  return outfile
}

/** The first day that breaks a promise, null where none does. */
function play(file) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file], { env: { ...process.env, SEEDS: String(SEEDS) } })
    let out = ''
    let days = 0
    const end = () => child.kill('SIGKILL')
    let limit = setTimeout(end, LIMIT_OF_A_DAY_MS)
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      days += String(chunk).match(/^\.+/)?.[0].length ?? 0
      out += String(chunk).replace(/^\.+/, '')
      clearTimeout(limit)
      limit = setTimeout(end, LIMIT_OF_A_DAY_MS)
    })
    child.on('close', (code) => {
      clearTimeout(limit)
      if (code === 0) return resolve(null)
      const [, seed, broken] = /^SEED=(\d+): (.*)$/m.exec(out) ?? []
      const last = out.trim().split('\n').at(0) || 'a day without an end'
      resolve({ seeds: seed ?? days, broken: broken ?? `it stops working: ${last}` })
    })
  })
}
