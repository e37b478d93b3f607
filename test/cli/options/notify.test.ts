import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openNotify } from '../../../src/cli/options/notify.ts'
import { RUN_KINDS } from '../../../src/cli/options/options.ts'
import { livingMember } from '../../../src/process/process-group.ts'
import { runKey } from '../../../src/run/slot-variables.ts'
import {
  commandsAt,
  type Ended,
  type Loose,
  MAIN,
  NIGHTLY,
  type Options,
  pasted,
  cronledger as real,
  refused,
  scratch,
  writeProgram,
} from '../../support/cli.ts'
import { readEmf } from '../../support/metrics/emf.ts'
import { startOfToday } from '../../support/today.ts'

const folder = scratch()
const { cronledger, start } = commandsAt('2026-11-24T12:00:00Z')
let files = 0

const SLOT = '2026-11-23T03:00:00Z'

/** A ledger of its own for each test, and a file that notifications can write to. */
function ledger() {
  const store = `file:${join(folder, `ledger-${++files}.db`)}`
  const told = join(folder, `told-${files}`)
  const base = ['--store', store, ...NIGHTLY, '--event-time', SLOT]
  const args = (command: readonly string[], options: readonly string[]) => [
    ...['run', ...base, ...options, '--', ...command],
  ]
  return {
    store,
    told,
    args,
    keep: ['--notify', `cat >> ${told}`],
    run: (command: readonly string[], options: readonly string[] = [], more?: Options) =>
      cronledger(args(command, options), more),
    start: (command: readonly string[], options: readonly string[] = []) => start(args(command, options)),
    events(): Loose[] {
      return existsSync(told) ? logOf(readFileSync(told, 'utf8')) : []
    },
    async written(): Promise<string> {
      while (!existsSync(told) || statSync(told).size === 0) await new Promise(setImmediate)
      return readFileSync(told, 'utf8').trim()
    },
  }
}

/** Returns the state of the slot in a copy of the ledger, which a notification makes in no time. */
async function stateIn(path: string): Promise<string> {
  const args = ['history', 'nightly', '--store', `file:${path}`, '--status', 'recorded', '--json']
  return JSON.parse((await cronledger(args)).stdout)[0].state
}

/** The variables of a notification about the slot, whose schedule has the zone of Tokyo. */
const VARIABLES = [
  'CRONLEDGER_RUN_TASK=nightly',
  `CRONLEDGER_RUN_SLOT=${SLOT}`,
  'CRONLEDGER_RUN_DATE=2026-11-23',
  'CRONLEDGER_RUN_LOCAL=2026-11-23T12:00:00+09:00',
  'CRONLEDGER_RUN_TIMEZONE=Asia/Tokyo',
  `CRONLEDGER_RUN_KEY=${runKey('nightly', Date.parse(SLOT))}`,
]

function logOf(text: string): Loose[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const warningsOf = ({ stderr }: Ended) => logOf(stderr).filter(({ event }) => event === 'warning')

/** Hangs, ignores SIGTERM, and has a child that does so too; writes the id of its process group. */
const STUBBORN = 'trap "" TERM; (sleep 300) & cut -d " " -f 5 /proc/$$/stat >'

async function expectGone(group: string): Promise<void> {
  while (livingMember(Number(group)) !== null) await new Promise(setImmediate)
}

test('a duplicate, by a webhook: its title and the JSON of the log', async () => {
  const { run } = ledger()
  const bodies: string[] = []
  const server = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (chunk) => bodies.push(chunk))
    request.on('end', () => response.end('thanks'))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const options = ['--notify', `curl -sSf -H 'content-type: application/json' -d @- http://127.0.0.1:${port}/hook`]
  options.push('--notify-on', 'duplicate')
  const first = await run(['echo', 'paid'], options)
  expect(first).toMatchObject({ code: 0, stdout: 'paid\n' })
  expect(bodies).toEqual([])
  const second = await run(['echo', 'paid'], options)
  server.close()
  expect(second).toMatchObject({ code: 0, stdout: '' })
  const { title, ...logged } = JSON.parse(bodies.join(''))
  expect(logOf(second.stderr)).toEqual([logged])
  expect(title).toBe(`DUPLICATE nightly 11-23 03:00 UTC: ${logged.message}`)
  expect(JSON.parse(bodies.join(''))).toMatchObject({ event: 'duplicate', task: 'nightly', slot: SLOT })
})

