import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { processIds, readStat } from '../../src/process/proc.ts'
import { scratch } from '../support/cli.ts'

test('a program name with spaces and parentheses does not shift the fields', async () => {
  const program = join(scratch(), 'a) Z 1 (é')
  copyFileSync('/bin/sh', program)
  const child = spawn(program, ['-c', 'echo ready; read _'], { detached: true })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const pid = child.pid as number
  const own = readStat(process.pid)
  const stat = readStat(pid)
  expect(stat).toMatchObject({ pid, living: true, groupId: pid })
  expect(stat?.command).toMatch(/^a\) Z 1 \(/)
  expect(stat?.startTicks).toBeGreaterThanOrEqual(own?.startTicks ?? Infinity)
})

test('a process whose first thread has ended still lives', async (context) => {
  if (spawnSync('python3', ['-V']).error) context.skip('no python3 here')
  const text = `import ctypes, os, threading, time
def work():
  while open(f'/proc/{os.getpid()}/stat').read().split()[2] != 'Z': time.sleep(0.01)
  print('ready', flush=True)
  time.sleep(60)
threading.Thread(target=work).start()
ctypes.CDLL(None).pthread_exit(0)`
  const child = spawn('python3', ['-c', text])
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  expect(readStat(child.pid as number)?.living).toBe(true)
})

test('what is not there', () => {
  expect(readStat(2 ** 22 + 1)).toBe(null)
  expect(processIds()).toContain(process.pid)
  expect(processIds()).not.toContain(2 ** 22 + 1)
})
