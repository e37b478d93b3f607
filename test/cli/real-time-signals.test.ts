import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { realTimeSignalName } from '../../src/core/signal.ts'
import { cronledger, type Loose, scratch } from '../support/cli.ts'

const folder = scratch()
const SIGNALS = Array.from({ length: 33 }, (_, index) => 32 + index)

/** Its slots are minutes after midnight: each is the number of a signal, by which the batch of the slot kills itself. */
const KILL_ITSELF = `import os, subprocess, sys
hours, minutes = os.environ['CRONLEDGER_RUN_SLOT'][11:16].split(':')
if 'background' in sys.argv: subprocess.Popen(['sleep', '2'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False)
os.kill(os.getpid(), int(hours) * 60 + int(minutes))
`
const batch = (...words: string[]) => ['--', '/usr/bin/python3', '-c', KILL_ITSELF, ...words]
const RANGE = ['--from', '2026-11-23T00:32:00Z', '--to', '2026-11-23T01:05:00Z', '--keep-going', '--reason', 'test']

describe.runIf(process.platform === 'linux')(
  'the batch is killed by a real-time signal: never recorded as completed',
  () => {
    const store = { CRONLEDGER_STORE: `file:${join(folder, 'ledger.db')}` }

    beforeAll(async () => {
      // A rerun makes no file.
      const run = ['run', '--task', 'first', '--schedule', '@daily', '--', 'true']
      expect(await cronledger(run, { env: store })).toMatchObject({ code: 0 })
    })

    test.each([[[]], [['background']]])('each of 32 to 64 %j', async (words) => {
      const env = {
        ...store,
        CRONLEDGER_TASK: ['nightly', ...words].join('-'),
        CRONLEDGER_SCHEDULE: '* * * * *',
      }
      expect(await cronledger(['declare', '--from', '2026-11-23'], { env })).toMatchObject({ code: 0 })
      const first = await cronledger(['rerun', ...RANGE, ...batch(...words)], { env })
      expect(first.code, first.stderr).toBe(128 + 32)
      const { stdout } = await cronledger(['history', '--limit', '0', '--status', 'recorded', '--json'], { env })
      const rows: Loose[] = JSON.parse(stdout).reverse()
      const ends = rows.map(({ state, attempts: [{ outcome, exitCode, signal }] }) => ({
        state,
        outcome,
        exitCode,
        signal,
      }))
      expect(ends).toEqual(
        SIGNALS.map((signal) => ({ state: 'FAILED', outcome: 'failed', signal: realTimeSignalName(signal) })),
      )
    })

    test('the exit code is 128 + n, and the log names the signal', async () => {
      const env = {
        ...store,
        CRONLEDGER_TASK: 'one',
        CRONLEDGER_SCHEDULE: '0 3 * * *',
        CRONLEDGER_LOG: 'text',
      }
      const { code, stderr } = await cronledger(['run', '--', 'sh', '-c', 'sleep 1 & kill -40 $$'], { env })
      expect(code).toBe(168)
      expect(stderr).toContain('SIGRTMIN+6')
    })
  },
)
