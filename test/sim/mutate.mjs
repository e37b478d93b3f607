// Plants each bug of `planted-bugs.txt` in a bundle of the simulation, and plays days until one breaks a promise; and in a bundle
// of the explorer, and plays schedules of one scenario until one does. A bug that goes unseen means that they prove nothing
// about it. With a smaller bound, the explorer must not find the bug that proves that bound. Prints on which
// day, and after how many schedules, each bug was found.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundle, onEachCore, play } from './bundles.mjs'

const SEEDS = process.env.SEEDS ?? '2000'
/** A bug may make a day endless; a whole day takes milliseconds, also where the machine is busy with others. */
const LIMIT_OF_A_DAY_MS = 60_000
/** A planted bug must be found early: the whole of a scenario would take too long for each of them. */
const STATES = process.env.STATES ?? '60000'
/** Most scenarios with a smaller bound are played to their end within this number of states. Their bugs are found in 600. */
const STATES_OF_BOUNDS = 6_000

const folder = await mkdtemp(join(tmpdir(), 'cronledger-mutations-'))
try {
  await bundle(folder, { mutations: 'test/sim/mutations.ts', bounds: 'test/sim/bounds.ts' })
  const { MUTATIONS } = await import(pathToFileURL(join(folder, 'mutations.mjs')).href)
  const { BOUNDS } = await import(pathToFileURL(join(folder, 'bounds.mjs')).href)
  // `npm run test:mutations -- overlap` plays those whose name has this word.
  const chosen = [...MUTATIONS.entries()].filter(([, { name }]) => name.includes(process.argv[2] ?? ''))
  if (chosen.length === 0) throw new Error(`no planted bug has ${JSON.stringify(process.argv[2])} in its name`)
  const rows = []
  const bounds = []
  let failures = 0
  await onEachCore([...chosen], async ([index, mutation]) => {
    const { name, isExplored, scenario } = mutation
    const own = join(folder, String(index))
    await bundle(own, { simulation: 'test/sim/play.ts', explorer: 'test/explore/main.ts' }, mutation)
    const simulated = isExplored ? null : await simulate(mutation, own)
    const explored = scenario === undefined ? null : found(await explore(own, mutation, STATES))
    const isUnseen = simulated === undefined || explored === undefined
    if (isUnseen) failures += 1
    const cells = [simulated?.count ?? '-', scenario ?? '-', explored?.count ?? '-', (simulated ?? explored)?.broken]
    rows[index] = `| ${name} | ${cells.join(' | ')} |${isUnseen ? ' NOT FOUND' : ''}`
    for (const [at, bound] of BOUNDS.entries()) {
      if (bound.bug !== name) continue
      const { proved, text } = await prove(own, mutation, bound)
      if (!proved) failures += 1
      bounds[at] = `| ${bound.name} | ${name} | ${text} |${proved ? '' : ' NOT PROVED'}`
    }
  })
  for (const line of [...rows, '', ...bounds].filter((one) => one !== undefined)) process.stdout.write(`${line}\n`)
  process.stdout.write(
    `\n${rows.filter(Boolean).length} bugs were planted, ${failures} of them or of the bounds failed\n`,
  )
  process.exitCode = failures === 0 ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function simulate({ name, subject = '' }, own) {
  const env = { SEEDS, SUBJECT: subject }
  const { code, out, signs } = await play(join(own, 'simulation.mjs'), env, LIMIT_OF_A_DAY_MS)
  if (code === 0) return undefined
  // Without a first day, the bundle itself is broken, and the bug was not found.
  if (signs === 0) throw new Error(`${name}: the simulation does not start: ${out}`)
  const [, count, broken] = /^SEED=(\d+): ([^:\n]*)/m.exec(out) ?? []
  return { count: count ?? signs, broken: broken ?? `it stops working: ${out.trim().split('\n')[0]}` }
}

function explore(own, { scenario }, states, changed = {}) {
  const env = { SCENARIO: scenario, STATES: String(states), CHANGED: JSON.stringify(changed) }
  return play(join(own, 'explorer.mjs'), env, LIMIT_OF_A_DAY_MS)
}

function found({ out }) {
  const [, count, broken] = /^FOUND after (\d+) schedules: ([^:\n]*)/m.exec(out) ?? []
  return count === undefined ? undefined : { count, broken }
}

/** Returns whether the explorer finds the bug within the bound, and not with less. */
async function prove(own, mutation, { within, less }) {
  const isFound = within === undefined || found(await explore(own, mutation, STATES_OF_BOUNDS, within)) !== undefined
  const result = await explore(own, mutation, STATES_OF_BOUNDS, less)
  const [, schedules, exhausted] = /^\| [^|]+ \| ([\d,]+) \|.* \| (yes|NO) \|$/m.exec(result.out) ?? []
  const states = STATES_OF_BOUNDS.toLocaleString('en-US')
  const text = exhausted === 'yes' ? `not found, ${schedules} schedules were all` : `not found in ${states} states`
  return { proved: isFound && schedules !== undefined && found(result) === undefined, text }
}
