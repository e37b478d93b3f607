import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { BATCHES } from '../support/processes/supervise.ts'

test('remembers the first signal, tells every one, and survives them all', async () => {
  const child = spawn(process.execPath, [join(BATCHES, 'stops.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const next = async () => (await lines.next()).value
  expect(await next()).toBe('ready null false')
  child.kill('SIGHUP')
  expect(await next()).toBe('aborted SIGHUP SIGHUP')
  expect(await next()).toBe('heard SIGHUP')
  child.kill('SIGINT')
  expect(await next()).toBe('heard SIGINT')
  child.kill('SIGQUIT')
  expect(await next()).toBe('heard SIGQUIT')
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await next()).toBe('first SIGHUP true')
  expect(await ended).toEqual([0, null])
})

test('the command line loads nothing else before they stand, but what Node itself has loaded by then', () => {
  const source = readFileSync(new URL('../../src/cli/main.ts', import.meta.url), 'utf8')
  const imports = [...source.matchAll(/^import (?!type ).* from '(.*)'$/gm)].map(([, from]) => from)
  // The exit codes are names and numbers.
  expect(imports).toEqual(['node:fs', '../core/exit.ts', '../process/signals.ts'])
  expect(source.indexOf('await import(')).toBeGreaterThan(source.indexOf('installStops()'))
})
