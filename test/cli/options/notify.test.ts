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
import { commandsAt, type Ended, type Loose, MAIN, NIGHTLY, type Options, refused, scratch } from '../../support/cli.ts'
import { readEmf } from '../../support/metrics/emf.ts'

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

test('a forced run on a host has the owner of the task in its title', async () => {
  const { run, store, keep, events } = ledger()
  await run(['sh', '-c', 'exit 3'], ['--owner', 'Team Payments'])
  const again = ['rerun', 'nightly', '--store', store, '--slot', SLOT, '--reason', 'again', ...keep]
  // The clock of the test stands still, so the failure seems to come after the decision to run the slot again.
  expect(await cronledger([...again, '--', 'true'])).toMatchObject({ code: 65 })
  expect(events()[0]?.['title']).toMatch(/^REFUSED nightly 11-23 03:00 UTC \(Team Payments\): /)
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

test('check sends one digest of several findings, which names no slot in the environment, and its output and exit code stay', async () => {
  const { store, told, events } = ledger()
  await cronledger(['setup', '--store', store])
  for (const task of ['a', 'b', 'c', 'd']) {
    const schedule = task === 'd' ? '@daily' : '0 3-5 * * *'
    const owner = ['--owner', `${task} team`]
    await cronledger(['declare', task, '--store', store, '--schedule', schedule, '--from', '2026-11-01', ...owner])
  }
  const day = ['--since', '2026-11-22T12:00:00Z', '--until', '2026-11-23T05:00:00Z']
  const notify = ['--notify', `cat >>${told}; env | grep ^CRONLEDGER_RUN | sort >&2; exit 3`]
  const plain = await cronledger(['check', '--store', store, ...day])
  const { stderr, ...ended } = await cronledger(['check', '--store', store, ...day, ...notify])
  expect(stderr).toContain('(event digest): exit code 3')
  expect({ ...ended, stderr: '' }).toEqual(plain)
  expect(events()).toMatchObject([
    {
      title:
        'missed · 3 tasks · 6 slots · 11-23 03:00 to 04:00 UTC · still: 3 tasks (a team 1 task, b team 1 task, c team 1 task) · and 1 other problem',
      ...{ event: 'digest', slots: 7, tasks: 4 },
      problems: [
        { kind: 'missed', slots: 6, still: 3, tasks: [{ task: 'a', owner: 'a team', slots: 2, still: true }, {}, {}] },
        { title: 'missed · d · 11-23 00:00 UTC', slots: 1, teams: { 'd team': 1 } },
      ],
      command: `cronledger check --store ${store} --since 2026-11-22T12:00:00Z --commands`,
      message: expect.stringMatching(/^missed .*\n {2}a team · 1 task: a\n/),
    },
  ])
  const never = await cronledger(['check', '--store', store, ...day, ...notify, '--notify-on', 'started,succeeded'])
  expect(never).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('--notify-on has no kind that this command sends.'),
  })
})

test('a rerun of several slots of a task sends nothing of what it repaired, unless that is asked for', async () => {
  const { store, keep, events } = ledger()
  await cronledger(['setup', '--store', store])
  const rerun = async (task: string, ...more: readonly string[]) => {
    const daily = ['--schedule', '0 3 * * *', '--from', '2026-11-23', '--owner', 'Payments']
    await cronledger(['declare', task, '--store', store, ...daily])
    const range = ['--from', '2026-11-23', '--reason', 'x', ...keep, ...more]
    return cronledger(['rerun', task, '--store', store, ...range, '--', 'true'])
  }
  expect((await rerun('nightly')).code).toBe(0)
  expect(events()).toEqual([])
  expect((await rerun('hourly', ...on('recovered'))).code).toBe(0)
  expect(events().map(({ event }) => event)).toEqual(['completed', 'completed'])
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