test('without --notify-on, a duplicate of a slot that runs is sent, and one of a slot that is done is not', async () => {
  const { start: begin, run, store, keep, told, events, written } = ledger()
  const running = begin(['sleep', '60'], [...keep, '--notify-on', 'started'])
  expect(JSON.parse(await written())).toMatchObject({ event: 'claimed' })
  expect(await run(['true'], keep)).toMatchObject({ code: 0 })
  expect(events().map(({ event, cause }) => [event, cause])).toEqual([
    ['claimed', undefined],
    ['duplicate', 'running'],
  ])
  running.child.kill()
  await running.ended
  rmSync(told)
  const done = ['resolve', '--task', 'nightly', '--slot', SLOT, '--state', 'completed', '--reason', 'by hand']
  expect(await cronledger([...done, '--store', store])).toMatchObject({ code: 0 })
  expect(await run(['true'], keep)).toMatchObject({ code: 0 })
  expect(existsSync(told)).toBe(false)
})

test('a failure is notified when it is on record, and then a refusal', async () => {
  const { run, store, keep, events, told } = ledger()
  const copy = `cp ${store.replace('file:', '')} ${told}.db`
  expect((await run(['sh', '-c', 'exit 3'], ['--notify', copy])).code).toBe(3)
  expect(await stateIn(`${told}.db`)).toBe('FAILED')
  expect((await run(['true'], keep)).code).toBe(65)
  expect(events().at(-1)).toMatchObject({ event: 'refused', cause: 'failed' })
})

test('a batch that was stopped is notified as failed', async () => {
  const { start: begin, keep, events } = ledger()
  const running = begin(['sh', '-c', 'echo ready; exec sleep 300'], keep)
  await running.printed('ready')
  running.child.kill('SIGTERM')
  expect((await running.ended).code).toBe(143)
  expect(events()).toMatchObject([{ event: 'failed', outcome: 'interrupted' }])
})

test('a ledger that cannot be used is notified, and is in the log and the metrics', async () => {
  const { keep, events } = ledger()
  const options = [...NIGHTLY, '--event-time', SLOT, '--metrics', 'cronledger']
  const noTable = join(folder, 'no-folder', 'ledger.db')
  const { code, stderr } = await cronledger(['run', '--store', `file:${noTable}`, ...options, ...keep, '--', 'true'])
  expect(code).toBe(78)
  const [line = '', metrics = ''] = stderr.trim().split('\n')
  expect(JSON.parse(line)).toMatchObject({ event: 'unusable', level: 'error', task: 'nightly', slot: SLOT })
  expect(readEmf(metrics)).toMatchObject({ Failed: '1 Count', Claimed: '0 Count' })
  expect(events()).toMatchObject([{ event: 'unusable' }])
})

test.each([
  ['a failure before', ['false'], [], { event: 'completed', recovered: true }],
  ['nothing before, after the time to complete', null, ['--grace', '90d', '--done-by', '1h'], { recovered: true }],
] as const)('a slot that completes after it was told as a problem is recovered: %s', async (_, before, more, told) => {
  const { run, keep, events } = ledger()
  if (before !== null) await run(before)
  const again = ['--max-attempts', '2', ...more]
  expect((await run(['true'], [...again, ...keep])).code).toBe(0)
  expect(events()).toEqual([expect.objectContaining(told)])
  expect(events()[0]?.['title']).toMatch(/^RECOVERED nightly 11-23 03:00 UTC: attempt/)
})

test('notifications are only of the kinds that were asked for, and those of other commands do no harm', async () => {
  const { run, keep, events } = ledger()
  const env = { CRONLEDGER_NOTIFY_ON: 'refused, missed', CRONLEDGER_NOTIFY: keep[1] ?? '' }
  await run(['false'], [], { env })
  expect(events()).toEqual([])
  await run(['false'], [], { env })
  expect(events()).toMatchObject([{ event: 'refused' }])
})

