#!/usr/bin/env node
// We must install the signal handlers before the program loads, otherwise they would miss a signal in that time.
import { writeSync } from 'node:fs'
import { installStops } from '../process/signals.ts'

const stops = installStops()
void start()

/** If the program cannot be loaded, exits with the code of a bug (`EXIT` in exit-code.ts), since the batch has not failed. */
async function start(): Promise<never> {
  const { loadApp } = await import('./load.ts')
  let loaded: ReturnType<typeof loadApp>
  try {
    loaded = loadApp()
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n', 1)
    writeSync(2, `cronledger: cannot be loaded: ${reason}\n`)
    process.exit(70)
  }
  const args = process.argv.slice(2)
  const code = await loaded.app.main(args, process.env, stops)
  // Only a run has used what a run needs. One that failed or was stopped must end soon.
  if (args[0] === 'run' && code === 0) loaded.keepCompiled()
  process.exit(code)
}
