import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commandsAt, newStore, scratch } from '../../support/cli.ts'

const folder = scratch()
const { cronledger } = commandsAt('2026-11-26T12:00:00Z')

/** A ledger, and the variables of the container of a batch that has not run yet. */
async function container(more: Readonly<Record<string, string>> = {}, command = cronledger) {
  const env = {
    CRONLEDGER_STORE: newStore(folder),
    CRONLEDGER_TASK: 'nightly',
    CRONLEDGER_SCHEDULE: '0 3 * * *',
    CRONLEDGER_TIMEZONE: 'Asia/Tokyo',
    CRONLEDGER_OWNER: 'the night team',
    ...more,
  }
  const call = (...args: string[]) => command(args, { env })
  expect((await call('setup')).code).toBe(0)
  return call
}

// promise: declared
test('a first trigger that never came is missed, and the slot can be run', async () => {
  const call = await container()
  const declared = await call('declare', '--from', '2d')
  expect(declared).toMatchObject({ code: 0, stderr: '' })
  expect(declared.stdout).toMatch(
    /^nightly: declared\n {2}schedule {4}0 3 \* \* \* \(Asia\/Tokyo\), since .*, no scheduled run yet\n/,
  )
  expect(declared.stdout.match(/T18:00:00Z {2}.* 03:00 Asia\/Tokyo\n/g)).toHaveLength(5)
  expect((await call('declare')).stdout).toMatch(/^nightly: not changed: it is recorded already\n/)
  const found = await call('check')
  expect(found.code).toBe(1)
  expect(found.stdout).toMatch(
    /^missed · nightly · 2 slots · .*\n {2}the night team: latest: was due .* ago, and no scheduled run of this task is recorded at all\n/,
  )
  expect(found.stdout).toContain('owner: the night team')
  const ran = await call('rerun', '--slot', 'latest', '--reason', 'the rule was off', '--', 'echo', 'ran')
  expect(ran).toMatchObject({ code: 0, stdout: 'ran\n' })
})

// promise: declared
test('a change that is declared ahead: the runs before it go on, and its first run confirms it', async () => {
  const call = await container()
  const eventTime = ['--event-time', '2026-11-24T18:00:00Z']
  expect((await call('run', ...eventTime, '--', 'true')).code).toBe(0)
  const changed = await call('declare', '--schedule', '0 5 * * *', '--from', '2099-01-01', '--json')
  const { changed: isChanged, schedules } = JSON.parse(changed.stdout)
  expect({ isChanged, schedules }).toEqual({
    isChanged: true,
    schedules: [
      { since: expect.any(String), schedule: '0 3 * * *', zone: 'Asia/Tokyo' },
      { since: '2098-12-31T15:00:00Z', schedule: '0 5 * * *', zone: 'Asia/Tokyo', declared: 'unconfirmed' },
    ],
  })
  const again = await call('run', ...eventTime, '--strict', '--log', 'text', '--', 'true')
  expect(again.stderr).toContain('duplicate trigger ignored')
  expect((await call('tasks', 'nightly')).stdout).toMatch(
    / {2}then {7}0 5 \* \* \* \(Asia\/Tokyo\), from 2098-12-31T15:00:00Z on/,
  )
})

test('a dry run says what would be recorded and which days run twice or never, and records nothing', async () => {
  const call = await container()
  expect((await call('run', '--event-time', '2026-11-24T18:00:00Z', '--', 'true')).code).toBe(0)
  const change = ['declare', '--schedule', '30 4 * * *', '--dry-run', '--from']
  const { code, stdout } = await call(...change, '2026-12-01T04:00')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^nightly: would change. This dry run recorded nothing\n {2}schedule {4}0 3 /)
  expect(stdout).toMatch(/^ {2}then {8}30 4 \* \* \* \(Asia\/Tokyo\), from 2026-11-30T19:00:00Z on/m)
  expect(stdout).toMatch(
    /^ {2}effect {6}2026-12-01 runs twice: it has 1 slot under the old schedule, and 1 slot under/m,
  )
  expect((await call(...change, '2026-12-01')).stdout).toMatch(/^ {2}effect {6}none: no day, week, month or year runs/m)
  const affected = [{ unit: 'day', name: '2026-12-01', runs: 2, withFrom: 1, withTo: 1 }]
  expect(JSON.parse((await call(...change, '2026-12-01T04:00', '--json')).stdout)).toMatchObject({ affected })
  expect((await call('tasks', 'nightly')).stdout).not.toContain('30 4')
})

