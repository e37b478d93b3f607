import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import Libsql from 'libsql'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addRejection, NO_NOTES } from '../../src/core/row/rejections.ts'
import type { StoredDocument, StoredValue } from '../../src/core/row/stored-fields.ts'
import { encodeNotes, encodeRow } from '../../src/core/row/stored-row.ts'
import { claimRow, finishRow, renewLease, resolveRow, withCheckpoint } from '../../src/core/row/transition.ts'
import { encodeTaskRecord, type TaskRecord } from '../../src/core/task/task-record.ts'
import type { Rejection } from '../../src/core/types.ts'
import { isTaskName } from '../../src/core/user-text.ts'
import { toItem } from '../../src/store/dynamodb/item.ts'
import { FARGATE } from '../support/aws/ecs.ts'
import { cronledger, type Loose, scratch } from '../support/cli.ts'
import { ON_KUBERNETES } from '../support/places.ts'
import { hasPostgres, OWNER, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { awsEnv, CREDENTIALS, REGION, type Server, startDynalite } from '../support/servers.ts'
import { startOfToday } from '../support/today.ts'

// Whoever may write to a ledger chooses all texts in it: a batch its own row, a role the rows of a prefix. The commands that
// cronledger prints are pasted by people who may do more.

const folder = scratch()
const TRACE = `${folder}/a-command-ran`

/** They end each kind of quotes, a comment and a here-document, or look like an option. */
const TEXTS = [
  `-x';touch "$TRACE";'`,
  '$(touch "$TRACE")`touch "$TRACE"`";touch "$TRACE";"',
  'x\ntouch "$TRACE"\nEND_OF_CRONLEDGER\ntouch "$TRACE"\n\rtouch "$TRACE"',
] as const

const DAY = new Date(startOfToday() - 86_400_000).toISOString().slice(0, 10)
const SLOT = Date.parse(`${DAY}T03:00:00Z`)
const stamp = (seconds: number) => ({ writeId: `w${seconds}`, now: SLOT + seconds * 1_000 })
const SPEC = { expression: 'rate(1 day)', zone: 'UTC', anchor: Date.parse('1970-01-01T03:00:00Z') }
const DECIDED = { at: SLOT, by: 'ada', reason: 'maintenance' }
const PLACES = [{ ...FARGATE.place, logGroup: '/ecs/x', logStream: 'x/batch/1' }, ON_KUBERNETES] as const

const FORCED = { kind: 'forced', by: 'ada', reason: 'why' } as const

/** A failed row with as many members as a row can have. */
function rowOn(place: (typeof PLACES)[number]): StoredDocument {
  const slot = { task: 'x', window: { slot: SLOT, end: SLOT + 86_400_000 }, schedule: SPEC, zoneData: '2026a' }
  const claim = { ...slot, runId: 'r1', host: FARGATE.host, place, trigger: FORCED, traceId: 'f'.repeat(32) }
  const waiting = claimRow(null, { ...claim, phase: 'waiting' }, stamp(1), 600_000)
  const blocked = finishRow(waiting, { outcome: 'notStarted', blockedBy: { task: 'y', slot: SLOT } }, stamp(2))
  const ranged = { ...claim, runId: 'r2', since: SLOT - 86_400_000 }
  const again = claimRow(blocked, ranged, stamp(3), 600_000)
  const renewed = renewLease(withCheckpoint(again, 'page 7'), stamp(4), 600_000, { pid: 1, startTicks: 2, boot: 'b' })
  const failed = finishRow(renewed, { outcome: 'failed', exitCode: 3, signal: 'SIGTERM', report: 'rows 1' }, stamp(5))
  return encodeRow(resolveRow(failed, { ...claim, ...DECIDED, state: 'FAILED', runId: 'r3' }, stamp(6)))
}

const REJECTION: Rejection = {
  runId: 'r9',
  kind: 'refused',
  cause: 'failed',
  at: SLOT,
  trigger: FORCED,
  ...FARGATE.host,
  family: 'f',
  clusterId: 'c',
  namespace: 'n',
  cronJob: 'j',
}
const NOTES = encodeNotes(addRejection(addRejection(NO_NOTES, REJECTION), { ...REJECTION, runId: 'r8' }))

function recordOn(place: (typeof PLACES)[number]): StoredDocument {
  const network = '{"awsvpcConfiguration":{"subnets":["subnet-1"],"assignPublicIp":"DISABLED"}}'
  const suspension = { ...DECIDED, from: 0, until: 1_000, ended: DECIDED }
  const record: TaskRecord = {
    schedules: [{ since: 0, spec: SPEC, declared: 'confirmed' }],
    expectations: { since: 0, after: ['y'], expect: 'rows>=1', owner: 'Payments', overlap: 'skip' },
    pauses: [suspension],
    retirements: [suspension],
    place: place.kind === 'ecs' ? { ...place, network } : place,
    placeSince: 0,
    changes: [{ ...DECIDED, from: 0, before: { schedule: '0 2 * * *' }, after: { schedule: SPEC.expression } }],
  }
  return encodeTaskRecord(record)
}

/** Returns the document once for each text in it, with `text` in the place of that. */
function withEach(value: StoredValue, text: string, path = ''): readonly [path: string, StoredValue][] {
  // Of a time, nothing but a time is read.
  if (typeof value === 'string') return /^\d{4}-\d\d-/.test(value) ? [] : [[path, text]]
  if (typeof value !== 'object') return []
  return Object.entries(value).flatMap(([name, one]) =>
    withEach(one, text, `${path}.${name}`).map(([own, changed]): [string, StoredValue] => [
      own,
      Array.isArray(value) ? value.with(Number(name), changed) : { ...value, [name]: changed },
    ]),
  )
}

interface Hostile {
  readonly task: string
  readonly row: StoredDocument
  readonly notes: StoredDocument
  readonly record: StoredDocument
}

const HOSTILE: readonly Hostile[] = TEXTS.flatMap((text, index) => [
  ...PLACES.map((place) => ({ task: text, row: rowOn(place), notes: NOTES, record: recordOn(place) })).slice(0, 1),
  ...PLACES.flatMap((place) => {
    const whole = { row: rowOn(place), notes: NOTES, record: recordOn(place) }
    // The key and the day are how a row is found.
    const { task: _, slot: __, day, ...members } = whole.row
    const rows = withEach(members, text).map(([path, row]) => ['row', path, { row: { day, ...Object(row) } }] as const)
    const notes = (place.kind === 'ecs' ? withEach(NOTES, text) : []).map(
      ([path, own]) => ['notes', path, { notes: own }] as const,
    )
    const records = withEach(whole.record, text).map(([path, own]) => ['record', path, { record: own }] as const)
    return [...rows, ...notes, ...records].map(([where, path, changed]) => {
      const task = `${place.kind}-${index}/${where}${path}`
      return { ...whole, ...changed, task } as Hostile
    })
  }),
])

interface Ledger {
  readonly store: string
  readonly env: Readonly<Record<string, string>>
  fill(hostile: Hostile): Promise<unknown>
  end(): Promise<void>
}

const slotText = `${DAY}T03:00:00Z`

async function fileLedger(): Promise<Ledger> {
  const path = `${folder}/ledger.db`
  await cronledger(['setup', '--store', `file:${path}`])
  const database = new Libsql(path)
  const row = database.prepare(
    'INSERT INTO rows (task, slot, day, version, schema_version, document, notes) VALUES (?, ?, ?, ?, 2, ?, ?)',
  )
  const entry = database.prepare("INSERT INTO entries (task, kind, version, document) VALUES (?, '#task', 1, ?)")
  return {
    store: `file:${path}`,
    env: {},
    async fill({ task, row: { version, ...own }, notes, record }) {
      row.run(task, slotText, DAY, version, JSON.stringify({ version, ...own }), JSON.stringify(notes))
      entry.run(task, JSON.stringify(record))
    },
    async end() {
      database.close()
    },
  }
}

async function dynamoLedger(): Promise<Ledger> {
  const server: Server = await startDynalite()
  const client = new DynamoDBClient({ endpoint: server.endpoint, region: REGION, credentials: CREDENTIALS })
  await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: awsEnv(server) })
  const put = (item: StoredDocument) => client.send(new PutItemCommand({ TableName: 'ledger', Item: toItem(item) }))
  return {
    store: 'dynamodb:ledger',
    env: awsEnv(server),
    async fill({ task, row, notes, record }) {
      await put({ ...row, ...notes, task, slot: slotText })
      await put({ task, slot: '#task', day: '#task', version: 1, document: record })
    },
    async end() {
      client.destroy()
      await server.stop()
    },
  }
}

