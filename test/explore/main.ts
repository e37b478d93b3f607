import { type Explored, explore } from './explore.ts'
import { play } from './play.ts'
import type { Scenario } from './scenario.ts'
import { SCENARIOS } from './scenarios.ts'

// `SCENARIO=name` explores one scenario, and `SCHEDULE=name:0,1,…` plays one schedule again, step by step. explore.mjs
// and ../sim/mutate.mjs run this file.

/** More states than any scenario has. Unlike a limit on time, this limit has the same effect on every machine. */
const MAX_STATES = 1_000_000
const { SCENARIO, SCHEDULE, STATES } = process.env
// A stack trace is slow to make, and the code makes an error for each request without an answer.
Error.stackTraceLimit = 0

const print = (text: string) => void process.stdout.write(`${text}\n`)

function named(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name)
  if (found === undefined)
    throw new Error(`no scenario "${name}". Known: ${SCENARIOS.map((one) => one.name).join('; ')}`)
  return found
}

async function replay(schedule: string): Promise<readonly string[]> {
  const [name = '', choices = ''] = schedule.split(':')
  const left = choices === '' ? [] : choices.split(',').map(Number)
  const { trail, broken } = await play(named(name), () => left.shift() ?? 0, true)
  for (const line of trail) print(line)
  for (const line of broken) print(`  BROKEN  ${line}`)
  return broken
}

function line({ name }: Scenario, { schedules, states, cuts, exhausted }: Explored): string {
  const count = (number: number) => number.toLocaleString('en-US')
  const cells = [schedules, states, cuts.ended, cuts.merged, cuts.horizon].map(count)
  return `| ${[name, ...cells, exhausted ? 'yes' : 'NO'].join(' | ')} |`
}

async function exploreOne(scenario: Scenario): Promise<boolean> {
  // A sign of life for mutate.mjs, since a planted bug may make a schedule endless.
  const giveSign = () => void (STATES !== undefined && process.stderr.write('.'))
  const explored = await explore(scenario, Number(STATES ?? MAX_STATES), giveSign)
  print(line(scenario, explored))
  const { found, exhausted } = explored
  if (found !== null) {
    print(`FOUND after ${explored.schedules} schedules: ${found.broken[0]}`)
    const schedule = `${scenario.name}:${found.choices.join(',')}`
    await replay(schedule)
    print(`Play it again: SCHEDULE='${schedule}' npm run test:explore`)
  }
  return found === null && exhausted
}

if (SCHEDULE !== undefined) {
  process.exitCode = (await replay(SCHEDULE)).length === 0 ? 0 : 1
} else if (SCENARIO !== undefined) {
  process.exitCode = (await exploreOne(named(SCENARIO))) ? 0 : 1
} else {
  print(JSON.stringify(SCENARIOS.map(({ name }) => name)))
}
