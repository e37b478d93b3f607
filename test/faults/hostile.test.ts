import { join } from 'node:path'
import Libsql from 'libsql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../src/cli/commands/run.ts'
import { variableOf } from '../../src/cli/options/options.ts'
import { RUN_OPTIONS } from '../../src/cli/options/run-options.ts'
import type { LedgerError } from '../../src/core/errors.ts'
import { EXIT } from '../../src/core/exit.ts'
import { encodeTaskRecord } from '../../src/core/task/task-record.ts'
import type { ClosedRow, Row } from '../../src/core/types.ts'
import { printable } from '../../src/format/text.ts'
import { openFileStore } from '../../src/store/file/file-store.ts'
import { commandsAt, cronledger, type Ended, NIGHTLY, scratch } from '../support/cli.ts'
import { seedLedger } from '../support/pages/big-ledger.ts'
import { startFaultyProxy } from '../support/proxy.ts'
import { closed, FAILED, recordWith, rowWith, SUCCEEDED } from '../support/rows.ts'
import { awsEnv, type Server, startAnswering, startDynalite } from '../support/servers.ts'
import { startOfToday } from '../support/today.ts'
import { awsError, UNSAFE } from './faults.ts'

const folder = scratch()

/** Clears the screen, sets the title, moves the cursor (by C1), turns the writing, rings, ends the line. */
const EVIL = '\u001b[2J\u001b]0;owned\u0007\u009b1A\u202eevil\u2066\u007f\r\n\u2028'