async function postgresLedger(): Promise<Ledger> {
  const server: PostgresServer = await startPostgres()
  await cronledger(['setup', '--store', server.address()])
  const client = new pg.Client({ host: server.folder, user: OWNER, database: 'postgres' })
  await client.connect()
  const insert = 'INSERT INTO cronledger VALUES ($1, $2, $3, $4, 2, NULL, $5, $6)'
  return {
    store: server.address(),
    env: {},
    async fill({ task, row, notes, record }) {
      await client.query(insert, [task, slotText, DAY, row['version'], JSON.stringify(row), JSON.stringify(notes)])
      await client.query(insert, [task, '#task', null, 1, JSON.stringify(record), '{}'])
    },
    async end() {
      await client.end()
      await server.remove()
    },
  }
}

const SHELLS = ['dash', 'bash', 'zsh'].filter((shell) => existsSync(`/bin/${shell}`) || existsSync(`/usr/bin/${shell}`))

/** Executes each text as a script of its own in each shell. The programs in it do nothing, and answer as for a success. */
function executeEach(scripts: readonly string[], name: string): void {
  const [programs, own] = [`${folder}/programs`, `${folder}/${name}`]
  for (const one of [programs, own]) mkdirSync(one, { recursive: true })
  // As functions, they need no process of their own. A script that starts a shell finds the programs.
  const answers = { cronledger: '', aws: 'arn:task', kubectl: 'Complete', sleep: '', YOUR_COMMAND: '' }
  const functions = Object.entries(answers).map(([program, answer]) => {
    writeFileSync(`${programs}/${program}`, `#!/bin/sh\necho ${answer}\n`, { mode: 0o755 })
    return `${program}() { echo ${answer}; }\n`
  })
  for (const [index, script] of scripts.entries()) writeFileSync(`${own}/${index}`, script)
  const each = `${functions.join('')}for script in "${own}"/*; do ( . "$script" ) </dev/null; [ ! -e "$TRACE" ] || break; done`
  const env = { PATH: `${programs}:${process.env['PATH']}`, USER: 'ada', TRACE }
  for (const shell of SHELLS) {
    execFileSync(shell, ['-c', each], { env, stdio: 'ignore' })
    expect(existsSync(TRACE), `${shell} ran a command of a stored text`).toBe(false)
  }
}

