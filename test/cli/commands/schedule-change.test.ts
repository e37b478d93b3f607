// A run whose schedule is another one than the recorded one, with --strict. The rules are in test/run/task.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cronledger, type Ended, type Loose, MAIN, scratch } from '../../support/cli.ts'

const folder = scratch()
const OLD = '0 3 * * *'
const NEW = '30 4 * * *'

const lastOf = ({ stderr }: Ended): Loose => JSON.parse(stderr.trim().split('\n').at(-1) ?? '')

const REFUSE = { CRONLEDGER_STRICT: 'true' }

test('the printed commands work when they are pasted: compare the schedules, then accept the new one', async () => {
  const env = {
    CRONLEDGER_STORE: `file:${join(folder, 'ledger.db')}`,
    CRONLEDGER_TASK: 'nightly',
    CRONLEDGER_LOG: 'json',
  }
  const run = (schedule: string, eventTime: string, more: Readonly<Record<string, string>> = {}) =>
    cronledger(['run', '--schedule', schedule, '--event-time', eventTime, '--', 'true'], { env: { ...env, ...more } })
  expect((await run(OLD, '2026-01-05T03:00:00Z')).code).toBe(0)
  const { steps } = lastOf(await run(NEW, '2026-01-06T04:30:00Z', REFUSE))
  const [compare = '', accept = '', skip = ''] = steps.map(({ command }: Loose) => command)
  const paste = (command: string) =>
    spawnSync('sh', ['-c', command.replace(/^cronledger/, '"$NODE" "$MAIN"').replace('YOUR_COMMAND', 'true')], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], NODE: process.execPath, MAIN },
    })
  const compared = paste(compare)
  expect(compared.stdout).toMatch(/^result {5}2026-01-06 runs twice/m)
  expect(paste(accept)).toMatchObject({ status: 0, stderr: expect.stringContaining('schedule-changed') })
  // The new schedule is the recorded one now.
  expect((await run(NEW, '2026-01-07T04:30:00Z', REFUSE)).code).toBe(0)
  expect((await run(OLD, '2026-01-08T03:00:00Z', REFUSE)).code).toBe(65)
  expect(skip).toMatch(/^cronledger resolve .* --state skipped /)
})
