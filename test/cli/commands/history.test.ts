import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { addRejection, NO_NOTES } from '../../../src/core/row/rejections.ts'
import type { Ending, Row } from '../../../src/core/types.ts'
import { openFileStore } from '../../../src/store/file/file-store.ts'
import { commandsAt, type Loose, MAIN, type Options, scratch } from '../../support/cli.ts'
import { seedLedger } from '../../support/pages/big-ledger.ts'
import { onTerminal } from '../../support/processes/terminal.ts'
import { FAILED, rowWith, SUCCEEDED } from '../../support/rows.ts'

const folder = scratch()
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const TODAY = Date.parse('2026-11-25T00:00:00Z')
const NOW = TODAY + 12 * HOUR_MS
const { cronledger } = commandsAt(new Date(NOW).toISOString())

function rowAt(
  slot: number | string,
  wish: { task?: string; ending?: Ending | null; rejected?: number; zone?: string } = {},
): Row {
  const at = typeof slot === 'number' ? slot : Date.parse(slot)
  const { task = 'nightly', ending = SUCCEEDED, rejected = 0, zone = 'UTC' } = wish
  const row = rowWith(ending === null ? {} : { ending })
  let notes = NO_NOTES
  for (let index = 0; index < rejected; index += 1) {
    const trigger = { kind: 'scheduled', eventTime: at, source: 'clock' } as const
    notes = addRejection(notes, { runId: `dup${index}`, kind: 'duplicate', cause: 'completed', at, trigger, host: 'b' })
  }
  const { rejectedBy: _, ...rejections } = notes
  const schedule = { expression: '0 3 * * *', zone }
  const times = { startedAt: at + 5_000, ...(ending !== null && { endedAt: at + 6_000 }) }
  const attempts = row.attempts.map((one) => ({ ...one, ...times }))
  return { ...row, task, slot: at, windowEnd: at + DAY_MS, schedule, rejections, attempts } as Row
}

/**
 * A heap in which the program has room, and 50,000 rows have none: Node ends with an error there. The peak of a process's
 * memory would say less, since it depends on how late a version of Node collects its garbage.
 */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=24' }

let ledgers = 0
function ledgerOf(rows: Iterable<Row>): string {
  const path = join(folder, `ledger-${++ledgers}.db`)
  seedLedger(path, rows)
  return `file:${path}`
}

async function slots(store: string, args: readonly string[]): Promise<string[]> {
  const recorded = args.includes('--status') ? [] : ['--status', 'recorded']
  const ended = await cronledger(['history', '--store', store, ...recorded, '--format', 'json', ...args])
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(ended.stdout).map(({ task, slot }: Loose) => (task === 'nightly' ? slot : `${task} ${slot}`))
}

