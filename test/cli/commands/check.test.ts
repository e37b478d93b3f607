import { join } from 'node:path'
import stringWidth from 'string-width'
import { beforeAll, describe, expect, test } from 'vitest'
import { groupedBy } from '../../../src/core/objects.ts'
import { clockAt, commandsAt, type Loose, scratch } from '../../support/cli.ts'
import { fillFile, type PlannedTask } from '../../support/pages/ledger.ts'
import { linesOf, onTerminal } from '../../support/processes/terminal.ts'

const GUIDE = 'Guide: cronledger help operating'

const { cronledger } = commandsAt('2026-11-25T13:00:00Z')
const store = `file:${join(scratch(), 'ledger.db')}`
const env = { CRONLEDGER_STORE: store, CRONLEDGER_LOG: 'quiet' }
const NEW_YORK = { schedule: '30 1 * * *', timezone: 'America/New_York' }

async function run(task: string, { schedule, timezone }: typeof NEW_YORK, eventTime: string, command = 'true') {
  const options = ['--task', task, '--schedule', schedule, '--timezone', timezone, '--event-time', eventTime]
  return cronledger(['run', ...options, '--', command], { env })
}
async function check(...args: string[]) {
  const { code, stdout } = await cronledger(['check', ...args, '--format', 'json'], { env })
  const text = ({ kind, task, slot, doubt }: Loose) => `${kind} ${task} ${slot}${doubt === undefined ? '' : '?'}`
  return { code, found: (JSON.parse(stdout) as Loose[]).map(text) }
}

