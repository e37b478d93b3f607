import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openLineage } from '../../src/process/lineage.ts'
import { type ProcessStat, readStat } from '../../src/process/proc.ts'
import { NIGHTLY, scratch, start } from '../support/cli.ts'

const folder = scratch()

test('a process in a session of its own is known as a descendant after its parent has ended', async () => {
  const batch = spawn('sh', ['-c', 'setsid sleep 600 & echo $!; wait'], { detached: true })
  const [line] = await once(batch.stdout, 'data')
  const pid = Number(line)
  onTestFinished(() => void process.kill(pid, 'SIGKILL'))
  while (readStat(pid)?.sessionId !== pid) await new Promise(setImmediate)
  const lineage = openLineage(batch.pid as number)
  lineage.look()
  batch.kill('SIGKILL')
  await once(batch, 'exit')
  expect(lineage.has(readStat(pid) as ProcessStat)).toBe(true)
  expect(lineage.has(readStat(process.pid) as ProcessStat)).toBe(false)
  expect(lineage.strangers()).toEqual([])
})

// Root may read every environment.
test.runIf(process.getuid?.() === 0).each([
  [
    'in the session of a process that is found',
    `setsid sh -c '"$0" 60 > /dev/null 2>&1 & echo $! > pid; wait' "$0" > /dev/null 2>&1 &`,
  ],
  [
    'in another group of the session of the batch',
    `/usr/bin/python3 -c 'import os, sys; os.setpgid(0, 0); os.execv(sys.argv[1], sys.argv[1:])' "$0" 60 > /dev/null 2>&1 & echo $! > pid`,
  ],
])(
  'a process of attempt n whose program may not be read, %s: attempt n+1 does not start beside it',
  async (_, leave) => {
    const [cwd, uid] = [mkdtempSync(join(folder, 'run-')), 54_324]
    for (const open of [folder, cwd]) chmodSync(open, 0o777)
    const program = join(cwd, 'unreadable')
    copyFileSync('/bin/sleep', program)
    chmodSync(program, 0o711)
    const batch = `if [ "$CRONLEDGER_RUN_ATTEMPT" = 2 ]; then
  grep -qs 'State:.[^ZX]' "/proc/$(cat pid)/status" && echo beside
  exit 0
fi
${leave}
until [ -s pid ] && grep -qs unreadable "/proc/$(cat pid)/stat"; do sleep 0.02; done
exit 1`
    const retries = ['--max-attempts', '2', '--retry-delay', '0ms', '--kill-after', '10s']
    const args = ['run', '--store', `file:${join(cwd, 'ledger.db')}`, ...NIGHTLY, ...retries]
    const ended = await start([...args, '--', 'sh', '-c', batch, program], { cwd, uid, gid: uid }).ended
    expect(ended).toMatchObject({ code: 0, stdout: '' })
  },
)