describe('what is shown of a task', () => {
  let store = ''
  beforeAll(() => {
    store = ledgerOf([
      rowAt('2026-01-01T03:00:00Z', { rejected: 2 }),
      rowAt('2026-01-02T03:00:00Z', { ending: FAILED }),
      rowAt('2026-01-03T03:00:00Z', { ending: null }),
      rowAt('2026-01-04T03:00:00Z'),
      rowAt('2026-01-04T03:00:00Z', { task: 'other' }),
    ])
  })

  test.each([
    ['', [4, 3, 2, 1]],
    ['--limit 2', [4, 3]],
    ['--limit 0', [4, 3, 2, 1]],
    ['--since 2026-01-02T03:00:00Z --until 2026-01-03T03:00:00Z', [2]],
    ['--since 2026-01-02 --until 2026-01-03', [3, 2]],
    ['--status completed', [4, 1]],
    ['--status FAILED,stale', [3, 2]],
    ['--status running,waiting', []],
    ['--status completed --limit 1 --since 2026-01-01 --until 2026-01-03', [1]],
    ['--status rejected', [1]],
    ['--status rejected,failed', [2, 1]],
  ])('what is shown of a task: %s', async (options, expected) => {
    const shown = await slots(store, ['--task', 'nightly', ...options.split(' ').filter(Boolean)])
    expect(shown.map((slot) => Number(slot.slice(8, 10)))).toEqual(expected)
  })

  test.each([
    [
      ['--status', 'stal'],
      /status "stal" is not allowed. Did you mean stale\? Use running, waiting, stale, completed, failed, skipped, missed/,
    ],
    [['--format', 'xml'], /--format "xml" is not allowed. Use table, json, ndjson or csv/],
    [['--format', 'csv', '--json'], /--json and --format csv cannot be used together/],
    [['--json', '--json'], /--json is given more than once/],
    [['--timezone', 'Asia/Tokyo'], /--timezone is the time zone of --since and --until, and neither is given\./],
  ])('history with %j is a usage error', async (args, message) => {
    const ended = await cronledger(['history', '--store', store, '--task', 'nightly', ...args])
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 64, stdout: '' })
    expect(ended.stderr).toMatch(message)
  })

  test('a flag for the format beats the environment', async () => {
    const print = async (args: readonly string[], env: Options['env']) =>
      (await cronledger(['history', '--store', store, '--limit', '1', ...args], { env: env ?? {} })).stdout
    expect(await print(['--json'], { CRONLEDGER_FORMAT: 'csv' })).toMatch(/^\[/)
    expect(await print(['--format', 'csv'], { CRONLEDGER_JSON: 'true' })).toMatch(/^slot,task,/)
  })

  test('a date is one of the zone of the task', async () => {
    const tokyo = ledgerOf([
      rowAt('2026-01-01T14:59:59Z', { zone: 'Asia/Tokyo' }),
      rowAt('2026-01-01T15:00:00Z', { zone: 'Asia/Tokyo' }),
    ])
    const day = (date: string) => slots(tokyo, ['--task', 'nightly', '--since', date, '--until', date])
    expect(await day('2026-01-02')).toEqual(['2026-01-01T15:00:00Z'])
    expect(await day('2026-01-01')).toEqual(['2026-01-01T14:59:59Z'])
  })

  test('a field that no slot has reported is said in a line, with the nearest one', async () => {
    const own = ledgerOf([rowAt('2026-01-01T15:00:00Z', { ending: { ...SUCCEEDED, report: '{"rows":7}' } })])
    const args = ['--task', 'nightly', '--status', 'completed', '--fields', 'rows,rowz']
    const ended = await cronledger(['history', '--store', own, ...args])
    expect(ended.stdout).toMatch(/ rows {2}rowz\n.* 7 *\n/)
    expect(ended.stderr).toBe('cronledger: none of these slots has reported rowz.\n')
  })

  test('what is shown of a task: every format', async () => {
    const print = async (format: string) =>
      (await cronledger(['history', '--store', store, '--task', 'nightly', '--status', 'recorded', '--format', format]))
        .stdout
    const rows: Loose[] = JSON.parse(await print('json'))
    const ndjson = (await print('ndjson')).trimEnd().split('\n')
    expect(ndjson.map((line) => JSON.parse(line))).toEqual(rows)
    expect((await print('csv')).trimEnd().split('\n')).toHaveLength(1 + rows.length)
    const table = await print('table')
    expect(table.trimEnd().split('\n')).toHaveLength(2 + rows.length)
    expect(table).toMatch(
      /^SLOT \(UTC\) .*\n2026-01-04T03:00:00Z {2}2026-01-04 03:00 UTC {2}completed {9}1 {8}1s {9}0\n/,
    )
  })

  test('a table without a limit has 20 slots and says so, and a program gets all slots', async () => {
    const many = ledgerOf(Array.from({ length: 21 }, (_, index) => rowAt(TODAY - index * DAY_MS)))
    const print = (...args: string[]) =>
      cronledger(['history', '--store', many, '--task', 'nightly', '--status', 'recorded', ...args])
    const cut = await print()
    expect(cut.stdout.trimEnd().split('\n')).toHaveLength(22)
    expect(cut.stdout).toMatch(/\n20 slots: 20 completed; 0 rejected\n$/)
    expect(cut.stderr).toBe('cronledger: only the newest 20 slots are shown. Use --limit 0 to show all of them.\n')
    const whole = new Date(TODAY - 19 * DAY_MS).toISOString()
    for (const args of ['--limit=20', '--limit=0', `--since=${whole}`]) {
      expect(await print(args)).toMatchObject({ code: 0, stderr: '' })
    }
    for (const [format, lines] of Object.entries({ json: 23, ndjson: 21, csv: 22 })) {
      const { stdout, stderr } = await print('--format', format)
      expect({ lines: stdout.trimEnd().split('\n').length, stderr }).toEqual({ lines, stderr: '' })
    }
  })

  test('no slot: a sentence in a table, and an empty answer for a program', async () => {
    const print = (args: readonly string[]) =>
      cronledger(['history', '--store', store, '--task', 'nightly', '--since', '2027-01-01', ...args])
    expect(await print([])).toMatchObject({ code: 0, stdout: 'No slot of nightly matches.\n' })
    expect(await print(['--json'])).toMatchObject({ code: 0, stdout: '[]\n' })
    expect(await print(['--format', 'ndjson'])).toMatchObject({ code: 0, stdout: '' })
    const all = await cronledger(['history', '--store', store])
    // This ledger has rows, and no task record.
    expect(all.stdout).toMatch(/^No tasks yet\. Run your first one: cronledger run --store \S+ --task NAME /)
  })

  test('an unknown task is an error', async () => {
    const ended = await cronledger(['history', '--store', store, '--task', 'nigthly', '--format', 'csv'])
    // The ledger has no task record, so there is no name to suggest.
    expect(ended).toMatchObject({
      ...{ code: 64, stdout: '' },
      stderr:
        'cronledger: unknown task: nigthly. No task is recorded in this ledger. Is this the right --store? To record a task before its first run: cronledger declare\n',
    })
  })

  test('missed slots of a task whose schedule is not recorded are not shown, and a line says why', async () => {
    const print = (...args: string[]) =>
      cronledger(['history', '--store', store, '--task', 'nightly', '--format', 'csv', ...args])
    const shown = await print()
    expect(shown).toMatchObject({ code: 0, stdout: (await print('--status', 'recorded')).stdout })
    expect(shown.stderr).toBe(
      'cronledger: missed slots are not shown: no schedule is recorded for task nightly, because no scheduled run of it was recorded. Record its schedule: cronledger declare nightly --schedule EXPR\n',
    )
  })
})

