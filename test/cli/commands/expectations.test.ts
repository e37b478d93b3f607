import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DEFAULT_SKEW_MS } from '../../../src/core/row/policy.ts'
import { cronledger, type Loose, NIGHTLY, newStore, STOPPED_CLOCK, scratch, start } from '../../support/cli.ts'
import { parseOpenMetrics } from '../../support/metrics/openmetrics.ts'

const folder = scratch()

/** A ledger of its own, whose commands run at a time of 24 November 2026, or of the day that the time names. */
function ledgerOf(more: Readonly<Record<string, string>> = {}) {
  const env = { CRONLEDGER_STORE: newStore(folder), CRONLEDGER_LOG: 'quiet', ...more }
  const at = (time: string, own: Readonly<Record<string, string>> = {}) => {
    const instant = Date.parse(time.includes('T') ? time : `2026-11-24T${time}:00Z`)
    return { env: { ...env, NODE_OPTIONS: STOPPED_CLOCK, DOCS_CLOCK: String(instant), ...own } }
  }
  const call = (time: string, args: readonly string[], own?: Readonly<Record<string, string>>) =>
    cronledger(args, at(time, own))
  /** Runs the slot of 03:00 at this time. */
  const run = (time: string, options: readonly string[] = [], command = 'true') =>
    call(time, ['run', ...NIGHTLY, ...options, '--', command])
  async function found(time: string, ...args: readonly string[]) {
    const { code, stdout, stderr } = await call(time, ['check', '--json', ...args])
    expect(stderr).toBe('')
    const kinds = (JSON.parse(stdout) as Loose[]).map(({ kind, slot }) => `${kind} ${slot.slice(8, 16)}`)
    return { code, kinds }
  }
  return { env, at, call, run, found }
}

const STATED = ['--grace', '2h', '--late-after', '10m', '--done-by', '3h', '--owner', 'the data team']

test('the expectations that a run states decide what check finds', async () => {
  const { run, found } = ledgerOf()
  await run('03:11', STATED)
  expect(await found('03:12')).toEqual({ code: 1, kinds: ['late 24T03:00'] })
  expect((await found('2026-11-25T04:59:00Z')).kinds).toEqual(['late 24T03:00'])
  expect((await found('2026-11-25T05:00:00Z')).kinds).toEqual(['missed 25T03:00', 'late 24T03:00'])
})

test('the expectations that a run states count for history, show, tasks and rerun', async () => {
  const { run, call } = ledgerOf()
  await run('03:00', STATED)
  const next = '2026-11-25T04:59:00Z'
  const slot = ['--task', 'nightly', '--slot', '2026-11-25']
  expect((await call(next, ['history', '--status', 'missed'])).stdout).toBe('No slot matches.\n')
  expect((await call(next, ['show', ...slot])).stdout).toMatch(/status +due/)
  expect((await call('2026-11-25T05:00:00Z', ['show', ...slot])).stdout).toMatch(/status +missed/)
  const range = ['--task', 'nightly', '--from', '2d', '--dry-run']
  expect((await call(next, ['rerun', ...range])).stdout).toMatch(/^Nothing to run: /)
  const [task] = JSON.parse((await call(next, ['tasks', '--json'])).stdout)
  // It is the slot that was due last, as on the page of the task.
  expect(task).toMatchObject({ last: { status: 'due' } })
  const times = { graceMs: 7_200_000, lateAfterMs: 600_000, doneByMs: 10_800_000, skewMs: DEFAULT_SKEW_MS }
  expect(task.expectations).toEqual({ ...times, owner: 'the data team', after: [], expect: null })
})

