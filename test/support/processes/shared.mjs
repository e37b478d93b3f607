// Runs the built command line for one command after another, in one process (test/support/processes/shared.ts).
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Script } from 'node:vm'
import { dateAt } from '../../docs/fakes/clock.mjs'

const MAIN = new URL('../../../dist/cli/main.js', import.meta.url)
const source = readFileSync(new URL('app.js', MAIN), 'latin1')
const module = { exports: {} }
new Script(source).runInThisContext()(module.exports, createRequire(MAIN), module, MAIN.href)
/** No signal comes. */
const stops = () => ({
  first: () => null,
  onSignal: () => () => {},
  onSuspend: () => () => {},
  aborted: new AbortController().signal,
})

/** A command that starts a batch replaces them (`hideStandardStreams`). */
const streams = Object.fromEntries(
  ['stdout', 'stderr'].map((name) => [name, Object.getOwnPropertyDescriptor(process, name)]),
)

process.on('disconnect', () => process.exit())
process.on('message', async ({ args, env, cwd }) => {
  process.chdir(cwd)
  process.env = env
  globalThis.Date = dateAt(env.DOCS_CLOCK)
  // A force asks how long its process has run.
  const began = performance.now()
  process.uptime = () => (performance.now() - began) / 1_000
  const code = await module.exports.main(args, env, stops())
  Object.defineProperties(process, streams)
  process.send(code)
})