describe('all tasks, by day', () => {
  const store = ledgerOf([
    ...[0, 1, 6, 8].flatMap((ago) => [
      rowAt(TODAY - ago * DAY_MS + 3 * HOUR_MS, { task: 'a', ending: ago === 1 ? FAILED : SUCCEEDED }),
      rowAt(TODAY - ago * DAY_MS + 2 * HOUR_MS, { task: 'b/c' }),
    ]),
    rowAt(TODAY + DAY_MS, { task: 'a' }),
  ])
  const ages = async (args: readonly string[]) =>
    (await slots(store, args)).map((text) => {
      const [task, slot = ''] = text.split(' ')
      return `${task}${Math.floor((TODAY + 3 * HOUR_MS - Date.parse(slot)) / DAY_MS)}`
    })

  test('history of all tasks has seven days and today, the newest slot first', async () => {
    expect(await ages([])).toEqual(['a0', 'b/c0', 'a1', 'b/c1', 'a6', 'b/c6'])
  })

  test('history of all tasks of other days, filtered and limited', async () => {
    expect(await ages(['--limit', '1'])).toEqual(['a0'])
    expect(await ages(['--since', '10d', '--limit', '7'])).toEqual(['a0', 'b/c0', 'a1', 'b/c1', 'a6', 'b/c6', 'a8'])
    expect(await ages(['--status', 'failed'])).toEqual(['a1'])
    expect(await ages(['b/*'])).toEqual(['b/c0', 'b/c1', 'b/c6'])
    const at = (second: string) => `${new Date(TODAY - DAY_MS).toISOString().slice(0, 10)}T03:00:${second}Z`
    expect(await ages(['--since', at('00'), '--until', at('01')])).toEqual(['a1'])
    expect(await ages(['--since', at('01'), '--until', at('59')])).toEqual([])
  })

  test('history of all tasks in a table has the task', async () => {
    const { stdout } = await cronledger(['history', '--store', store, '--limit', '2'])
    expect(stdout.split('\n')[0]).toMatch(/^SLOT \(UTC\) +TASK +LOCAL TIME/)
    expect(stdout.split('\n')[2]).toMatch(/Z +b\/c +/)
  })
})

