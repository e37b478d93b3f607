import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { realTimeSignalName } from '../../src/core/signal.ts'
import { cronledger, type Loose, scratch } from '../support/cli.ts'
import { awsEnv, type Server, startDynalite } from '../support/servers.ts'

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
    let server: Server
    let stores: Readonly<Record<string, Readonly<Record<string, string>>>>

    beforeAll(async () => {
      server = await startDynalite()
      const dynamo = { ...awsEnv(server), CRONLEDGER_STORE: 'dynamodb:cronledger' }
      await cronledger(['setup'], { env: dynamo })
      stores = { file: { CRONLEDGER_STORE: `file:${join(folder, 'ledger.db')}` }, dynamodb: dynamo }
      // A rerun makes no file.
      const run = ['run', '--task', 'first', '--schedule', '@daily', '--', 'true']
      expect(await cronledger(run, { env: { ...stores['file'] } })).toMatchObject({ code: 0 })
    })
    afterAll(() => server?.stop())

    test.each([
      ['file', []],
      ['file', ['background']],
      ['dynamodb', []],
      ['dynamodb', ['background']],
    ])('each of 32 to 64, on %s %j', async (store, words) => {
      const env = {
        ...stores[store],
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
        ...stores['file'],
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
