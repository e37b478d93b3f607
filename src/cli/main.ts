#!/usr/bin/env node
// We must install the signal handlers before the program loads, otherwise they would miss a signal in that time.
import { writeSync } from 'node:fs'
import { RELAY_WORD, relayLines } from '../process/log/relay-lines.ts'
import { installStops } from '../process/signals.ts'
import type { loadApp } from './load.ts'

const stops = installStops()

if (process.argv[2] === RELAY_WORD) relay()
else void start()

async function start(): Promise<never> {
  const { loadApp } = await import('./load.ts')
  const args = process.argv.slice(2)
  process.exit(await mainOf(loadApp, args)(args, process.env, stops))
}

/** Writes the log of another process (src/process/log/relay.ts). That process notices an error when this one ends. */
function relay(): void {
  try {
    relayLines()
  } catch {
    process.exitCode = 1
  }
}

/**
 * Loads the program for the arguments and returns its `main`. A run has a program of its own, which is smaller. If the
 * program cannot be loaded, this process prints one line and exits with the code of a bug (`EXIT` in exit-code.ts), since the
 * batch has not failed.
 */
function mainOf(load: typeof loadApp, args: readonly string[]): ReturnType<typeof loadApp>['main'] {
  const end = args.indexOf('--')
  const own = end === -1 ? args : args.slice(0, end)
  const isRun = own[0] === 'run' && !own.includes('--help') && !own.includes('-h')
  try {
    return load(isRun ? 'run' : 'app').main
  } catch (error) {
    writeSync(
      2,
      `cronledger: cannot be loaded: ${(error instanceof Error ? error.message : String(error)).split('\n', 1)[0]}\n`,
    )
    process.exit(70)
  }
}