test('the expectations that a run states come from the environment too, and name the owner wherever the task needs attention', async () => {
  const { run, call } = ledgerOf()
  const own = { CRONLEDGER_OWNER: 'https://wiki.example.org/nightly', CRONLEDGER_DONE_BY: '1h' }
  const ran = await call('03:00', ['run', ...NIGHTLY, '--', 'false'], own)
  expect(ran.stderr).toMatch(/ failed .*\n {2}owner: https:\/\/wiki\.example\.org\/nightly\n {2}\S/)
  const shown = await call('03:01', ['show', '--task', 'nightly', '--slot', '2026-11-24'])
  expect(shown.stdout).toMatch(/NEXT STEPS\n {2}owner: https:\/\/wiki\.example\.org\/nightly\n {2}\S/)
  const coming = ['show', '--task', 'nightly', '--slot', '2026-11-25']
  expect((await call('03:01', coming)).stdout).not.toMatch(/owner/)
  expect((await call('2026-11-25T03:20:00Z', coming)).stdout).toMatch(
    /missed\n.*NEXT STEPS\n {2}owner: https:\/\/wiki\.example\.org\/nightly\n {2}\S/s,
  )
  const sent = join(folder, 'sent.json')
  const { stdout } = await call('03:05', ['check', '--notify', `cat > ${sent}`])
  expect(stdout).toMatch(/\n\nnightly:\n {2}owner: https:\/\/wiki\.example\.org\/nightly\n {2}see what happened: /)
  const [json] = JSON.parse((await call('03:05', ['check', '--json'])).stdout)
  expect(json.owner).toBe('https://wiki.example.org/nightly')
  expect(readFileSync(sent, 'utf8')).toContain('"owner":"https://wiki.example.org/nightly"')
  expect(await run('03:06', ['--owner', '<owner>'])).toMatchObject({ code: 64 })
})

test('the expectations that a run states do not break a rerun in the environment that has them, because a rerun states nothing', async () => {
  const own = {
    CRONLEDGER_GRACE: '2h',
    CRONLEDGER_LATE_AFTER: '1h',
    CRONLEDGER_DONE_BY: '3h',
    CRONLEDGER_OWNER: 'ops',
  }
  const { run, call } = ledgerOf(own)
  await run('03:00', ['--owner', 'the data team'], 'false')
  const rerun = ['rerun', '--task', 'nightly', '--slot', '2026-11-24', '--reason', 'fixed', '--', 'true']
  expect(await call('03:10', rerun)).toMatchObject({ code: 0, stderr: '' })
  const [task] = JSON.parse((await call('03:11', ['tasks', '--json'])).stdout)
  expect(task.expectations.owner).toBe('the data team')
})

test('the skew that a run states decides for every command when a slot without heartbeats is stale', async () => {
  const { at, call, found } = ledgerOf()
  const fifo = join(folder, 'silent')
  const batch = ['sh', '-c', `mkfifo ${fifo}; echo began; cat ${fifo}`]
  const running = start(['run', ...NIGHTLY, '--skew', '0s', '--lease', '10m', '--', ...batch], at('03:00'))
  await running.printed('began')
  expect((await found('2026-11-24T03:09:59Z')).kinds).toEqual([])
  // With the default it would be running for 10 more seconds.
  const silent = '2026-11-24T03:10:20Z'
  const asked = async (...args: readonly string[]) => (await call(silent, args)).stdout
  expect((await found(silent)).kinds).toEqual(['stale 24T03:00'])
  expect(await asked('history', '--status', 'stale')).toContain('2026-11-24T03:00:00Z')
  expect(await asked('show', 'nightly')).toMatch(/status +stale/)
  expect(await asked('tasks', '--json')).toContain('"status": "stale"')
  expect(await asked('rerun', 'nightly', '--from', '1d', '--dry-run')).toMatch(
    /Left out: 1 slot\. The batch of a stale slot may still be running[\s\S]*nightly 2026-11-24 03:00 UTC/,
  )
  const decision = ['--slot', 'latest', '--state', 'failed', '--reason', 'it hangs']
  expect(await call(silent, ['resolve', 'nightly', ...decision])).toMatchObject({ code: 0 })
  await writeFile(fifo, '')
  await running.ended
})