/** Returns the commands in the output of a command for people: each follows a text with a colon, or is on a line of its own. */
const commandsIn = (text: string) =>
  text.split('\n').flatMap((line) => /(?:^|: ) *((?:cronledger|aws|kubectl) .*)/.exec(line)?.slice(1) ?? [])

test('the commands are executed, and one that runs another program is seen', () => {
  expect(SHELLS).toContain('dash')
  expect(() => executeEach([`cronledger show 'x';touch "$TRACE";''`], 'seen')).toThrow('ran a command of a stored text')
  execFileSync('rm', [TRACE])
})

describe.each([
  ['a file', fileLedger],
  ['DynamoDB', dynamoLedger],
  ['PostgreSQL', postgresLedger],
] as const)('whatever is stored in %s', (name, open) => {
  const isLeftOut = name === 'PostgreSQL' && !hasPostgres
  let ledger: Ledger
  const run = (...args: readonly string[]) =>
    cronledger([...args.slice(0, 1), '--store', ledger.store, ...args.slice(1)], { env: ledger.env })
  beforeAll(async () => {
    if (isLeftOut) return
    ledger = await open()
    for (const hostile of HOSTILE) await ledger.fill(hostile)
  })
  afterAll(() => ledger?.end())

  test.skipIf(isLeftOut)(
    'no printed command runs another program',
    async () => {
      const history = (await run('history', '--since', '3d', '--format', 'ndjson')).stdout.split('\n').filter(Boolean)
      const rows = history.map((line): Loose => JSON.parse(line)).filter(({ slot }) => slot === slotText)
      expect(rows.map(({ task }) => task).sort()).toEqual(HOSTILE.map(({ task }) => task).sort())
      for (const { task, damage, steps } of rows) {
        if (!isTaskName(task)) expect(steps ?? []).toEqual([])
        if (damage !== undefined)
          for (const { command } of steps ?? [])
            expect(command).toMatch(/^cronledger show --store \S+ --task \S+ --slot \S+$/)
      }
      const text = [
        await run('check', '--since', '3d', '--commands'),
        await run('check', '--since', '3d'),
        await run('tasks'),
      ]
      for (const { code, stderr } of text) expect([0, 1, 78], stderr).toContain(code)
      const range = ['--all', '--from', DAY, '--reason', 'x', '--dry-run', '--format', 'commands']
      const script = await run('rerun', ...range, '--', 'true')
      const commands = [
        ...rows.flatMap(({ steps = [] }) => steps.map(({ command }: Loose) => command)),
        ...text.flatMap(({ stdout, stderr }) => [...commandsIn(stdout), ...commandsIn(stderr)]),
      ]
      expect(commands.length).toBeGreaterThan(HOSTILE.length)
      executeEach([...new Set(commands), script.stdout], name.replace(' ', '-'))
    },
    300_000,
  )
})
