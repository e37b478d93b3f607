import { join } from 'node:path'
import stringWidth from 'string-width'
import { beforeAll, describe, expect, test } from 'vitest'
import { groupedBy } from '../../../src/core/objects.ts'
import { clockAt, commandsAt, cronledger, type Loose, newStore, scratch } from '../../support/cli.ts'
import { fillFile, type PlannedTask } from '../../support/pages/ledger.ts'
import { linesOf, onTerminal } from '../../support/processes/terminal.ts'

const GUIDE = 'Guide: cronledger help operating'

// The other promises of check are in ../stories/check.txt and once.txt.

test('on a terminal, a check of several tasks has a progress bar that makes room for the findings, and is removed in the end', async () => {
  const env = { CRONLEDGER_STORE: newStore(scratch()), ...clockAt('2026-11-25T13:00:00Z') }
  const minutes = ['--since', '2026-01-01', '--until', '2026-02-28']
  await cronledger(['setup'], { env })
  await cronledger(['declare', 'minutes', '--schedule', '* * * * *', '--from', '2026-01-01', '--grace', '0s'], { env })
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
    '',
    'minutes:',
    expect.stringMatching(/^ {2}list these slots: cronledger rerun .* --task minutes --from .* --dry-run$/),
    expect.stringMatching(/^ {2}run them, the oldest first: cronledger rerun .* -- YOUR_COMMAND$/),
    '',
    GUIDE,
    '',
    `${count} slots need attention: ${count} missed`,
    '',
  ])
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
    task,
    count: 24,
    fateOf,
    ...(owner && { owner }),
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
      'To see all names, add "| cat".',
      'To see what to do about each task, add --commands, or check one task.',
      GUIDE,
      '59 slots need attention: 43 missed, 16 failed',
      'To run them again:',
      `  ${REPAIR.replace(' --all', ' \\')}`,
      '    --all',
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
