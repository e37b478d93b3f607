#!/usr/bin/env node
// We must install the signal handlers before the program loads, otherwise they would miss a signal in that time.
import { writeSync } from 'node:fs'
import { EXIT } from '../core/exit.ts'
import { installStops } from '../process/signals.ts'

const stops = installStops()
void start()

// If `main` never settles, Node exits with 0.
process.once('beforeExit', () => endAsBug('this is a bug, please report it: the command ended before it was done'))

/** If the program cannot be loaded, exits with the code of a bug, since the batch has not failed. */
async function start(): Promise<never> {
  const { loadApp } = await import('./load.ts')
  let loaded: ReturnType<typeof loadApp>
  try {
    loaded = loadApp()
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n', 1)
    return endAsBug(`cannot be loaded: ${reason}`)
  }
  const args = process.argv.slice(2)
  const code = await loaded.app.main(args, process.env, stops)
  // Only a run has used what a run needs. One that failed or was stopped must end soon.
  if (args[0] === 'run' && code === EXIT.ok) loaded.keepCompiled()
  process.exit(code)
}

function endAsBug(message: string): never {
  try {
    writeSync(2, `cronledger: ${message}\n`)
  } finally {
    process.exit(EXIT.bug)
  }
}