describe('a ledger with faults, over a clock change and a change of the schedule', () => {
  beforeAll(async () => {
    // 01:30 in New York is 05:30Z until 1 November 2026, when it comes twice, and 06:30Z from the 2nd on.
    for (const slot of ['10-30T05:30', '10-31T05:30', '11-01T05:30', '11-03T06:30']) {
      await run('nightly', NEW_YORK, `2026-${slot}:00Z`, slot.startsWith('10-31') ? 'false' : 'true')
    }
    for (const slot of ['11-05T12:00', '11-07T12:00']) {
      await run('nightly', { schedule: '0 12 * * *', timezone: 'UTC' }, `2026-${slot}:00Z`)
    }
    await run('other', { schedule: '@daily', timezone: 'UTC' }, '2026-11-06T00:00:00Z')
  })

  test('a ledger with faults, over a clock change and a change of the schedule finds these and no others, and exits with 1', async () => {
    expect(await check('--since', '2026-10-01', '--until', '2026-11-07')).toEqual({
      code: 1,
      found: [
        'missed nightly 2026-11-06T12:00:00Z',
        // The schedule changed after the slot of the 3rd at 06:30Z and before that of the 5th at 12:00Z.
        'missed nightly 2026-11-05T06:30:00Z?',
        'missed nightly 2026-11-04T12:00:00Z?',
        'missed nightly 2026-11-04T06:30:00Z?',
        'missed nightly 2026-11-03T12:00:00Z?',
        'missed nightly 2026-11-02T06:30:00Z',
        'failed nightly 2026-10-31T05:30:00Z',
        'missed other 2026-11-07T00:00:00Z',
      ],
    })
  })

  test('a ledger with faults, over a clock change and a change of the schedule says below the findings what to do about each task, as commands that work', async () => {
    const { stdout } = await cronledger(['check', '--since', '2026-10-31', '--until', '2026-11-02'], { env })
    const [missed, due, sinceThen, failed, detail, ...rest] = stdout.trimEnd().split('\n')
    expect([missed, due, sinceThen, failed, detail]).toEqual([
      'missed · nightly · 11-02 01:30 EST',
      expect.stringMatching(/^ {2}was due .* ago, no run is recorded$/),
      'since then done:',
      'failed: exit code 1 · nightly · 10-31 01:30 EDT',
      expect.stringMatching(/^ {2}attempt 1 on .* failed \(exit code 1\) after /),
    ])
    const range = `--store ${store} --task nightly --from 2026-10-31T05:30:00Z --until 2026-11-02T06:30:01Z`
    expect(rest).toEqual([
      '',
      'nightly:',
      `  see what happened:           cronledger show --store ${store} --task nightly --slot 2026-10-31T05:30:00Z`,
      `  list these slots:            cronledger rerun ${range} --dry-run`,
      `  run them, the oldest first:  cronledger rerun ${range} --reason 'YOUR REASON' -- YOUR_COMMAND`,
      ...['', GUIDE, ''],
      '2 slots need attention: 1 missed, 1 failed',
    ])
    const listed = await cronledger(['rerun', ...range.split(' '), '--dry-run'], { env })
    expect(listed.stdout.split('\n').map((line) => line.slice(0, 20))).toEqual([
      '2026-10-31T05:30:00Z',
      '2026-11-02T06:30:00Z',
      '2 slots of 1 task, o',
      '',
    ])
  })

  test('check exits with 0 if no slot needs attention', async () => {
    expect(await check('--task', 'nightly', '--since', '2026-11-01', '--until', '2026-11-01')).toEqual({
      code: 0,
      found: [],
    })
    const { code, stdout } = await cronledger(
      ['check', '--task', 'other', '--since', '2026-11-06', '--until', '2026-11-06'],
      { env },
    )
    const range = 'from 2026-11-06 00:00 UTC until 2026-11-07 00:00 UTC'
    expect({ code, stdout }).toEqual({ code: 0, stdout: `no problems found in the slots of other ${range}\n` })
  })

  test('check of a ledger in which nothing has ever run is an error', async () => {
    const empty = { env: { ...env, CRONLEDGER_STORE: `${store}.empty` } }
    await cronledger(['setup'], empty)
    const message = expect.stringMatching(
      /^cronledger: no task has run yet in this ledger, so there is nothing to check\. .*\n$/,
    )
    for (const format of ['text', 'json']) {
      const ended = await cronledger(['check', '--format', format], empty)
      expect(ended).toMatchObject({ code: 64, stdout: '', stderr: message })
    }
  })

  test('tasks shows each with its schedule, its last slot and the next', async () => {
    const { stdout } = await cronledger(['tasks', '--format', 'json'], { env })
    expect(JSON.parse(stdout)).toMatchObject([
      {
        task: 'nightly',
        schedule: '0 12 * * *',
        zone: 'UTC',
        since: '2026-11-05T12:00:00Z',
        // No trigger came since then.
        last: { slot: '2026-11-25T12:00:00Z', status: 'missed', state: null },
      },
      { task: 'other', schedule: '@daily', last: { status: 'missed' } },
    ])
    const text = await cronledger(['tasks', 'nightly'], { env })
    expect(text.stdout).toMatch(
      /^nightly\n {2}schedule {3}0 12 \* \* \* \(UTC\), since 2026-11-05T12:00:00Z\n {2}last slot {2}\S+T12:00:00Z {2}.* {2}missed\n/,
    )
  })
})

test('tasks: the last slot is none that is still to come', async () => {
  const today = '2026-11-25T00:00:00Z'
  await run('coming', { schedule: '@daily', timezone: 'UTC' }, today)
  const slot = ['--slot', '2126-11-06T00:00:00Z', '--state', 'skipped', '--reason', 'holiday']
  expect((await cronledger(['resolve', '--task', 'coming', ...slot], { env })).code).toBe(0)
  const { stdout } = await cronledger(['tasks', '--format', 'json'], { env })
  const known = (JSON.parse(stdout) as Loose[]).find(({ task }) => task === 'coming')
  expect(known).toMatchObject({ last: { slot: today, status: 'completed', state: 'COMPLETED' } })
})

test('an attempt whose time is in the future is a note of check, and show says it', async () => {
  const ahead = { ...env, CRONLEDGER_STORE: `file:${join(scratch(), 'ahead.db')}` }
  const trigger = ['--task', 'nightly', '--schedule', '@daily', '--event-time', '2026-11-25T00:00:00Z']
  await cronledger(['run', ...trigger, '--', 'true'], { env: { ...ahead, ...clockAt('2026-11-25T15:00:00Z') } })
  const said = /an attempt .*has the time 2026-11-25 15:00 UTC, which is in the future.* the clock of \S+ was ahead/i
  const { code, stdout, stderr } = await cronledger(['check'], { env: ahead })
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^no problems found /) })
  expect(stderr).toMatch(said)
  const shown = await cronledger(['show', '--task', 'nightly', '--slot', '2026-11-25'], { env: ahead })
  expect(shown.stdout).toMatch(said)
})

