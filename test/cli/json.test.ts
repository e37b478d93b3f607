import { beforeAll, expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/command-table.ts'
import { cronledger, type Loose, NIGHTLY, scratch } from '../support/cli.ts'

const store = `file:${scratch()}/ledger.db`
const SLOT = '2026-11-23T03:00:00Z'

beforeAll(async () => {
  const run = ['run', '--store', store, ...NIGHTLY, '--since-last-success', '--event-time', SLOT, '--', 'false']
  expect((await cronledger(run)).code).toBe(1)
})

const OF_NIGHTLY = ['nightly', '--store', store]

/** The commands that print data, with the arguments that make them print some. */
const CASES: ReadonlyArray<[args: string[], code: number, expected: unknown]> = [
  [['history', ...OF_NIGHTLY, '--status', 'recorded'], 0, [{ task: 'nightly', slot: SLOT, work: 'unknown' }]],
  [['show', ...OF_NIGHTLY, '--slot', SLOT], 0, { task: 'nightly', slot: SLOT }],
  [['check', ...OF_NIGHTLY, '--since', SLOT, '--until', '2026-11-23'], 1, [{ task: 'nightly', slot: SLOT }]],
  [['tasks', '--store', store], 0, [{ task: 'nightly', zone: 'UTC' }]],
  [['explain', '--schedule', '0 3 * * *', '--at', '2026-11-23'], 0, { schedule: '0 3 * * *' }],
  [
    ['rerun', '--store', store, '--task', 'nightly', '--from', SLOT, '--until', '2026-11-23', '--dry-run'],
    0,
    [
      {
        task: 'nightly',
        slot: SLOT,
        status: 'failed',
        schedule: '0 3 * * *',
        zone: 'UTC',
        anchor: null,
        work: 'unknown',
      },
    ],
  ],
  [['setup', '--store', store], 0, [{ ledger: store, what: 'file', did: 'found' }]],
  [['setup', '--store', store, '--check'], 0, [{ ok: true, problem: null }]],
  [
    ['resolve', ...OF_NIGHTLY, '--slot', SLOT, '--state', 'completed', '--reason', 'by hand'],
    0,
    { task: 'nightly', slot: SLOT, state: 'COMPLETED', work: 'done' },
  ],
  [['declare', ...OF_NIGHTLY, '--schedule', '0 3 * * *'], 0, { task: 'nightly', changed: false, paused: false }],
  [['pause', ...OF_NIGHTLY, '--reason', 'x'], 0, { task: 'nightly', changed: true, paused: true }],
  [['resume', ...OF_NIGHTLY], 0, { task: 'nightly', changed: true, paused: false }],
  [['retire', ...OF_NIGHTLY, '--reason', 'x'], 0, { task: 'nightly', changed: true, retired: true }],
]

test.each(CASES)('%j prints JSON with --json', async (args, code, expected) => {
  const ended = await cronledger([...args, '--json'])
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code, stderr: '' })
  const printed: Loose = JSON.parse(ended.stdout)
  if (Array.isArray(expected)) expect(printed[0]).toMatchObject(expected[0])
  else expect(printed).toMatchObject(expected as Loose)
})

test('each command that has --json is among them', async () => {
  const names = await Promise.all(
    Object.entries(COMMANDS).map(async ([name, load]) => ('json' in (await load()).help.options ? [name] : [])),
  )
  expect(new Set(CASES.map(([[name]]) => name))).toEqual(new Set(names.flat()))
})

test.each([
  [
    ['check', ...OF_NIGHTLY, '--json', '--format', 'text'],
    '--json and --format text cannot be used together. Use one of them.',
  ],
  [
    ['rerun', '--store', store, '--task', 'nightly', '--slot', SLOT, '--reason', 'x', '--json', '--', 'true'],
    '--json requires --dry-run. For the log, use --log json.',
  ],
])('%j is refused', async (args, message) => {
  expect(await cronledger(args)).toMatchObject({ code: 64, stdout: '', stderr: `cronledger: ${message}\n` })
})