test('the command of a notification gets an environment that names the kind and the slot, forces nothing, and sends no notifications', async () => {
  const { store, told } = ledger()
  await cronledger(['run', '--notify', `env > ${told}`, '--', 'false'], {
    env: {
      CRONLEDGER_STORE: store,
      CRONLEDGER_TASK: 'nightly',
      CRONLEDGER_SCHEDULE: '0 12 * * *',
      CRONLEDGER_TIMEZONE: 'Asia/Tokyo',
      CRONLEDGER_FORCE_SLOT: SLOT,
      CRONLEDGER_REASON: 'bad input file',
      CRONLEDGER_BY: 'ada',
      CRONLEDGER_NOTIFY: 'overruled',
      CRONLEDGER_NOTIFY_ON: 'failed',
      CRONLEDGER_RUN_DATE: 'of an outer run',
      OTHER: 'kept',
    },
  })
  const variables = readFileSync(told, 'utf8').split('\n')
  expect(variables).toEqual(
    expect.arrayContaining([...VARIABLES, 'CRONLEDGER_RUN_KIND=failed', 'CRONLEDGER_RUN_EVENT=failed', 'OTHER=kept']),
  )
  expect(variables.join()).not.toMatch(/FORCE_SLOT|REASON|CRONLEDGER_BY|NOTIFY=|NOTIFY_ON|bad input|ada/)
})

test('a run that starts nothing counts as failed, and a pause sends nothing, because an operator wanted it', async () => {
  const { told } = ledger()
  const values = {
    notify: `echo $CRONLEDGER_RUN_KIND $CRONLEDGER_RUN_EVENT >> ${told}`,
    ...{ store: 'file:a.db', notifyFormat: undefined, notifyOn: undefined },
  }
  const notify = openNotify(values, { argv: [], env: process.env }, RUN_KINDS)
  const about = { task: 'nightly', slot: Date.parse(SLOT), timezone: 'UTC', owner: undefined, cause: '' }
  const common = { time: SLOT, level: 'warn', task: 'nightly', slot: SLOT, message: '' } as const
  for (const event of ['paused', 'withdrawn', 'stopped', 'waiting', 'claimed'] as const)
    notify?.emit({ ...common, event }, about)
  expect(await notify?.end(AbortSignal.timeout(60_000))).toBe(null)
  expect(readFileSync(told, 'utf8').split('\n').sort()).toEqual(['', 'failed stopped', 'failed withdrawn'])
})

test('notifications as CloudEvents 1.0: those of a run, and a finding that each check tells under the same id', async () => {
  const { run, events, keep, store } = ledger()
  const format = ['--notify-format', 'cloudevents']
  const ended = await run(['false'], [...keep, ...format, '--notify-on', 'started,failed', '--log', 'json'])
  const checks = ['check', '--store', store, '--since', SLOT, '--until', '2026-11-23T12:00:00Z', ...keep, ...format]
  for (const _ of [1, 2]) await cronledger(checks)
  const [started, failed, ...found] = events()
  const attributes = {
    specversion: '1.0',
    source: store,
    subject: `nightly/${SLOT}`,
    datacontenttype: 'application/json',
  }
  const data = logOf(ended.stderr).at(-1)
  expect(failed).toEqual({
    ...attributes,
    id: `${data?.['runId']}/failed/1`,
    type: 'cronledger.failed',
    time: data?.['time'],
    data: { title: 'FAILED nightly 11-23 03:00 UTC: failed (exit code 1)', ...data },
  })
  expect(started).toMatchObject({ ...attributes, id: `${data?.['runId']}/claimed/1`, type: 'cronledger.claimed' })
  const finding = {
    ...attributes,
    id: `nightly/${SLOT}/failed/1`,
    type: 'cronledger.failed',
    data: { status: 'failed' },
  }
  expect(found).toMatchObject([finding, finding])
})

const on = (kinds: string) => ['--notify-on', kinds]

// promise: notification-order
test('the notifications of a run are sent in order, the success when it is on record', async () => {
  const { run, told, store, events } = ledger()
  const copy = `cp ${store.replace('file:', '')} ${told}.$CRONLEDGER_RUN_KIND`
  const command = `printf '{"kind":"%s"}\n' $CRONLEDGER_RUN_KIND >> ${told}; cat >> ${told}; ${copy}`
  const ended = await run(['true'], [...on('started,succeeded'), '--notify', command])
  expect(ended.code).toBe(0)
  expect(warningsOf(ended)).toEqual([])
  const [started, claimed, succeeded, completed] = events()
  expect([started, claimed]).toMatchObject([{ kind: 'started' }, { event: 'claimed', attempt: 1 }])
  expect([succeeded, completed]).toMatchObject([{ kind: 'succeeded' }, { event: 'completed', outcome: 'succeeded' }])
  expect(await stateIn(`${told}.succeeded`)).toBe('COMPLETED')
})

