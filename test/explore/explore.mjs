// Plays every schedule of each scenario in `scenarios.ts`, in one process for each core, and prints how many there
// were. Fails if a schedule breaks a promise, or if a scenario was not played to its end.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundle, onEachCore, play } from '../sim/bundles.mjs'

const folder = await mkdtemp(join(tmpdir(), 'cronledger-explore-'))
try {
  await bundle(folder, { explorer: 'test/explore/main.ts' })
  const run = async (env) => {
    const { code, out } = await play(join(folder, 'explorer.mjs'), env)
    if (code !== 0) process.exitCode = 1
    return out
  }
  if (process.env.SCHEDULE !== undefined) process.stdout.write(await run({}))
  else {
    const names = JSON.parse(await run({})).filter((name) => name.includes(process.argv[2] ?? ''))
    if (names.length === 0) throw new Error(`no scenario has ${JSON.stringify(process.argv[2])} in its name`)
    process.stdout.write('| scenario | schedules | states | ended | merged | past the horizon | exhausted |\n')
    process.stdout.write('| --- | --- | --- | --- | --- | --- | --- |\n')
    await onEachCore(names, async (name) => process.stdout.write(await run({ SCENARIO: name })))
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
