// Plants each bug of `mutations.ts` in a bundle of the simulation, and plays days until one breaks a promise; and in a bundle
// of the explorer, and plays schedules of one scenario until one does. A bug that goes unseen means that they prove nothing
// about it. With a smaller bound, the explorer must not find the bug that proves that bound. Prints the tables of
// docs/explanation/promises.md.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundle } from './bundle.mjs'

/** As many as CI plays of the code as it is. */
const SEEDS = Number(process.env.SEEDS ?? 2_000)
/** A bug may make a day endless; a whole day takes milliseconds, also where the machine is busy with others. */
const LIMIT_OF_A_DAY_MS = 60_000
/** A planted bug must be found early: the whole of a scenario would take too long for each of them. */
const STATES = Number(process.env.STATES ?? 60_000)
/** Most scenarios with a smaller bound are played to their end within this number of states. The bugs are found in fewer. */
const STATES_OF_BOUNDS = 12_000

const folder = await mkdtemp(join(tmpdir(), 'cronledger-mutations-'))
try {
  const list = await bundle(join(folder, 'mutations.mjs'), 'test/sim/mutations.ts')
  const { MUTATIONS } = await import(pathToFileURL(list).href)
  // `npm run test:mutations -- overlap` plays those whose name has this word.
  const queue = [...MUTATIONS.filter(({ name }) => name.includes(process.argv[2] ?? '')).entries()]
  if (queue.length === 0) throw new Error(`no planted bug has ${JSON.stringify(process.argv[2])} in its name`)
  let unseen = 0
  let planted = 0
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, mutation] = next
      const simulated = mutation.simulation === false ? null : await simulate(index, mutation)
      const explored = mutation.scenario === undefined ? null : await explore(index, mutation)
      planted += 1
      const isUnseen = (mutation.simulation !== false && !simulated) || (mutation.scenario !== undefined && !explored)
      if (isUnseen) unseen += 1
      const promise = (simulated ?? explored)?.broken ?? ''
      const cells = [mutation.name, simulated?.count ?? '-', mutation.scenario ?? '-', explored?.count ?? '-', promise]
      print(`| ${cells.join(' | ')} |${isUnseen ? ' NOT FOUND' : ''}`)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  print(`\n${planted - unseen} of ${planted} planted bugs were found\n`)
  const unproved = process.argv[2] === undefined ? await proveBounds(MUTATIONS) : 0
  process.exitCode = unseen + unproved === 0 ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

function print(line) {
  process.stdout.write(`${line}\n`)
}

/** The first day that breaks a promise, undefined where none does. */
async function simulate(index, mutation) {
  const file = await bundle(join(folder, `simulation-${index}.mjs`), 'test/sim/play.ts', mutation)
  const { code, out, signs } = await play(file, { SEEDS: String(SEEDS) })
  if (code === 0) return undefined
  // Without a first day, the bundle itself is broken, and the bug was not found.
  if (signs === 0) throw new Error(`${mutation.name}: the simulation does not start: ${out}`)
  const [, count, broken] = /^SEED=(\d+): ([^:\n]*)/m.exec(out) ?? []
  const last = out.trim().split('\n').at(0) || 'a day without an end'
  return { count: count ?? signs, broken: broken ?? `it stops working: ${last}` }
}

/** How many schedules it takes until one breaks a promise, undefined where none does. */
async function explore(index, mutation) {
  const file = await bundle(join(folder, `explorer-${index}.mjs`), 'test/explore/main.ts', mutation)
  return found(await play(file, { SCENARIO: mutation.scenario, STATES: String(STATES) }))
}

function found({ out }) {
  const [, count, broken] = /^FOUND after (\d+) schedules: ([^:\n]*)/m.exec(out) ?? []
  return count === undefined ? undefined : { count, broken }
}

/** Returns the number of bounds that their planted bugs do not prove. Each bug itself was found within its scenario. */
async function proveBounds(mutations) {
  const { BOUNDS } = await import(
    pathToFileURL(await bundle(join(folder, 'bounds.mjs'), 'test/sim/planted/bounds.ts')).href
  )
  const left = [...BOUNDS.entries()]
  const lines = []
  let unproved = 0
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, { name, bug, within, less }] = next
      const mutation = mutations.find((one) => one.name === bug)
      const file = await bundle(join(folder, `bound-${index}.mjs`), 'test/explore/main.ts', mutation)
      const ask = (changed) =>
        play(file, { SCENARIO: mutation.scenario, STATES: String(STATES_OF_BOUNDS), CHANGED: JSON.stringify(changed) })
      const isFound = found(await ask(within ?? {})) !== undefined
      const result = await ask(less)
      const [, schedules, exhausted] = /^\| [^|]+ \| ([\d,]+) \|.* \| (yes|NO) \|$/m.exec(result.out) ?? []
      const isProved = isFound && schedules !== undefined && found(result) === undefined
      if (!isProved) unproved += 1
      const end =
        exhausted === 'yes'
          ? `, ${schedules} schedules were all`
          : ` in ${STATES_OF_BOUNDS.toLocaleString('en-US')} states`
      lines[index] = `| ${name} | ${bug} | not found${end} |${isProved ? '' : ' NOT PROVED'}`
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  print(lines.join('\n'))
  return unproved
}

/** Runs a bundle to its end. It gives a sign of life on stderr; without one it is stuck. */
function play(file, env) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file], { env: { ...process.env, ...env } })
    let out = ''
    let signs = 0
    const end = () => child.kill('SIGKILL')
    let limit = setTimeout(end, LIMIT_OF_A_DAY_MS)
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      signs += String(chunk).match(/^\.+/)?.[0].length ?? 0
      out += String(chunk).replace(/^\.+/, '')
      clearTimeout(limit)
      limit = setTimeout(end, LIMIT_OF_A_DAY_MS)
    })
    child.on('close', (code) => {
      clearTimeout(limit)
      resolve({ code, out, signs })
    })
  })
}
