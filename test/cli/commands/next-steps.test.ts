import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { overridesIn } from '../../format/steps/pasted.ts'
import { cronledger, NIGHTLY, scratch } from '../../support/cli.ts'
import { serveMetadata } from '../../support/ecs-metadata.ts'

const folder = scratch()
const store = `file:${join(folder, 'ledger.db')}`
const DAY_MS = 86_400_000
const slotBefore = (days: number) =>
  new Date(Date.now() - (Date.now() % DAY_MS) - days * DAY_MS + 3 * 3_600_000).toISOString().replace('.000', '')

// test/cli/on-ecs.test.ts pastes such commands into a shell. This test needs no server of AWS.
test('a missed slot of a task on ECS: check, its JSON and its notification have the command for ECS', async () => {
  const { env } = await serveMetadata({})
  const ran = await cronledger(['run', '--store', store, ...NIGHTLY, '--event-time', slotBefore(3), '--', 'true'], {
    env,
  })
  expect(ran.code).toBe(0)
  const range = ['--since', slotBefore(3), '--until', slotBefore(1)]
  const notify = ['--notify', `cat >'${folder}/sent'`]
  const { stdout } = await cronledger(['check', '--store', store, ...range, '--json', ...notify])
  const [{ todo }] = JSON.parse(stdout)
  expect(todo.map(({ what }: { readonly what: string }) => what)).toEqual(['run it now', 'or mark it as done'])
  expect(overridesIn(todo[0].command)).toMatchObject({
    name: 'batch',
    environment: { CRONLEDGER_FORCE_SLOT: slotBefore(2), CRONLEDGER_BY: 'YOUR NAME' },
  })
  expect(JSON.parse(readFileSync(join(folder, 'sent'), 'utf8'))).toMatchObject({ event: 'missed', todo })
  const text = await cronledger(['check', '--store', store, ...range])
  expect(text.stdout).toContain(`\n  run it now:          ${todo[0].command}\n`)
})
