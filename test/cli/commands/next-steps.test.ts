import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { serveMetadata } from '../../support/aws/ecs-metadata.ts'
import { cronledger, type Loose, MAIN, scratch } from '../../support/cli.ts'
import { slotOn } from '../../support/today.ts'
import { overridesIn } from '../../verdict/pasted.ts'

const folder = scratch()

test('after a change of the schedule, the command for ECS runs a slot of the old one', async () => {
  const { env } = await serveMetadata({})
  const base = { ...env, CRONLEDGER_STORE: `file:${join(folder, 'changed.db')}`, CRONLEDGER_TASK: 'nightly' }
  const run = (more: Readonly<Record<string, string>>, ...command: readonly string[]) =>
    cronledger(['run', '--', ...command], { env: { ...base, CRONLEDGER_SCHEDULE: '0 5 * * *', ...more } })
  const [failed, missed] = [slotOn(4), slotOn(3)]
  const later = slotOn(1)
  const old = { CRONLEDGER_SCHEDULE: '0 3 * * *' }
  await run({ ...old, CRONLEDGER_EVENT_TIME: failed }, 'false')
  await run({ ...old, CRONLEDGER_EVENT_TIME: slotOn(2) }, 'true')
  await run({ CRONLEDGER_EVENT_TIME: later.replace('T03', 'T05') }, 'true')

  const ask = (...args: readonly string[]) => cronledger(args, { env: { CRONLEDGER_STORE: base.CRONLEDGER_STORE } })
  const check = await ask('check', '--since', failed, '--until', later, '--json')
  const found: readonly Loose[] = JSON.parse(check.stdout)
  expect(found.map(({ kind, slot }) => [kind, slot])).toEqual([
    ['missed', missed],
    ['failed', failed],
  ])
  for (const { kind, slot, steps } of found) {
    const what = kind === 'missed' ? 'run it now' : 'run it again'
    const command: string = steps.find((step: Loose) => step['what'] === what)['command']
    const { stdout, stderr } = await ask('show', 'nightly', '--slot', slot)
    expect(stdout + stderr).toContain(command)
    const forced = { ...overridesIn(command).environment, CRONLEDGER_REASON: 'fixed', CRONLEDGER_BY: 'Ada' }
    const again = await run(forced, 'sh', '-c', 'echo $CRONLEDGER_RUN_SLOT')
    expect(again).toMatchObject({ code: 0, stdout: `${slot}\n` })
  }
})

const OLD = '0 3 * * *'
const NEW = '30 4 * * *'
const REFUSE = { CRONLEDGER_STRICT: 'true' }

// The rules are in test/run/task.
test('the commands below a refused change of the schedule work when they are pasted: compare the schedules, then accept the new one', async () => {
  const env = {
    CRONLEDGER_STORE: `file:${join(folder, 'ledger.db')}`,
    CRONLEDGER_TASK: 'nightly',
    CRONLEDGER_LOG: 'json',
  }
  const run = (schedule: string, eventTime: string, more: Readonly<Record<string, string>> = {}) =>
    cronledger(['run', '--schedule', schedule, '--event-time', eventTime, '--', 'true'], { env: { ...env, ...more } })
  expect((await run(OLD, '2026-01-05T03:00:00Z')).code).toBe(0)
  const { stderr } = await run(NEW, '2026-01-06T04:30:00Z', REFUSE)
  const { steps } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '')
  const [compare = '', accept = '', skip = ''] = steps.map(({ command }: Loose) => command)
  const paste = (command: string) =>
    spawnSync('sh', ['-c', command.replace(/^cronledger/, '"$NODE" "$MAIN"').replace('YOUR_COMMAND', 'true')], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], NODE: process.execPath, MAIN },
    })
  const compared = paste(compare)
  expect(compared.stdout).toMatch(/^ {2}effect +2026-01-06 runs twice/m)
  expect(paste(accept)).toMatchObject({ status: 0, stderr: expect.stringContaining('schedule-changed') })
  // The new schedule is the recorded one now.
  expect((await run(NEW, '2026-01-07T04:30:00Z', REFUSE)).code).toBe(0)
  expect((await run(OLD, '2026-01-08T03:00:00Z', REFUSE)).code).toBe(65)
  expect(skip).toMatch(/^cronledger resolve .* --state skipped /)
})