describe('slots without a row', () => {
  /** Writes the schedules of tasks into their records, as a run does. */
  async function record(
    store: string,
    tasks: Readonly<Record<string, readonly Loose[]>>,
    before: 'absent' | 1 = 'absent',
  ) {
    const open = openFileStore(store.slice('file:'.length))
    const version = before === 'absent' ? 1 : 2
    for (const [task, schedules] of Object.entries(tasks)) {
      const call = { signal: AbortSignal.timeout(120_000) }
      const entry = { version, document: { schemaVersion: 2, schedules } }
      await open.writeEntry({ kind: '#task', task }, entry, before, call)
    }
    open.close()
  }
  const since = (ago: number) => new Date(TODAY - ago * DAY_MS + 3 * HOUR_MS).toISOString().replace('.000', '')
  const slot = (ago: number) => TODAY - ago * DAY_MS + 3 * HOUR_MS

  async function ledger(): Promise<string> {
    const store = ledgerOf([
      rowAt(slot(9)),
      rowAt(slot(6), { ending: FAILED }),
      rowAt(slot(4)),
      rowAt(slot(4), { task: 'other' }),
      rowAt(slot(2), { task: 'unknown' }),
    ])
    const schedule = { schedule: '0 3 * * *', zone: 'UTC' }
    await record(store, { nightly: [{ ...schedule, since: since(12) }], other: [{ ...schedule, since: since(4) }] })
    return store
  }
  const items = async (store: string, args: readonly string[]) => {
    const all = ['history', '--store', store, '--format', 'ndjson', '--limit', '0', ...args]
    const { stdout, stderr } = await cronledger(all)
    expect(stderr).toBe('')
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line): Loose => JSON.parse(line))
      .map(({ task, status, slot: at }) => `${status} ${task} ${(slot(0) - Date.parse(at)) / DAY_MS}`)
  }
  const until = ['--until', since(1)]

  test('a schedule that this version cannot read hides no row, and a line says so', async () => {
    const store = await ledger()
    await record(store, { other: [{ schedule: 'every full moon', zone: 'UTC', since: since(3) }] }, 1)
    const shown = await cronledger(['history', '--store', store, '--format', 'csv', ...until])
    expect(shown.code).toBe(0)
    expect(shown.stdout).toMatch(/^[^,]+,other,.*,completed,/m)
    expect(shown.stdout).toMatch(/^[^,]+,nightly,.*,missed,/m)
    expect(shown.stderr).toMatch(/^cronledger: missed slots are not shown: task other: schedule "every full moon".*\n$/)
    const asked = await cronledger(['history', '--store', store, '--status', 'missed'])
    expect(asked.stdout.match(/nightly .* missed/g)).toHaveLength(6)
    expect(asked.code).toBe(78)
  })

  test('an empty ledger says how to run the first task', async () => {
    const { code, stdout } = await cronledger(['history', '--store', ledgerOf([])])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^No tasks yet\. Run your first one: cronledger run --store file:\S+ --task NAME --schedule '0 3 \* \* \*' -- YOUR_COMMAND\n$/,
    )
  })

  test('no slots in the default range of all tasks: how to look further back', async () => {
    const store = ledgerOf([])
    const once = { schedule: 'at(2020-01-01T00:00:00)', zone: 'UTC', since: '2020-01-01T00:00:00Z' }
    await record(store, { old: [once] })
    const { stdout } = await cronledger(['history', '--store', store])
    expect(stdout).toBe('No slots in the last 7 days. To look further back, use --since.\n')
  })

  test('slots without a row stand among the rows of a task, from its first row on, or from --since on', async () => {
    const store = await ledger()
    const task = ['--task', 'nightly', ...until]
    const states = ['--status', 'missed,failed,completed']
    expect(await items(store, [...task, ...states])).toEqual([
      ...['missed nightly 2', 'missed nightly 3', 'completed nightly 4', 'missed nightly 5', 'failed nightly 6'],
      ...['missed nightly 7', 'missed nightly 8', 'completed nightly 9'],
    ])
    expect(await items(store, [...task, '--status', 'missed', '--since', since(30)])).toEqual(
      [2, 3, 5, 7, 8, 10, 11, 12].map((ago) => `missed nightly ${ago}`),
    )
    expect(await items(store, [...task, '--status', 'recorded'])).toEqual(
      [4, 6, 9].map((ago) => `${ago === 6 ? 'failed' : 'completed'} nightly ${ago}`),
    )
  })

  test('slots without a row stand among the rows of all tasks with a task record', async () => {
    const store = await ledger()
    expect(await items(store, ['--status', 'missed,failed,completed', ...until])).toEqual([
      ...['completed unknown 2', 'missed nightly 2', 'missed other 2', 'missed nightly 3', 'missed other 3'],
      ...['completed other 4', 'completed nightly 4', 'missed nightly 5', 'failed nightly 6', 'missed nightly 7'],
      'missed nightly 8',
    ])
  })

  test('slots without a row of a task that has not run yet are missed, if it is declared', async () => {
    const store = await ledger()
    const date = since(5).slice(0, 10)
    const own = ['--schedule', '0 9,21 * * *', '--timezone', 'Asia/Tokyo', '--from', date]
    expect((await cronledger(['declare', 'new', '--store', store, ...own])).code).toBe(0)
    // 21:00 and 09:00 of that day in Tokyo.
    const missed = ['missed new 4.625', 'missed new 5.125']
    expect(await items(store, ['--task', 'new', '--since', date, '--until', date])).toEqual(missed)
    expect((await items(store, ['--task', 'new', '--status', 'missed'])).slice(-2)).toEqual(missed)
  })

  test('slots without a row are missed only past the grace', async () => {
    const store = ledgerOf([rowAt(TODAY - 10 * DAY_MS)])
    const minutes = ['--schedule', '* * * * *', '--from', '2d']
    expect((await cronledger(['declare', 'nightly', '--store', store, ...minutes])).code).toBe(0)
    const newest = ['--task', 'nightly', '--status', 'missed', '--since', '2d', '--json', '--limit', '1']
    const { stdout } = await cronledger(['history', '--store', store, ...newest])
    expect(NOW - Date.parse(JSON.parse(stdout)[0].slot)).toBe(15 * 60_000)
  })

  test.each([
    [
      ['--task', 'unknown'],
      /no schedule is recorded for task unknown, .*Record its schedule: cronledger declare unknown/,
    ],
    [
      ['--task', 'billing'],
      /unknown task: billing. No run of it is recorded, so its slots are free. To list the tasks of this ledger, run: cronledger tasks/,
    ],
  ])('history with %j is a usage error, in a line', async (args, message) => {
    const ended = await cronledger(['history', '--store', await ledger(), '--status', 'missed', ...args])
    expect(ended).toMatchObject({ code: 64, stdout: '', stderr: expect.stringMatching(message) })
    expect(ended.stderr.trim().split('\n')).toHaveLength(1)
  })
})

