#!/usr/bin/env node
// The handlers stand before anything else loads: a signal that comes meanwhile must find them.
import { installStops } from '../run/signals.ts'

const stops = installStops()

// Node and the AWS SDK warn of versions on every start, to people who build programs: nothing for the log of a batch.
process.removeAllListeners('warning')

void start()

async function start(): Promise<never> {
  const { loadApp } = await import('./load.ts')
  process.exit(await loadApp().main(process.argv.slice(2), process.env, stops))
}
