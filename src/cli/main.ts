#!/usr/bin/env node
// We must install the signal handlers before the program loads, otherwise they would miss a signal in that time.
import { writeSync } from 'node:fs'
import { RELAY_WORD, relayLines } from '../process/log/relay-lines.ts'
import { installStops } from '../process/signals.ts'
import type { loadApp } from './load.ts'

const stops = installStops()

// Node and the AWS SDK warn about versions on every start. Those warnings are for developers, and the log of a batch
// must not contain them.
process.removeAllListeners('warning')

if (process.argv[2] === RELAY_WORD) relay()
else void start()

async function start(): Promise<never> {
  const { loadApp } = await import('./load.ts')
  process.exit(await appOf(loadApp)(process.argv.slice(2), process.env, stops))
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
 * Loads the program and returns its `main`. If that fails, this process prints one line and exits with the code of a
 * bug (`EXIT` in exit.ts), since the batch has not failed.
 */
function appOf(load: typeof loadApp): ReturnType<typeof loadApp>['main'] {
  try {
    return load().main
  } catch (error) {
    writeSync(
      2,
      `cronledger: cannot be loaded: ${(error instanceof Error ? error.message : String(error)).split('\n', 1)[0]}\n`,
    )
    process.exit(70)
  }
}