test('more than ten years of all tasks are refused, not asked for day by day', async () => {
  const ended = await cronledger(['history', '--store', ledgerOf([]), '--since', '1990-01-01'])
  expect(ended).toMatchObject({
    code: 64,
    stderr: expect.stringMatching(/since is \d+ days before until\. .*3660 days/),
  })
})

describe('50,000 rows', () => {
  const ROWS = 50_000
  const first = Date.UTC(2026, 0, 1)
  let args: readonly string[] = []
  let path = ''
  beforeAll(() => {
    path = join(folder, 'big.db')
    seedLedger(
      path,
      (function* () {
        for (let index = 0; index < ROWS; index += 1)
          yield rowAt(first + index * 60_000, { rejected: index === 0 ? 1 : 0 })
      })(),
    )
    args = ['history', '--store', `file:${path}`, '--task', 'nightly', '--status', 'recorded']
  })

  test.each([
    ['json', 2],
    ['table', 2],
  ])('50,000 rows as %s: all of them, in constant memory', async (format, more) => {
    const { code, stdout, stderr } = await cronledger([...args, '--limit', '0', '--format', format], {
      env: SMALL_HEAP,
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(ROWS + more)
    expect(lines.filter((line) => line.includes('2026-01-01T00:00:00Z')).length).toBeGreaterThan(0)
  })

  test.each(['table', 'ndjson'])('50,000 rows as %s: a closed pipe ends it well', async (format) => {
    const command = `"$@" | head -n 1; echo "\${PIPESTATUS[0]}"`
    const words = [process.execPath, MAIN, ...args, '--limit', '0', '--format', format]
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command, 'bash', ...words])
    expect(stdout.split('\n').slice(1, 2)).toEqual(['0'])
    expect(stderr).toBe('')
  })

  test('Ctrl-C ends a history while the reader does not read', async () => {
    const child = spawn(process.execPath, [MAIN, ...args, '--limit', '0', '--format', 'ndjson'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    // Readable, and not read: the pipe is full by then or soon.
    await once(child.stdout, 'readable')
    child.kill('SIGINT')
    const [code] = await once(child, 'exit')
    expect(code).toBe(130)
    expect(child.stderr.read()).toBeNull()
  })

  test('Ctrl-C ends a history while nothing that it finds is wanted', async () => {
    // Its own signal, after the head of the table is written, finds it searching, however fast it is.
    const preload = `const { stdout } = process, { write } = stdout
      stdout.write = (text, done) =>
        write.call(stdout, text, (error) => { process.kill(process.pid, 'SIGINT'); done(error) })`
    const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(preload)}` }
    const search = [...args.slice(0, -1), 'rejected', '--format', 'csv']
    expect(await cronledger(search, { env })).toMatchObject({ code: 130, stderr: '' })
  })

  test('a full disk is said in a line', async () => {
    const command = `"$@" --limit 0 --format csv > /dev/full`
    const failure = await promisify(execFile)('bash', ['-c', command, 'bash', process.execPath, MAIN, ...args]).catch(
      (error) => error,
    )
    expect(failure).toMatchObject({
      code: 75,
      stderr: expect.stringMatching(/^cronledger: standard output cannot be written: ENOSPC.*\n$/),
    })
  })
})

test.runIf(process.getuid?.() === 0)(
  'history of a ledger of another user: 77, with the user who may look at it',
  async () => {
    chmodSync(folder, 0o755)
    const path = join(folder, 'private', 'ledger.db')
    mkdirSync(dirname(path), { mode: 0o755 })
    seedLedger(path, [rowAt('2026-01-01T03:00:00Z')])
    for (const closed of [path, dirname(path)]) {
      const ended = await cronledger(['history', '--store', `file:${path}`], { uid: 65_534, gid: 65_534 })
      expect(ended).toMatchObject({
        code: 77,
        stderr: `cronledger: file ledger "${path}" belongs to root, and this user has no access to it. Run the command as root, for example: sudo -u root cronledger check --store file:${path}\n`,
      })
      expect(ended.stdout, closed).toBe('')
      chmodSync(dirname(path), 0o700)
    }
  },
)

describe('on a terminal', () => {
  const store = ledgerOf([rowAt('2026-01-01T03:00:00Z', { zone: 'America/Argentina/Buenos_Aires' })])
  const shown = async (columns: number, env: Record<string, string> = {}): Promise<string[]> => {
    const args = ['history', '--store', store, '--task', 'nightly', '--status', 'recorded']
    return (await onTerminal(args, env, columns)).trimEnd().split('\r\n')
  }

  test('history on a terminal of 60 columns has no longer line, and states have colour', async () => {
    const lines = await shown(60)
    expect(lines).toHaveLength(4)
    expect(lines[1]).toContain('\u001b[32mcompleted\u001b[0m')
    expect(lines.every((line) => stripVTControlCharacters(line).length <= 60)).toBe(true)
  })

  test('history on a terminal of 200 columns has everything, and with NO_COLOR no colour', async () => {
    const [head, line] = await shown(200, { NO_COLOR: '1' })
    expect(head).toContain('LOCAL TIME')
    expect(line).not.toContain('\u001b')
    expect((await shown(200, { NO_COLOR: '' }))[1]).toContain('\u001b')
  })
})