test('an expectation that is empty is removed from the record, and one that is left out stays', async () => {
  const call = await container({ CRONLEDGER_EXPECT: '' })
  const expectations = async (...args: string[]) => {
    expect(await call('declare', ...args)).toMatchObject({ code: 0, stderr: '' })
    return JSON.parse((await call('tasks', '--json')).stdout)[0].expectations
  }
  const all = ['--grace', '1h', '--late-after', '5m', '--done-by', '2h', '--expect', 'rows>=1', '--after', 'self']
  const given = {
    graceMs: 3_600_000,
    lateAfterMs: 300_000,
    doneByMs: 7_200_000,
    owner: 'the night team',
    expect: 'rows>=1',
    after: ['self'],
  }
  expect(await expectations(...all)).toMatchObject(given)
  // The variable of --expect is empty.
  expect(await expectations('--after', '')).toMatchObject({ ...given, expect: null, after: [] })
  const emptied = ['--grace', '', '--late-after=', '--done-by', '', '--owner', '']
  expect(await expectations(...emptied)).toMatchObject({
    ...{ graceMs: 900_000, lateAfterMs: null, doneByMs: null, owner: null, expect: null, after: [] },
  })
  expect(await call('run', '--after', '', '--', 'true')).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('--after has no value'),
  })
})

test('declare takes a task of --after that is not recorded yet, with a note: a deployment may declare its tasks in any order', async () => {
  const call = await container()
  const note = 'task extract of --after is not recorded yet. Until it is, a run is a usage error (64)'
  expect(await call('declare', 'load', '--after', 'extract')).toMatchObject({
    ...{ code: 0, stderr: '', stdout: expect.stringContaining(note) },
  })
  const json = async () => JSON.parse((await call('declare', 'load', '--after', 'extract', '--json')).stdout)
  expect(await json()).toMatchObject({ changed: false, unknownAfter: ['extract'] })
  expect(await call('run', 'load', '--after', 'extract', '--', 'true')).toMatchObject({
    ...{ code: 64, stderr: expect.stringContaining('task extract of --after is unknown') },
  })
  expect((await call('declare', 'extract', '--after', 'load')).stderr).toContain('extract after load after extract')
  expect((await call('declare', 'extract')).stdout).toContain('extract: declared\n')
  expect(await json()).not.toHaveProperty('unknownAfter')
  expect((await call('tasks', 'load')).stdout).toMatch(/^ {2}after {6}extract$/m)
  const prefix = await call('declare', 'load', '--after', 'imp/*')
  expect(prefix.stdout).toContain('note        a task imp/* of --after is not recorded yet')
})

test('declare is refused without a schedule, and where it would change the past', async () => {
  const call = await container()
  expect((await call('run', '--', 'true')).code).toBe(0)
  const past = await call('declare', '--schedule', '@hourly', '--from', '2d')
  expect(past).toMatchObject({ code: 64, stdout: '', stderr: expect.stringMatching(/: from \S+ is in the past, and /) })
  const none = await cronledger(['declare', 'nightly', '--store', 'file:x.db'])
  expect(none).toMatchObject({ code: 64, stderr: expect.stringContaining('--schedule is missing') })
})

test('each change keeps who made it, when, why, before and after: by declare and by a run', async () => {
  const store = { CRONLEDGER_STORE: `file:${join(folder, 'changes.db')}` }
  const call = await container(store)
  const later = await container(store, commandsAt('2026-11-28T12:00:00Z').cronledger)
  expect((await call('run', '--event-time', '2026-11-25T18:00:00Z', '--', 'true')).code).toBe(0)
  const by = ['--by', 'ada', '--reason', 'the files come later']
  const change = ['declare', '--schedule', '0 5 * * *', '--owner', 'Payments', '--from', '2026-11-27']
  expect((await call(...change, ...by)).code).toBe(0)
  expect((await call(...change, '--by', 'bob')).code).toBe(0)
  const due = ['--event-time', '2026-11-26T20:00:00Z']
  expect((await later('run', ...due, '--schedule', '0 5 * * *', '--grace', '5m', '--', 'true')).code).toBe(0)
  const { stdout } = await later('report', '--since', '2026-11-01', '--format', 'json', '--out', '-')
  const [ofRun, ...others] = JSON.parse(stdout).tasks[0].changes.reverse()
  expect(ofRun).toEqual({
    ...{ at: expect.any(String), from: '2026-11-26T20:00:00Z', by: 'cronledger' },
    reason: expect.stringMatching(/^stated by run [0-9a-f]+ of slot 2026-11-26T20:00:00Z$/),
    before: { owner: 'Payments' },
    after: { owner: 'the night team', graceMs: 300_000 },
  })
  expect(others).toEqual([
    {
      ...{ at: expect.stringMatching(/^2026-11-26T12:00/), by: 'ada', reason: 'the files come later' },
      from: '2026-11-26T15:00:00Z',
      before: { schedule: '0 3 * * *', owner: 'the night team' },
      after: { schedule: '0 5 * * *', owner: 'Payments' },
    },
  ])
  const page = await later('report', '--since', '2026-11-01', '--out', '-')
  expect(page.stdout).toContain('schedule 0 3 * * * to 0 5 * * *, owner the night team to Payments')
})