test('an overdue slot is found while it runs, and not after it has completed', async () => {
  const { at, call, found } = ledgerOf()
  const fifo = join(folder, 'goes-on')
  const batch = `mkfifo ${fifo}; echo began; cat ${fifo}`
  const running = start(['run', ...NIGHTLY, '--done-by', '1h', '--lease', '1d', '--', 'sh', '-c', batch], at('03:00'))
  await running.printed('began')
  expect((await found('03:59')).kinds).toEqual([])
  expect(await found('04:00')).toEqual({ code: 1, kinds: ['overdue 24T03:00'] })
  const { stdout } = await call('05:05', ['check'])
  expect(stdout.split('\n')).toEqual([
    'overdue · nightly · 03:00 UTC',
    expect.stringMatching(
      /^ {2}attempt 1 on .* has been running since 03:00:00 \(2h 5m\), and should have completed by 04:00:00$/,
    ),
    ...['', 'nightly:'],
    expect.stringMatching(/^ {2}see why it is overdue: {2}cronledger show .* --slot 2026-11-24T03:00:00Z$/),
    ...['', expect.stringMatching(/^Guide: /), '', '1 slot needs attention: 1 overdue', ''],
  ])
  await writeFile(fifo, 'go on')
  await running.ended
  expect((await found('05:06')).kinds).toEqual([])
})

test('an overdue slot has no row and is not missed yet, and history has it in its place', async () => {
  const { run, call, found } = ledgerOf()
  await run('03:00', ['--done-by', '5m', '--grace', '15m'])
  const next = '2026-11-25T03:05:00Z'
  expect((await found(next)).kinds).toEqual(['overdue 25T03:00'])
  const { stdout } = await call(next, ['history', '--json'])
  expect(JSON.parse(stdout).map(({ status, state }: Loose) => [status, state])).toEqual([
    ['overdue', null],
    ['completed', 'COMPLETED'],
  ])
  expect((await call(next, ['show', 'nightly', '--slot', 'latest'])).stdout).toMatch(/status +overdue/)
  expect((await found('2026-11-25T03:15:00Z')).kinds).toEqual(['missed 25T03:00'])
})

test('check --once, every 15 minutes, tells each finding once, and what is over', async () => {
  const { run, call } = ledgerOf()
  await run('03:00', ['--grace', '20m'])
  const told: string[] = []
  for (const day of ['24', '25']) {
    for (const time of ['03:05', '03:20', '03:35', '03:50']) {
      const instant = `2026-11-${day}T${time}:00Z`
      if (day + time === '2503:50') await run('2026-11-25T03:40:00Z')
      const { code, stdout } = await call(instant, ['check', '--once', 'ops', '--json'])
      const messages = JSON.parse(stdout) as Loose[]
      expect(code).toBe(messages.some(({ event }) => event === 'digest') ? 1 : 0)
      told.push(...messages.map(({ event, title }) => `${day}T${time} ${event} ${title}`))
    }
  }
  expect(told).toEqual(['25T03:20 digest missed · nightly · 03:00 UTC', '25T03:50 repaired over: missed · 1 task'])
})

test('check --format openmetrics has the last success, the status and the findings of each task, and the exit code of check', async () => {
  const { run, call } = ledgerOf()
  await run('03:00', ['--grace', '1h'])
  await call('03:01', ['run', '--task', 'hourly', '--schedule', '@hourly', '--', 'false'])
  const { code, stdout } = await call('03:30', ['check', '--format', 'openmetrics'])
  const samples = parseOpenMetrics(stdout)
  expect(code).toBe(1)
  const of = (name: string, wanted: (value: number) => boolean = () => true) =>
    samples
      .filter((sample) => sample.name === `cronledger_${name}` && wanted(sample.value))
      .map(({ labels, value }) => [...Object.values(labels), value].join(' '))
  expect(of('last_success_timestamp_seconds')).toEqual([`nightly ${Date.parse('2026-11-24T03:00:00Z') / 1000}`])
  expect(of('task_status', (value) => value === 1)).toEqual(['hourly failed 1', 'nightly completed 1'])
  expect(of('findings', (value) => value > 0)).toEqual(['hourly failed 1'])
  expect(of('findings')).toHaveLength(14)
})

test('check --format openmetrics refuses a flag that would have no effect, and takes the environment that has one', async () => {
  const { run, call } = ledgerOf()
  await run('03:00')
  for (const flag of [
    ['--once', 'ops'],
    ['--notify', 'true'],
  ]) {
    const { code, stderr } = await call('03:01', ['check', '--format', 'openmetrics', ...flag])
    expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringContaining(`${flag[0]} has no effect with`) })
  }
  const own = { CRONLEDGER_NOTIFY: 'true', CRONLEDGER_NEW: '15m' }
  expect((await call('03:01', ['check', '--format', 'openmetrics'], own)).code).toBe(0)
})
