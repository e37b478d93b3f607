#!/usr/bin/env node
// The handlers stand before anything else loads: a signal that comes meanwhile must find them.
import { writeSync } from 'node:fs'
import { installStops } from '../run/signals.ts'
import type { loadApp } from './load.ts'

const stops = installStops()

// Node and the AWS SDK warn of versions on every start, to people who build programs: nothing for the log of a batch.
process.removeAllListeners('warning')

void start()

async function start(): Promise<never> {
  const { loadApp } = await import('./load.ts')
  process.exit(await appOf(loadApp)(process.argv.slice(2), process.env, stops))
}

/** A program that is not whole is no failure of the batch: one line, and the exit code of a bug (cli/exit.ts). */
function appOf(load: typeof loadApp): ReturnType<typeof loadApp>['main'] {
  try {
    return load().main
  } catch (error) {
    writeSync(2, `cronledger: cannot be loaded: ${(error as Error).message.split('\n', 1)[0]}\n`)
    process.exit(70)
  }
}
