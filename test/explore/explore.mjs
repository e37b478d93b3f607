// Plays every schedule of each scenario in `scenarios.ts`, in one process for each core, and prints the figures of the
// table in docs/explanation/promises.md. Fails if a schedule breaks a promise, or if a scenario was not played to its
// end.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundle } from '../sim/bundle.mjs'

const folder = await mkdtemp(join(tmpdir(), 'cronledger-explore-'))
try {
  const file = await bundle(join(folder, 'explore.mjs'), 'test/explore/main.ts')
  if (process.env.SCHEDULE !== undefined) {
    const { code, out } = await run(file, {})
    process.stdout.write(out)
    process.exitCode = code
  } else {
    // `npm run test:explore -- force` explores only the scenarios whose name contains this word.
    const names = JSON.parse((await run(file, {})).out).filter((name) => name.includes(process.argv[2] ?? ''))
    if (names.length === 0) throw new Error(`no scenario has ${JSON.stringify(process.argv[2])} in its name`)
    process.stdout.write('| scenario | schedules | states | ended | merged | past the horizon | exhausted |\n')
    process.stdout.write('| --- | --- | --- | --- | --- | --- | --- |\n')
    const work = async () => {
      for (let name = names.shift(); name !== undefined; name = names.shift()) {
        const { code, out } = await run(file, { SCENARIO: name })
        process.stdout.write(out)
        if (code !== 0) process.exitCode = 1
      }
    }
    await Promise.all(Array.from({ length: availableParallelism() }, work))
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}

function run(file, env) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let out = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.on('close', (code) => resolve({ code: code ?? 1, out }))
  })
}