test('a start is followed by its failure, for each attempt', async () => {
  const { run, keep, events } = ledger()
  const retries = ['--max-attempts', '2', '--retry-delay', '0ms']
  const batch = ['sh', '-c', 'exit $((2 - CRONLEDGER_RUN_ATTEMPT))']
  expect((await run(batch, [...retries, ...on('started,succeeded,failed'), ...keep])).code).toBe(0)
  expect(events().map(({ event, attempt }) => [event, attempt])).toEqual([
    ['claimed', 1],
    ['failed', 1],
    ['claimed', 2],
    ['completed', 2],
  ])
})

// promise: notification-fails
test('a start that hangs delays neither the batch nor its record', async () => {
  const { start: begin, told } = ledger()
  const command = `until [ -e ${told}.recorded ]; do :; done; echo seen > ${told}`
  const running = begin(['true'], [...on('started'), '--notify', command])
  await running.logged('"event":"completed"')
  writeFileSync(`${told}.recorded`, '')
  const ended = await running.ended
  expect(ended.code).toBe(0)
  expect(warningsOf(ended)).toEqual([])
  expect(readFileSync(told, 'utf8')).toBe('seen\n')
})

// promise: notification-fails
describe('a notification that goes wrong is one line of the log, and the exit code stays', () => {
  test('a notification that fails is one line of the log, and the exit code stays', async () => {
    const { run } = ledger()
    const ended = await run(['sh', '-c', 'echo out; exit 3'], ['--notify', 'echo noise; echo no route >&2; exit 9'])
    expect(ended).toMatchObject({ code: 3, stdout: 'out\n' })
    expect(warningsOf(ended)).toMatchObject([{ message: expect.stringMatching(/exit code 9: no route$/) }])
    expect(ended.stderr).not.toContain('noise')
  })

  test('a notification that hangs when the run gets a stop is killed in time, and the batch keeps its exit code', async () => {
    const { start: begin, written, told } = ledger()
    const options = ['--stop-timeout', '1s', '--notify', `${STUBBORN} ${told}; wait`]
    const running = begin(['sh', '-c', 'exit 3'], options)
    const group = await written()
    running.child.kill('SIGTERM')
    const ended = await running.ended
    expect(ended.code).toBe(3)
    expect(warningsOf(ended)).toMatchObject([{ message: expect.stringMatching(/killed$/) }])
    await expectGone(group)
  })
})

test.each<[readonly string[], RegExp]>([
  [['--notify-on', 'failed'], /--notify-on requires --notify/],
  [['--notify-format', 'cloudevents'], /--notify-format requires --notify/],
  [
    ['--notify', 'cat', '--notify-on', 'failed,dupplicate'],
    /--notify-on "dupplicate" is not allowed. Did you mean duplicate\? Use started, suc/,
  ],
  [['--notify', 'cat', '--notify-on', 'failed,'], /--notify-on "" is not allowed/],
  [
    ['--notify', 'cat', '--notify-on', 'missed,late'],
    /--notify-on has no kind that this command sends\. Use started, /,
  ],
  [['--metrics', 'emf'], /--metrics emf is not a namespace. Give the CloudWatch namespace/],
  [['--metrics', 'true'], /--metrics true is not a namespace/],
  [['--metrics', 'AWS/ECS'], /--metrics "AWS\/ECS" is not valid\. Use/],
  [['--metrics', 'a\nb'], /--metrics "a\\nb" is not valid\. Use/],
])('%j is refused with 64 and one line', async (options, message) => {
  const args = ['run', '--store', 'file:no.db', ...NIGHTLY, ...options, '--', 'echo', 'no']
  const { code, stdout, stderr } = await refused(args)
  expect({ code, stdout, stderr }).toEqual({ code: 64, stdout: '', stderr: expect.stringMatching(message) })
  expect(stderr.trim().split('\n')).toHaveLength(1)
})

const range = ['--since', '2026-11-23', '--until', '2026-11-24']