test('a schedule that was moved between two runs is no finding, and show says why', async () => {
  const moved = { ...env, CRONLEDGER_STORE: `file:${join(scratch(), 'moved.db')}`, CRONLEDGER_TASK: 'moved' }
  for (const [schedule, slot] of [
    ['0 3 * * *', '2026-11-23T08:00:00Z'],
    ['30 4 * * *', '2026-11-24T09:30:00Z'],
    ['30 4 * * *', '2026-11-25T09:30:00Z'],
  ] as const) {
    const given = ['--schedule', schedule, '--timezone', 'America/New_York', '--event-time', slot]
    expect((await cronledger(['run', ...given, '--', 'true'], { env: moved })).code).toBe(0)
  }
  const { code, stdout } = await cronledger(['check'], { env: moved })
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^no problems found in the slots of all tasks since .* \(7d 0h\)\n$/),
  })
  const shown = await cronledger(['show', '--slot', '2026-11-24T08:00:00Z'], { env: moved })
  const why = 'the schedule changed between 2026-11-23 03:00:00 and 2026-11-24 04:30:00, and no run is missing'
  expect(shown.stdout).toContain(`was not expected to run: ${why}`)
})

const container = { ...env, CRONLEDGER_SCHEDULE: '0 */6 * * *', CRONLEDGER_TIMEZONE: 'Asia/Tokyo' }

test('all commands use the schedule on record, and not that of the environment', async () => {
  await run('contained', { schedule: '@daily', timezone: 'UTC' }, '2026-11-06T00:00:00Z')
  const day = ['--since', '2026-11-10', '--until', '2026-11-10']
  for (const args of [[], ['--task', 'contained']]) {
    const checked = await cronledger(['check', ...day, '--format', 'json', ...args], { env: container })
    const found = (JSON.parse(checked.stdout) as Loose[]).filter(({ task }) => task === 'contained')
    expect(found).toMatchObject([{ slot: '2026-11-10T00:00:00Z' }])
    expect(checked.stderr).toBe('')
  }
  const own = { ...container, CRONLEDGER_TASK: 'contained' }
  const range = ['--from', '2026-11-10T00:00:00Z', '--until', '2026-11-11T00:00:00Z']
  const planned = await cronledger(['rerun', ...range, '--dry-run', '--json'], { env: own })
  expect(JSON.parse(planned.stdout)).toMatchObject([{ slot: '2026-11-10T00:00:00Z' }])
  const [since, until] = [range[1] ?? '', range[3] ?? '']
  const listed = await cronledger(['history', 'contained', '--since', since, '--until', until, '--json'], { env: own })
  expect(JSON.parse(listed.stdout)).toMatchObject([{ slot: '2026-11-10T00:00:00Z', status: 'missed' }])
  const shown = await cronledger(['show', '--slot', '2026-11-10'], { env: own })
  expect(shown.stdout).toMatch(/^contained 2026-11-10 00:00 UTC \(2026-11-10T00:00:00Z\)\n +status +missed\n/)
  const skip = ['--state', 'skipped', '--reason', 'holiday']
  const resolved = await cronledger(['resolve', '--slot', '2026-11-10', ...skip, '--json'], { env: own })
  expect(JSON.parse(resolved.stdout)).toMatchObject({ slot: '2026-11-10T00:00:00Z', status: 'skipped' })
  const again = ['--slot', '2026-11-09', '--reason', 'it was missed', '--log', 'json']
  const rerun = await cronledger(['rerun', ...again, '--', 'true'], { env: own })
  expect(rerun).toMatchObject({ code: 0, stderr: expect.stringContaining('"slot":"2026-11-09T00:00:00Z"') })
})

