// Plants each bug of `planted-bugs.txt` in a bundle of the simulation, and plays days until one breaks a promise; and in a bundle
// of the explorer, and plays schedules of one scenario until one does. A bug that goes unseen means that they prove nothing
// about it. Prints on which day, and after how many schedules, each bug was found.
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

const folder = await mkdtemp(join(tmpdir(), 'cronledger-mutations-'))
try {
  await bundle(folder, { mutations: 'test/sim/mutations.ts' })
  const { MUTATIONS } = await import(pathToFileURL(join(folder, 'mutations.mjs')).href)
  // `npm run test:mutations -- overlap` plays those whose name has this word.
  const chosen = [...MUTATIONS.entries()].filter(([, { name }]) => name.includes(process.argv[2] ?? ''))
  if (chosen.length === 0) throw new Error(`no planted bug has ${JSON.stringify(process.argv[2])} in its name`)
  const rows = []
  let failures = 0
  await onEachCore([...chosen], async ([index, mutation]) => {
    const { name, isExplored, scenario } = mutation
    const own = join(folder, String(index))
    await bundle(own, { simulation: 'test/sim/play.ts', explorer: 'test/explore/main.ts' }, mutation)
    const simulated = isExplored ? null : await simulate(mutation, own)
    const explored = scenario === undefined ? null : await explore(own, mutation)
    const isUnseen = simulated === undefined || explored === undefined
    if (isUnseen) failures += 1
    const cells = [simulated?.count ?? '-', scenario ?? '-', explored?.count ?? '-', (simulated ?? explored)?.broken]
    rows[index] = `| ${name} | ${cells.join(' | ')} |${isUnseen ? ' NOT FOUND' : ''}`
  })
  for (const line of rows.filter(Boolean)) process.stdout.write(`${line}\n`)
  process.stdout.write(`\n${rows.filter(Boolean).length} bugs were planted, ${failures} of them were not found\n`)
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

async function explore(own, { scenario }) {
  const { out } = await play(join(own, 'explorer.mjs'), { SCENARIO: scenario, STATES }, LIMIT_OF_A_DAY_MS)
  const [, count, broken] = /^FOUND after (\d+) schedules: ([^:\n]*)/m.exec(out) ?? []
  return count === undefined ? undefined : { count, broken }
}
