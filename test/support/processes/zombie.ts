import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { readStat } from '../../../src/process/proc.ts'
import { sendSignal } from '../../../src/process/process-group.ts'
import { BATCHES } from './supervise.ts'

/** Starts a process, in a group that its parent leads. `die` makes it a zombie. */
export async function startFutureZombie(environment: readonly string[] = []) {
  const parent = spawn(join(BATCHES, 'zombie-keeper.sh'), environment, { detached: true })
  const parentPid = parent.pid as number
  onTestFinished(() => void sendSignal(-parentPid, 'SIGKILL'))
  const [line] = await once(parent.stdout, 'data')
  const pid = Number(line)
  const die = async () => {
    while (readStat(parentPid)?.command !== 'sleep') await yieldToEventLoop()
    process.kill(pid, 'SIGKILL')
    while (readStat(pid)?.living) await yieldToEventLoop()
  }
  return { pid, parentPid, die }
}
