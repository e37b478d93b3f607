import { join } from 'node:path'
import { expect, test } from 'vitest'
import { serveMetadata } from '../../support/aws/ecs-metadata.ts'
import { cronledger, type Loose, scratch } from '../../support/cli.ts'
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
