#!/usr/bin/env node
// The handlers stand before anything else loads: a signal that comes meanwhile must find them.
import { installStops } from '../run/signals.ts'

const stops = installStops()

// Node and the AWS SDK warn of versions on every start, to people who build programs: nothing for the log of a batch.
process.removeAllListeners('warning')

const { main } = await import('./app.ts')
process.exit(await main(process.argv.slice(2), process.env, stops))