// promise: escape-sequences
describe('text from the ledger never reaches a terminal with its escape sequences', () => {
  const store = `file:${join(folder, 'evil.db')}`
  const DAY_MS = 86_400_000
  const yesterday = startOfToday() - DAY_MS + 3 * 3_600_000

  function evilRow(task: string, change: (row: ClosedRow) => Partial<ClosedRow>): Row {
    const trigger = { kind: 'forced', by: EVIL, reason: `=HYPERLINK("http://x")${EVIL}` } as const
    const row = closed(rowWith({ trigger, ending: SUCCEEDED }))
    const attempts = row.attempts.map((attempt) => ({ ...attempt, report: EVIL }))
    const schedule = { expression: '0 3 * * *', zone: 'UTC' }
    const evil = { ...row, task, slot: yesterday, windowEnd: yesterday + DAY_MS, attempts, schedule, checkpoint: EVIL }
    return { ...evil, ...change(evil) }
  }

  beforeAll(async () => {
    const rejection = {
      ...({ runId: 'r9', kind: 'refused', cause: 'failed', at: yesterday, host: 'vm' } as const),
      trigger: { kind: 'forced', by: EVIL, reason: EVIL },
    } as const
    const resolution = { state: 'COMPLETED', at: yesterday, by: EVIL, reason: EVIL, afterAttempt: 1 } as const
    const failed = (row: ClosedRow) => ({
      state: 'FAILED' as const,
      attempts: row.attempts.map((attempt) => ({ ...attempt, ...FAILED })),
      resolutions: [],
    })
    const path = store.slice('file:'.length)
    seedLedger(path, [
      evilRow('nightly', () => ({
        resolutions: [resolution],
        rejections: { count: 1, refused: 1, otherCommands: 0, first: [rejection], latest: rejection },
      })),
      evilRow('failed', failed),
      evilRow('other', () => ({})),
    ])
    // What cronledger itself does not write.
    const database = new Libsql(path)
    const damage = "document = json_set(document, '$.zoneData', $evil, '$.attempts[0].host', $evil)"
    database.prepare(`UPDATE rows SET task = '=1+1' || $evil, ${damage} WHERE task = 'other'`).run({ evil: EVIL })
    database.close()
    const ledger = openFileStore(path)
    const call = { signal: AbortSignal.timeout(120_000) }
    for (const task of ['nightly', 'failed']) {
      const spec = { expression: '0 3 * * *', zone: 'UTC' }
      const document = encodeTaskRecord(recordWith([{ since: yesterday, spec }]))
      await ledger.writeEntry({ kind: '#task', task }, { version: 1, document }, 'absent', call)
    }
    ledger.close()
  })

  const slot = new Date(yesterday).toISOString().replace('.000Z', 'Z')
  const run = (task: string) => ['run', '--task', task, '--schedule', '0 3 * * *', '--event-time', slot]
  const due = ['--since', slot, '--until', new Date(yesterday + 1_000).toISOString()]
  test.each<readonly [string, readonly string[]]>([
    ['history of a task', ['history', '--task', 'nightly']],
    ['history of all, json', ['history', '--format', 'json']],
    ['show', ['show', '--task', 'nightly', '--slot', slot]],
    ['check', ['check', ...due]],
    ['tasks', ['tasks']],
    ['a duplicate, as text', [...run('nightly'), '--log', 'text', '--', 'true']],
    ['a refusal, as JSON', [...run('failed'), '--log', 'json', '--', 'true']],
  ])('text from the ledger never reaches a terminal with its escape sequences: %s', async (_, args) => {
    const { code, stdout, stderr } = await cronledger(args, { env: { CRONLEDGER_STORE: store } })
    expect([0, 1, 65], stderr).toContain(code)
    expect(stdout + stderr).not.toMatch(UNSAFE)
    expect(stdout + stderr).not.toBe('')
    if (args.includes('json')) for (const text of [stdout, ...stderr.split('\n')]) if (text !== '') JSON.parse(text)
  })

  // promise: escape-sequences
  test('no cell of a CSV is a formula', async () => {
    const { stdout } = await cronledger(['history', '--format', 'csv'], { env: { CRONLEDGER_STORE: store } })
    expect(stdout).toContain('=HYPERLINK')
    // A cell begins after a comma, a line end or a quote; a quote inside of a cell is doubled.
    expect(stdout).not.toMatch(/(?:^|,)"?[=+\-@]/m)
  })
})

function expectOneLine({ code, stdout, stderr }: Pick<Ended, 'code' | 'stdout' | 'stderr'>, wanted: number): void {
  expect(code, stderr).toBe(wanted)
  expect(stdout).toBe('')
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  expect(stderr).not.toMatch(UNSAFE)
  expect(stderr.length).toBeLessThan(3_000)
}

describe('a row that cronledger did not write', () => {
  const { cronledger } = commandsAt('2026-11-25T12:00:00Z')
  const rowsOf = (document: object, notes: object = {}) => {
    const path = join(folder, `row-${Math.random()}.db`)
    seedLedger(path, [rowWith({ ending: SUCCEEDED })])
    const database = new Libsql(path)
    const update = database.prepare(
      'UPDATE rows SET document = json_patch(document, ?), notes = json_patch(notes, ?), schema_version = ?',
    )
    const schemaVersion = (document as { schemaVersion?: number }).schemaVersion ?? 2
    update.run(JSON.stringify(document), JSON.stringify(notes), schemaVersion)
    const read = () => JSON.stringify(database.prepare('SELECT * FROM rows').all())
    return { env: { CRONLEDGER_STORE: `file:${path}`, CRONLEDGER_TASK: 'nightly' }, read }
  }
  const RUN = ['run', '--schedule', '0 3 * * *']
  const SCHEDULED = [...RUN, '--event-time', '2026-11-24T03:00:05Z', '--', 'echo', 'started']
  const FORCE = ['--force-slot', '2026-11-24', '--status', 'completed', '--reason', 'r']
  const FORCED = [...RUN, ...FORCE, '--', 'echo', 'started']
  const SHOW = ['show', '--slot', '2026-11-24T03:00:00Z']

  // promise: hostile-input
  test.each([
    ['an unknown state', { state: `DREAMING${EVIL}` }, {}],
    ['notes of a wrong type', {}, { rejections: { 0: EVIL } }],
  ])(
    'a row with %s: 78, one line that names the row; nothing starts and nothing is changed',
    async (_, document, notes) => {
      const { env, read } = rowsOf(document, notes)
      const before = read()
      for (const args of [SCHEDULED, FORCED]) {
        const ended = await cronledger(args, { env })
        expectOneLine(ended, 78)
        expect(ended.stderr).toContain('row nightly 2026-11-24T03:00:00Z is damaged')
      }
      const shown = await cronledger(SHOW, { env })
      expect(shown).toMatchObject({ code: 0, stderr: '' })
      expect(shown.stdout).toMatch(/^ {2}status +unknown\n {2}happened +row nightly 2026-11-24T03:00:00Z is damaged: /m)
      expect(shown.stdout).not.toContain(EVIL)
      expect(read()).toBe(before)
    },
  )

  // promise: newer-row
  test('a row of a newer version: shown as such, refused by run, force and resolve, and untouched', async () => {
    const { env, read } = rowsOf({ schemaVersion: 3, state: { now: 'else' }, owner: null })
    await cronledger(['declare', '--schedule', '0 3 * * *', '--from', '2026-11-20'], { env })
    const before = read()
    for (const args of [SCHEDULED, FORCED]) {
      const { code, stdout, stderr } = await cronledger(args, { env })
      expect({ code, stdout }).toEqual({ code: 65, stdout: '' })
      expect(JSON.parse(stderr)).toMatchObject({ event: 'refused', cause: 'newerRow' })
    }
    const word = ['--slot', '2026-11-24', '--state', 'completed', '--reason', 'r']
    expect((await cronledger(['resolve', ...word], { env })).code).toBe(65)
    expect((await cronledger(['history', 'nightly'], { env })).stdout).toMatch(/^\S+ +unknown$/m)
    expect((await cronledger(SHOW, { env })).stdout).toContain(
      'a newer version of cronledger wrote this record (schema 3)',
    )
    const range = ['--since', '2026-11-24', '--until', '2026-11-24']
    const checked = await cronledger(['check', ...range], { env })
    expect(checked).toMatchObject({ code: 1, stderr: '', stdout: expect.stringMatching(/^unknown · nightly · /) })
    expect(read()).toBe(before)
  })

  test('a row with unknown fields of a later minor version: read, and left alone by a force', async () => {
    const { env, read } = rowsOf({ later: 'kept', deep: { er: ['kept'] } }, { seen: 'kept' })
    const again = { ...env, CRONLEDGER_STATUS: 'completed' }
    expect(await cronledger(FORCED, { env: again })).toMatchObject({ code: 0, stdout: 'started\n' })
    expect(await cronledger(SCHEDULED, { env })).toMatchObject({ code: 0, stdout: '' })
    const [row] = JSON.parse(read())
    expect(JSON.parse(row.document)).toMatchObject({ later: 'kept', deep: { er: ['kept'] }, version: 4 })
    expect(JSON.parse(row.notes)).toMatchObject({ seen: 'kept', rejectionCount: 1 })
  })
})

const { signal: aborted } = new AbortController()
// Free text that is harmless: the name of an operator without a force, the owner of the task, and a command that gets
// events.
const names = Object.keys(RUN_OPTIONS).filter((name) => !['by', 'owner', 'notify'].includes(name))
// promise: hostile-input
test.each(names.map(variableOf))(
  'an environment of garbage: 64 and one line, for every variable: %s',
  async (variable) => {
    const env = {
      CRONLEDGER_STORE: `file:${join(folder, 'garbage.db')}`,
      CRONLEDGER_TASK: 'nightly',
      CRONLEDGER_SCHEDULE: '0 3 * * *',
      [variable]: `${EVIL}${'9'.repeat(10_000)}x`,
    }
    const lines: string[] = []
    const sink = { write: (line: string) => void lines.push(line), flush: async () => {} }
    const stops = { first: () => null, onSignal: () => () => {}, onSuspend: () => () => {}, aborted }
    const code = await run.execute({ argv: [], rest: ['echo', 'started'], env, sink, stops }).catch((error) => {
      // As the program writes it.
      sink.write(printable(`cronledger: ${error.message}`))
      return EXIT[(error as LedgerError).kind]
    })
    expectOneLine({ code, stdout: '', stderr: lines.join('\n') }, 64)
  },
)

// promise: secrets
describe('secrets never reach the log or the ledger', () => {
  const KEY_ID = 'AKIAIOSFODNN7EXAMPLE'
  const SECRETS = ['wJalrXUtnFEMI', 'FwoGZXIvYXdzE', 'hunter2', KEY_ID]
  const env = {
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: KEY_ID,
    AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    AWS_SESSION_TOKEN: 'FwoGZXIvYXdzEXAMPLE',
  }
  const run = (store: string, options: readonly string[], ...command: string[]) => [
    'run',
    '--store',
    store,
    ...NIGHTLY,
    '--event-time',
    '2026-01-02T03:00:05Z',
    ...options,
    '--',
    ...command,
  ]
  const expectNone = (text: string) => {
    for (const secret of SECRETS) expect(text).not.toContain(secret)
  }

  test.each([
    ['AccessDeniedException', 77],
    ['InvalidSignatureException', 77],
    ['ValidationException', 78],
    ['SomethingNew', 75],
  ])('%s, whose text quotes the key and the token', async (type, code) => {
    const message = `Credential=${KEY_ID}/20260102/eu-west-1 (key ${KEY_ID}), x-amz-security-token:FwoGZXIvYXdzEXAMPLE`
    const answer = awsError(400, `com.amazon.coral.service#${type}`, message)
    if (typeof answer !== 'object' || !('answer' in answer)) throw new Error('no answer')
    const server = await startAnswering(answer.answer)
    // Only an error that is retried takes this long.
    const settings = ['--log', 'text', '--ledger-timeout', code === 75 ? '3s' : '2m']
    const ended = await cronledger(run('dynamodb:ledger', settings, 'true'), {
      env: { ...env, AWS_ENDPOINT_URL_DYNAMODB: server.endpoint },
    })
    expect(ended.code).toBe(code)
    expectNone(ended.stderr + ended.stdout)
    await server.stop()
  })

  describe('of a command', () => {
    let server: Server
    beforeAll(async () => {
      server = await startDynalite()
      await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: awsEnv(server) })
    })
    afterAll(() => server.stop())

    test.each([
      ['that ends well', ['sh', '-c', 'exit 0', '--password=hunter2']],
      ['that fails', ['sh', '-c', 'exit 3', '--password=hunter2']],
      ['that is not there', ['/nowhere/batch', '--password=hunter2']],
    ])('a command %s: its arguments and the environment are in no line and no row', async (what, command) => {
      const proxy = await startFaultyProxy(server.endpoint)
      const all = { env: { ...env, AWS_ENDPOINT_URL_DYNAMODB: proxy.url } }
      const task = ['--task', what.replaceAll(' ', '-')]
      const args = run('dynamodb:ledger', [], ...command).with(4, task[1] as string)
      const ended = await cronledger(args, all)
      const shown = await cronledger(
        ['history', '--store', 'dynamodb:ledger', ...task, '--status', 'recorded', '--json'],
        all,
      )
      proxy.close()
      expect(JSON.parse(shown.stdout)).toHaveLength(1)
      expectNone(ended.stderr + ended.stdout + shown.stdout + shown.stderr)
    })
  })
})