test('check sends each finding with --notify-each, and its output and exit code stay', async () => {
  const { run, store, keep, events } = ledger()
  await run(['false'])
  const plain = await cronledger(['check', '--store', store, ...range])
  const told = await cronledger(['check', '--store', store, ...range, ...keep, '--notify-each'])
  const untold = await cronledger(['check', '--store', store, ...range, '--notify-each'])
  expect(untold).toMatchObject({ code: 64, stderr: expect.stringContaining('--notify-each requires --notify.') })
  const never = await cronledger(['check', '--store', store, ...range, ...keep, '--notify-on', 'started,succeeded'])
  expect(never).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('--notify-on has no kind that this command sends.'),
  })
  expect({ ...told, stdout: '' }).toEqual({ code: 1, signal: null, stdout: '', stderr: '' })
  expect(told.stdout.split('\n').length).toBe(plain.stdout.split('\n').length)
  const found = events().map(({ event, task, slot }) => `${event} ${task} ${slot}`)
  expect(found.toSorted()).toEqual([`failed nightly ${SLOT}`, 'missed nightly 2026-11-24T03:00:00Z'])
})

test('check sends one digest of several findings, which names no slot in the environment', async () => {
  const { store, told, events } = ledger()
  await cronledger(['setup', '--store', store])
  for (const task of ['a', 'b', 'c', 'd']) {
    const schedule = task === 'd' ? '@daily' : '0 3-5 * * *'
    const owner = ['--owner', `${task} team`]
    await cronledger(['declare', task, '--store', store, '--schedule', schedule, '--from', '2026-11-01', ...owner])
  }
  const day = ['--since', '2026-11-22T12:00:00Z', '--until', '2026-11-23T05:00:00Z']
  const notify = ['--notify', `cat >>${told}; env | grep ^CRONLEDGER_RUN | sort >&2; exit 3`]
  const { stderr } = await cronledger(['check', '--store', store, ...day, ...notify])
  expect(stderr).toContain('(event digest): exit code 3')
  expect(events()).toMatchObject([
    {
      title: 'Outage 11-23 03:00 to 04:00 UTC · 3 tasks · 6 slots · 1 other problem',
      ...{ event: 'digest', slots: 7, tasks: 4 },
      incidents: [
        { cause: 'broken', slots: 6, tasks: [{ task: 'a', owner: 'a team', counts: { missed: 2 } }, {}, {}] },
        { title: 'd: 1 missed, 11-23 00:00 UTC (d team)', slots: 1 },
      ],
      command: `cronledger check --store ${store} --since 2026-11-22T12:00:00Z --commands`,
      message: expect.stringMatching(
        /^Outage .*\n {2}Owners: a team 1, b team 1, c team 1\n {2}a {2}2 missed {2}11-23 03:00 to 04:00 UTC {2}a team\n/,
      ),
    },
  ])
})

