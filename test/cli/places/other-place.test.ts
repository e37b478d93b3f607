import { expect, test } from 'vitest'
import { placeParts } from '../../../src/core/place.ts'
import { otherParts, otherPlace } from '../../../src/core/row/other-place.ts'
import { otherPlaceText } from '../../../src/verdict/sentence.ts'
import { CONTAINER, serveMetadata, TASK } from '../../support/aws/ecs-metadata.ts'
import { cronledger, newStore, scratch } from '../../support/cli.ts'
import { ON_KUBERNETES } from '../../support/places.ts'
import { rowOn, rowWith, SUCCEEDED } from '../../support/rows.ts'
import { startOfToday } from '../../support/today.ts'

// Two batches have one name in one ledger, each on ECS: in two accounts, two clusters, or two task definitions. The other promises are in ../stories/other-place.txt.

const folder = scratch()
const SLOT = new Date(startOfToday() - 86_400_000 + 10_800_000).toISOString()
const HOME = { account: '111111111111', cluster: 'batch', family: 'nightly' }

async function onEcs({ account, cluster, family }: typeof HOME) {
  const TaskARN = `arn:aws:ecs:eu-west-1:${account}:task/${cluster}/158d1c8083dd49d6b527399fd6414f5c`
  const task = { ...TASK, TaskARN, Family: family, Cluster: cluster }
  return (await serveMetadata({ container: CONTAINER, task })).env
}

/** The batch of HOME has run in the slot, and then one of another place is triggered. */
async function twice(other: Readonly<Record<string, string>>, options: readonly string[], command = 'true') {
  const store = newStore(folder)
  const run = (env: Readonly<Record<string, string>>, ...more: readonly string[]) => {
    const named = ['--task', 'nightly', '--schedule', '0 3 * * *', '--event-time', SLOT, '--store', store]
    return cronledger(['run', ...named, ...more, '--', command], { env })
  }
  await run(await onEcs(HOME))
  const second = await run(other, ...options)
  const ask = (...args: readonly string[]) => cronledger([...args, '--store', store])
  const shown = await ask('show', 'nightly', '--slot', SLOT)
  const stored = JSON.parse((await ask('show', 'nightly', '--slot', SLOT, '--json')).stdout)
  const { code, stderr } = await ask('check', '--since', '3d', '--until', new Date(Date.parse(SLOT) + 1).toISOString())
  return { second, shown: shown.stdout, stored, checked: { code, stderr }, ask }
}

const ACCOUNTS = 'the attempt is of AWS account 111111111111, and this trigger of AWS account 222222222222'

test('with --strict, a duplicate of another AWS account is refused, and check exits with 1 and names both', async () => {
  const elsewhere = await onEcs({ ...HOME, account: '222222222222' })
  const { second, shown, checked, ask } = await twice(elsewhere, ['--strict'])
  expect(second.code).toBe(65)
  expect(second.stderr).toContain(ACCOUNTS)
  expect(shown).toContain(ACCOUNTS)
  expect(checked.stderr).toMatch(
    /warning: nightly: .*AWS account 111111111111.*AWS account 222222222222.* prod\/nightly\.\n$/,
  )
  expect(checked.code).toBe(1)
  const metrics = await ask(
    'check',
    '--since',
    '3d',
    '--until',
    new Date(Date.parse(SLOT) + 1).toISOString(),
    '--format',
    'openmetrics',
  )
  expect(metrics).toMatchObject({ code: 1, stderr: checked.stderr })
})

test('with --strict, no attempt follows one of another AWS account that failed: its end would hide that of the other batch', async () => {
  const elsewhere = await onEcs({ ...HOME, account: '222222222222' })
  const { second, stored, checked } = await twice(elsewhere, ['--strict', '--max-attempts', '2'], 'false')
  expect(second.code).toBe(65)
  expect(second.stderr).toContain('failed (exit code 1)')
  expect(second.stderr).toContain(`, but ${ACCOUNTS}, and --strict is set`)
  expect(stored).toMatchObject({ state: 'FAILED', attempts: [{ number: 1 }] })
  expect(checked.stderr).toMatch(/warning: nightly: .*AWS account 222222222222/)
})

test.each([
  ['another AWS account', { account: '222222222222' }, ACCOUNTS, 1],
  ['another ECS cluster', { cluster: 'stage' }, 'ECS cluster batch, and this trigger of ECS cluster stage', 0],
  ['another family', { family: 'stage' }, 'family nightly, and this trigger of task definition family stage', 0],
])('a duplicate of %s exits with 0, and the log, show and check name both places', async (_, other, text, found) => {
  const strict = 'account' in other ? [] : ['--strict']
  const { second, shown, checked } = await twice(await onEcs({ ...HOME, ...other }), strict)
  expect(second.code).toBe(0)
  expect(second.stderr).toMatch(/duplicate trigger ignored: .* Two batches have this name: /)
  expect(second.stderr).toContain(text)
  expect(shown).toContain(text)
  expect(checked.stderr).toContain(text.replace('this', 'a duplicate'))
  expect(checked.code).toBe(found)
})

test('two clusters are told apart by their certificate authorities, before anything else', () => {
  const row = rowOn(ON_KUBERNETES, rowWith({ ending: SUCCEEDED }))
  const other = { ...ON_KUBERNETES, clusterId: '000000000000', namespace: 'stage' }
  const found = otherPlace(row, placeParts(other))
  expect(found && otherPlaceText(found)).toBe(
    'the attempt is of Kubernetes cluster 3f9a1c20b7de, and this trigger of Kubernetes cluster 000000000000',
  )
  expect(otherParts(row, other)).toEqual({ clusterId: '000000000000', namespace: 'stage' })
})

test.each([
  ['the same place', () => onEcs(HOME)],
  ['a host that is not on ECS', async () => ({})],
  ['a container whose metadata does not answer', async () => ({ ECS_CONTAINER_METADATA_URI_V4: 'http://127.0.0.1:1' })],
])(
  'a duplicate of %s is a usual one, with --strict too, and its rejection is stored as small as before',
  async (_, env) => {
    const { second, shown, stored, checked } = await twice(await env(), ['--strict'])
    expect(second.code).toBe(0)
    expect(shown).toContain('duplicate trigger ignored')
    expect(`${second.stderr}${shown}${checked.stderr}`).not.toContain('the attempt is of')
    expect(checked.code).toBe(0)
    expect(stored.rejections.first[0]).not.toHaveProperty('family')
  },
)