describe('on a terminal', () => {
  const minutes = ['--since', '2026-01-01', '--until', '2026-02-28']

  beforeAll(() =>
    cronledger(['declare', 'minutes', '--schedule', '* * * * *', '--from', '2026-01-01', '--grace', '0s'], { env }),
  )

  test('a check of several tasks has a progress bar that makes room for the findings, and is removed in the end', async () => {
    expect(await onTerminal(['check', 'minutes', ...minutes], env)).not.toContain('[#')
    const shown = await onTerminal(['check', 'minute*', ...minutes], env)
    expect(shown).toMatch(/\[#+\.+\] \d+% {2}minutes 2026-0/)
    expect(shown).toContain('\u001b[31m')
    const lines = linesOf(shown)
    const count = 59 * 24 * 60
    // A backslash joins the lines of a command.
    const joined = lines.join('\n').replaceAll(/(?: \\)?\n {4,}/g, ' ')
    expect(joined.split('\n')).toEqual([
      expect.stringMatching(
        new RegExp(`^missed · minutes · ${count} slots · (2026-)?01-01 00:00 to (2026-)?02-28 23:59 UTC$`),
      ),
      expect.stringMatching(/^ {2}latest: was due .* is recorded at all$/),
      ...['', 'minutes:'],
      expect.stringMatching(/^ {2}list these slots: cronledger rerun .* --task minutes --from .* --dry-run$/),
      expect.stringMatching(/^ {2}run them, the oldest first: cronledger rerun .* -- YOUR_COMMAND$/),
      ...['', GUIDE, '', `${count} slots need attention: ${count} missed`, ''],
    ])
  })
})

describe('problems of 27 tasks of three teams, and of two other tasks', () => {
  const THEN = '2026-11-25T13:20:00Z'
  const { cronledger } = commandsAt(THEN)
  const path = join(scratch(), 'outage.db')
  const many = { CRONLEDGER_STORE: `file:${path}` }
  const LONG = `pay/${'a-name-that-nobody-would-shorten-'.repeat(3)}`
  const TEAMS = [
    'Payments',
    'https://wiki.example.org/runbooks/of/the/team/of/the/imports/and/the/exports',
    '夜間バッチのチーム',
    undefined,
  ]
  const plan = (task: string, owner: string | undefined, fateOf: PlannedTask['fateOf']): PlannedTask => ({
    ...{ task, count: 24, fateOf, ...(owner && { owner }) },
    spec: { expression: '0 * * * *', zone: 'Asia/Tokyo' },
  })

  beforeAll(() =>
    fillFile(
      path,
      [
        ...Array.from({ length: 26 }, (_, index) =>
          plan(`${'psxn'[index % 4]}/night-${index}`, TEAMS[index % 4], (ago) =>
            ago < 6 || ago > 7 ? 'succeeded' : index < 20 ? 'missed' : 'failed',
          ),
        ),
        plan(LONG, 'Payments', (ago) => (ago < 5 || ago > 7 ? 'succeeded' : 'missed')),
        plan('x/late-1', undefined, (ago) => (ago < 2 ? 'failed' : 'succeeded')),
        plan('p/late-2', 'Payments', (ago) => (ago < 2 ? 'failed' : 'succeeded')),
      ],
      Date.parse(THEN),
    ),
  )
  const onScreen = async (columns: number, ...args: readonly string[]) =>
    linesOf(await onTerminal(['check', ...args], { ...many, ...clockAt(THEN) }, columns)).filter(Boolean)

  const REPAIR = "cronledger rerun --from 2026-11-25T06:00Z --jobs 4 --reason 'YOUR REASON' --all"

  test('nothing wraps at 80 columns, the tasks of a team share a line, and the headline and one command come last', async () => {
    const lines = await onScreen(80)
    expect(lines.filter((line) => stringWidth(line) > 80)).toEqual([])
    expect(lines).toEqual([
      'failed: exit code 3 · 2 tasks · 4 slots · 21:00 to 22:00 JST · still: 2 tasks',
      '  Payments · 1 task: p/late-2',
      '  no owner · 1 task: x/late-1',
      'since then done:',
      'missed · 21 tasks · 43 slots · 15:00 to 17:00 JST',
      '  Payments · 6 tasks: p/night-0, p/night-12, p/night-16, p/night-4, p/night-8, …',
      '  https://wiki.example.org/runbooks/of/th… · 5 tasks: s/night-1, s/night-13, s/…',
      '  夜間バッチのチーム · 5 tasks: x/night-10, x/night-14, x/night-18, x/night-2, …',
      '  no owner · 5 tasks: n/night-11, n/night-15, n/night-19, n/night-3, n/night-7',
      'failed: exit code 3 · 6 tasks · 12 slots · 15:00 to 16:00 JST',
      '  Payments · 2 tasks: p/night-20, p/night-24',
      '  https://wiki.example.org/runbooks/of/th… · 2 tasks: s/night-21, s/night-25',
      '  夜間バッチのチーム · 1 task: x/night-22',
      '  no owner · 1 task: n/night-23',
      ...['To see all names, add "| cat".'],
      ...['To see what to do about each task, add --commands, or check one task.', GUIDE],
      ...[
        '59 slots need attention: 43 missed, 16 failed',
        'To run them again:',
        `  ${REPAIR.replace(' --all', ' \\')}`,
        '    --all',
      ],
    ])
    expect((await onScreen(200)).at(-1)).toBe(`To run them again: ${REPAIR}`)
    // The reader knows the owner that was asked for.
    const own = (await onScreen(80, '--owner', 'PAYMENTS')).join('\n')
    expect(own).toMatch(/^failed: exit code 3 · p\/late-2 · 2 slots/)
    expect(own).not.toContain('Payments')
  })

  test('through a pipe, each line is whole and has the name of each task', async () => {
    const { stdout } = await cronledger(['check'], { env: many })
    expect(stdout).toMatch(new RegExp(`^ {2}Payments · 6 tasks: p/night-0, .*, ${LONG}$`, 'm'))
    for (let index = 0; index < 26; index += 1)
      expect(stdout.match(new RegExp(`night-${index}\\b`, 'g'))).toHaveLength(1)
    expect(
      stdout.endsWith(`To run them again: ${REPAIR.replace('rerun', `rerun --store ${many.CRONLEDGER_STORE}`)}\n`),
    ).toBe(true)
  })

  test.each([
    [['--owner', 'payments'], "--owner payments --from 2026-11-25T06:00Z --jobs 4 --reason 'YOUR REASON'", 19],
    [
      ['s/*', '--status', 'missed,late'],
      "--task 's/*' --from 2026-11-25T06:00Z --status missed --jobs 4 --reason 'YOUR REASON'",
      10,
    ],
    [
      ['--until', '2026-11-25T12:30:00Z'],
      "--from 2026-11-25T06:00Z --until 2026-11-25T12:00:01Z --jobs 4 --reason 'YOUR REASON' --all",
      57,
    ],
  ] as const)('the command of check %j repairs what was found, and nothing else', async (args, expected, slots) => {
    const { stdout } = await cronledger(['check', ...args], { env: many })
    const [, command] = /^To run them again: cronledger rerun --store \S+ (.*)$/m.exec(stdout) ?? []
    expect(command).toBe(expected)
    expect(stdout).toContain(`\n${slots} slots need attention: `)
    const words = expected.replace("'YOUR REASON'", 'x').replaceAll("'", '').split(' ')
    const plan = await cronledger(['rerun', ...words, '--dry-run', '--', 'true'], { env: many })
    expect(plan.stdout).toContain(`\n${slots} slots of `)
  })

  test('each finding in JSON has its words', async () => {
    const { stdout } = await cronledger(['check', '--json'], { env: many })
    const found = groupedBy(JSON.parse(stdout) as Loose[], ({ kind, words }) => `${kind} ${words}`)
    expect([...found].map(([like, all]) => [like, all.length])).toEqual([
      ['missed undefined', 43],
      ['failed exit code 3', 16],
    ])
  })
})

test.each([
  [['--schedule', '@daily'], /unknown option --schedule\. See cronledger check --help\./],
  [['--until', '2026-01-01'], /--until "2026-01-01" is more than 7d ago, where the range begins\. Give --since, too\./],
  [['--since', 'last week'], /--since "last week" is not a valid time/],
])('check %j: 64, one line', async (args, message) => {
  const { code, stderr } = await cronledger(['check', ...args], { env })
  expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringMatching(message) })
  expect(stderr.trim().split('\n')).toHaveLength(1)
})