describe('an outage of three teams', () => {
  const DAY_MS = 86_400_000
  const dayBefore = (time: string) => `${new Date(startOfToday() - DAY_MS).toISOString().slice(0, 10)}T${time}`
  const from = dayBefore('03:00:00Z')
  const ID = `broken data/load ${from}`
  const INCIDENT = { id: ID, cause: 'broken', began: from }

  /** As if the start of `check` took an hour. */
  const SLOW_CHECK = `--import data:text/javascript,${encodeURIComponent(`if (process.argv[2] === 'check') {
    const [now, uptime] = [Date.now, process.uptime]
    Object.assign(Date, { now: () => now() + 3600e3 })
    Object.assign(process, { uptime: () => uptime() + 3600 })
  }`)}`

  /** Each team has a task with two missed slots of the day before. */
  async function outage() {
    const { store, keep, events, told } = ledger()
    await real(['setup', '--store', store])
    for (const [task, owner] of [
      ['data/load', 'Data'],
      ['pay/capture', 'Payments'],
      ['web/sync', 'Web'],
    ] as const) {
      const stated = ['--schedule', '0 3,4 * * *', '--from', dayBefore('02:00:00Z'), '--owner', owner]
      await real(['declare', task, '--store', store, ...stated])
    }
    const env = { CRONLEDGER_STORE: store, CRONLEDGER_NOTIFY: keep[1] ?? '' }
    writeProgram(folder)
    return {
      events,
      check: (...args: readonly string[]) =>
        real(['check', '--since', from, '--until', dayBefore('05:00:00Z'), ...args], { env }),
      resolve: (task: string, slot: string, state: string) =>
        real(['resolve', '--store', store, '--task', task, '--slot', slot, '--state', state, '--reason', 'looked']),
      /** Prints the script that repairs it, and runs it with sh. The batch of the Web team needs a file. */
      async repair(...options: readonly string[]) {
        const batch = ['--', 'sh', '-c', `[ $CRONLEDGER_RUN_TASK != web/sync ] || [ -e ${told}.fixed ]`]
        const range = ['--from', from, '--to', dayBefore('05:00:00Z'), '--reason', 'the network is back']
        const { stdout } = await real(['rerun', '--all', '--store', store, ...range, ...options, ...batch])
        const PATH = `${folder}:${process.env['PATH']}`
        return pasted(stdout, { ...env, PATH, NODE_OPTIONS: SLOW_CHECK })
      },
      correct: () => writeFileSync(`${told}.fixed`, ''),
    }
  }
  const titles = (sent: readonly Loose[]) => sent.map(({ title }) => title)

  test('the script that repairs its slots sends one message at its end, with the owners, when none is left', async () => {
    const { repair, correct, events, check } = await outage()
    expect((await repair('--jobs', '3')).code).toBe(1)
    expect(titles(events())).toEqual([expect.stringMatching(/^FAILED web\/sync /)])
    correct()
    expect((await repair()).code).toBe(0)
    const [, last, ...more] = events()
    expect(last).toMatchObject({
      ...{ event: 'repaired', slots: 6, tasks: 3 },
      title: expect.stringMatching(
        /^REPAIRED Outage .* · 3 tasks · 6 slots · Owners: Data 1, Payments 1, Web 1: all repaired at .*, .* after it began$/,
      ),
      incidents: [{ id: ID, from, ended: expect.any(String), owners: { Data: 1, Payments: 1, Web: 1 } }],
      message: expect.stringMatching(/^Outage .*\n {2}data\/load \(Data\)\n/),
    })
    expect(more).toEqual([])
    expect((await check('--new', '2d')).code).toBe(0)
    expect(titles(events()).slice(2)).toEqual([last?.['title']])
  })

  test('check sends its end with the id of its begin, also if the oldest slot was repaired before, and a finding and check --json have it', async () => {
    const { resolve, events, check } = await outage()
    const open = () => events().map(({ event, incidents, incident }) => [event, incidents?.[0]?.id ?? incident?.id])
    await check('--new', '2d')
    await resolve('data/load', from, 'completed')
    await check('--new', '2d')
    const { stdout } = await check('--json')
    expect(JSON.parse(stdout).map(({ incident }: Loose) => incident)).toEqual(Array(5).fill(INCIDENT))
    const slots = [dayBefore('03:00:00Z'), dayBefore('04:00:00Z')]
    for (const slot of slots) for (const task of ['pay/capture', 'web/sync']) await resolve(task, slot, 'skipped')
    await check('--new', '2d')
    expect(open()).toEqual([
      ['digest', ID],
      ['digest', ID],
      ['digest', ID],
      ['missed', ID],
    ])
    expect(events()[3]?.['incident']).toEqual(INCIDENT)
    await resolve('data/load', slots[1] ?? '', 'completed')
    await check('--new', '2d', '--notify', 'true')
    await check()
    expect(open()).toHaveLength(4)
    await check('--new', '2d', '--notify-on', 'recovered')
    expect(open().slice(4)).toEqual([['repaired', ID]])
    expect(events()[4]?.['incidents']).toMatchObject([{ slots: 6, tasks: [{}, {}, {}] }])
  })

  test('check --notify-each sends the end of each slot, under the key of the slot', async () => {
    const { resolve, check, events } = await outage()
    await resolve('web/sync', from, 'skipped')
    await check('--new', '2d', '--notify-each', '--notify-on', 'recovered', 'web/*')
    expect(events()).toMatchObject([
      { event: 'repaired', status: 'skipped', task: 'web/sync', slot: from, owner: 'Web' },
    ])
    expect(events()[0]?.['title']).toMatch(/^RECOVERED web\/sync .* \(Web\): .* skipped it at .*: looked$/)
  })
})

