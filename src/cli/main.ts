#!/usr/bin/env node
// The handlers stand before anything else loads: a signal that comes meanwhile must find them.
import { writeSync } from 'node:fs'
import { RELAY_WORD, relayLines } from '../process/log/relay-lines.ts'
import { installStops } from '../process/signals.ts'
import type { loadApp } from './load.ts'

const stops = installStops()

// Node and the AWS SDK warn of versions on every start, to people who build programs: nothing for the log of a batch.
process.removeAllListeners('warning')

if (process.argv[2] === RELAY_WORD) relay()
else void start()

async function start(): Promise<never> {
  const { loadApp } = await import('./load.ts')
  process.exit(await appOf(loadApp)(process.argv.slice(2), process.env, stops))
}

/** This process only writes another one's log (report/relay.ts). The other one learns of an error by its end. */
function relay(): void {
  try {
    relayLines()
  } catch {
    process.exitCode = 1
  }
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
