import { chmodSync, copyFileSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { cronledger, NIGHTLY, scratch, start } from '../support/cli.ts'
import { canStartAsOther } from '../support/processes/programs.ts'

const folder = scratch()
const WITHOUT_KILL = 'setpriv --bounding-set -kill,-sys_ptrace --inh-caps -kill,-sys_ptrace'
/** Becomes another user, which a supervisor without CAP_KILL may not signal. */
const BATCH = `import os, time
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
print(f"batch {os.getpid()}.", flush=True)
time.sleep(600)`

/** Leaves such a process in its group, and one that may be signalled, and fails. */
const LEAVING = `import subprocess, sys
subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
print(child.stdout.readline(), flush=True)
sys.exit(3)`
// Group 0 would see all processes in spite of `hidepid`.
const HIDE = `mount -t proc -o hidepid=2 proc /proc && exec ${WITHOUT_KILL} --regid 54321 --clear-groups "$@"`
const HIDING = ['unshare', '--mount', 'sh', '-c', HIDE, 'sh']

describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)('a batch that may not be signalled', () => {
  // promise: unsignalled-batch
  test.each([
    ['/proc shows it', ['sh', '-c', `exec ${WITHOUT_KILL} "$@"`, 'sh']],
    ['/proc hides it', HIDING],
  ])(
    'a batch that may not be signalled (%s): nothing starts beside it, in its slot or in another one',
    async (name, launcher) => {
      const store = `file:${join(folder, `${name.replaceAll(/\W/g, '-')}.db`)}`
      const trigger = (day: number, ...command: string[]) => {
        const when = ['--event-time', `2026-11-2${day}T03:00:00Z`, '--overlap', 'skip']
        const retries = ['--max-attempts', '3', '--retry-delay', '0ms', '--kill-after', '100ms']
        return start(['run', '--store', store, ...NIGHTLY, ...when, ...retries, '--', ...command], { launcher })
      }
      const first = trigger(2, '/usr/bin/python3', '-c', BATCH)
      let printed = ''
      first.child.stdout?.on('data', (text: string) => {
        printed += text
      })
      await first.printed('.')
      const pid = Number(/batch (\d+)/.exec(printed)?.[1])
      onTestFinished(() => void process.kill(pid, 'SIGKILL'))
      first.child.kill('SIGTERM')
      await first.exited
      expect(first.child.exitCode).toBe(143)

      const later = await trigger(2, 'true').ended
      expect(later.code).toBe(65)
      const refused = JSON.parse(later.stderr.trim())
      expect(refused).toMatchObject({ event: 'refused', cause: 'survivor', survivor: { pid } })
      expect(JSON.stringify(refused.steps)).not.toContain(`kill ${pid}`)
      const other = await trigger(3, 'true').ended
      expect(other.code).toBe(0)
      expect(JSON.parse(other.stderr.trim())).toMatchObject({ event: 'skipped' })
      const { stdout } = await cronledger(['show', 'nightly', '--store', store, '--slot', '2026-11-22', '--json'])
      expect(JSON.parse(stdout)).toMatchObject({ attempts: [{ outcome: 'interrupted', process: { pid } }] })
    },
  )

  // promise: unsignalled-batch
  test('no retry follows a failed batch that left one which /proc hides, beside the zombie of another process', async () => {
    const store = `file:${join(folder, 'hidden.db')}`
    const retries = ['--max-attempts', '3', '--retry-delay', '0ms', '--kill-after', '100ms']
    const command = ['/usr/bin/python3', '-c', LEAVING, BATCH]
    const ended = await start(['run', '--store', store, ...NIGHTLY, ...retries, '--', ...command], { launcher: HIDING })
      .ended
    const pids = [...ended.stdout.matchAll(/batch (\d+)/g)].map(([, pid]) => Number(pid))
    onTestFinished(() => pids.forEach((pid) => void process.kill(pid, 'SIGKILL')))
    expect(ended.code).toBe(3)
    expect(pids).toHaveLength(1)
  })

  // Root may read every environment.
  // promise: left-process-group
  test.runIf(canStartAsOther)(
    'a process of attempt n in its session whose program may not be read: attempt n+1 does not start beside it',
    async () => {
      const [cwd, uid] = [mkdtempSync(join(folder, 'run-')), 54_324]
      for (const open of [folder, cwd]) chmodSync(open, 0o777)
      const program = join(cwd, 'unreadable')
      copyFileSync('/bin/sleep', program)
      chmodSync(program, 0o711)
      const otherGroup = 'import os, sys; os.setpgid(0, 0); os.execv(sys.argv[1], sys.argv[1:])'
      const batch = `if [ "$CRONLEDGER_RUN_ATTEMPT" = 2 ]; then
  grep -qs 'State:.[^ZX]' "/proc/$(cat pid)/status" && echo beside
  exit 0
fi
/usr/bin/python3 -c '${otherGroup}' "$0" 60 > /dev/null 2>&1 & echo $! > pid
until [ -s pid ] && grep -qs unreadable "/proc/$(cat pid)/stat"; do sleep 0.02; done
exit 1`
      const retries = ['--max-attempts', '2', '--retry-delay', '0ms', '--kill-after', '10s']
      const args = ['run', '--store', `file:${join(cwd, 'ledger.db')}`, ...NIGHTLY, ...retries]
      const ended = await start([...args, '--', 'sh', '-c', batch, program], { cwd, uid, gid: uid }).ended
      expect(ended).toMatchObject({ code: 0, stdout: '' })
    },
  )
})