test('a rerun of several slots of a task sends one message at its end, unless each is asked for', async () => {
  const { store, keep, events } = ledger()
  await cronledger(['setup', '--store', store])
  const rerun = async (task: string, ...more: readonly string[]) => {
    const daily = ['--schedule', '0 3 * * *', '--from', '2026-11-23', '--owner', 'Payments']
    await cronledger(['declare', task, '--store', store, ...daily])
    const range = ['--from', '2026-11-23', '--reason', 'x', ...keep, ...more]
    return cronledger(['rerun', task, '--store', store, ...range, '--', 'true'])
  }
  expect((await rerun('nightly')).code).toBe(0)
  expect(events()).toMatchObject([
    {
      ...{ event: 'repaired', slots: 2 },
      title: expect.stringMatching(/^REPAIRED nightly: 2 missed, .* \(Payments\): all repaired at /),
    },
  ])
  expect((await rerun('hourly', ...on('recovered'))).code).toBe(0)
  expect(events().map(({ event }) => event)).toEqual(['repaired', 'completed', 'completed'])
})

test('check names the kind and the slot in the environment, in the zone of its schedule', async () => {
  const { store, told } = ledger()
  const tokyo = ['--task', 'nightly', '--schedule', '0 12 * * *', '--timezone', 'Asia/Tokyo']
  const slot = ['--since', SLOT, '--until', '2026-11-23T03:00:01Z']
  await cronledger(['setup', '--store', store])
  await cronledger(['declare', '--store', store, ...tokyo, '--from', '2026-11-01'])
  await cronledger(['check', '--store', store, ...slot, '--notify', `env > ${told}`])
  const variables = readFileSync(told, 'utf8').split('\n')
  expect(variables).toEqual(
    expect.arrayContaining([...VARIABLES, 'CRONLEDGER_RUN_KIND=missed', 'CRONLEDGER_RUN_EVENT=missed']),
  )
})

test('check sends what it found also if the reader of its output has gone', async () => {
  const { store, keep, events } = ledger()
  await cronledger(['setup', '--store', store])
  await cronledger(['declare', 'hourly', '--store', store, '--schedule', '0 * * * *', '--from', '2026-11-01'])
  const days = ['--since', '2026-11-23', '--until', '2026-11-24', '--task', 'hourly']
  const command = [process.execPath, MAIN, 'check', '--store', store, ...days, ...keep]
  // A pipe whose reader is gone before anything is printed.
  execFileSync('bash', ['-c', 'exec 3> >(exit 0); wait $!; "$@" >&3 || [ $? = 1 ]', 'bash', ...command])
  expect(events()).toMatchObject([{ event: 'digest', slots: 48 }])
})

test('check sends only the kinds that were asked for, and says in one line what goes wrong', async () => {
  const { run, store } = ledger()
  await run(['false'])
  const options = ['--notify', 'echo no >&2; exit 9', '--notify-on', 'missed']
  const { code, stderr } = await cronledger(['check', '--store', store, ...range, ...options])
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: 'cronledger: 1 of 1 notifications failed. The first failure (event missed): exit code 9: no\n',
  })
})

test('a stop leaves nothing of them behind', async () => {
  const { run, store, told, written } = ledger()
  await run(['false'])
  const options = ['--notify', `${STUBBORN} ${told}; wait`, '--notify-on', 'failed']
  const running = start(['check', '--store', store, ...range, ...options])
  const group = await written()
  running.child.kill('SIGTERM')
  expect((await running.ended).code).toBe(143)
  await expectGone(group)
})

test('--metrics prints one line a run, in a namespace, on stderr; stdout is the batch’s', async () => {
  const { run } = ledger()
  const options = ['--metrics', 'Team/Batches', '--log', 'quiet']
  const first = await run(['echo', 'paid'], options)
  const second = await run(['echo', 'paid'], options)
  expect([first.stdout, second.stdout]).toEqual(['paid\n', ''])
  expect(readEmf(first.stderr)).toMatchObject({ Claimed: '1 Count', Completed: '1 Count', Attempts: '1 Count' })
  expect(readEmf(second.stderr)).toMatchObject({ Claimed: '0 Count', Duplicate: '1 Count', Failed: '0 Count' })
  expect(JSON.parse(second.stderr)._aws.CloudWatchMetrics[0].Namespace).toBe('Team/Batches')
})

test('a line of metrics is a line of its own, also after a batch that left its last one open', async () => {
  const { run } = ledger()
  const script = 'printf "progress 50%%" >&2'
  const { stderr } = await run(['sh', '-c', script], ['--metrics', 'cronledger', '--log', 'quiet'])
  const [progress, line = ''] = stderr.trim().split('\n')
  expect(progress).toBe('progress 50%')
  expect(readEmf(line)).toMatchObject({ Completed: '1 Count' })
})
