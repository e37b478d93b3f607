import fc from 'fast-check'
import { DateTime } from 'luxon'
import { describe, expect, test } from 'vitest'
import { isKeyOf } from '../../../src/core/objects.ts'
import { medianOf } from '../../../src/core/task/rules.ts'
import type { Row } from '../../../src/core/types.ts'
import { blankText, commandText } from '../../../src/format/command-line.ts'
import { type CommandWords, cronledger } from '../../../src/verdict/command.ts'
import { FINDINGS, type JudgedSlot, type SlotMark } from '../../../src/verdict/judge.ts'
import { logAddress } from '../../../src/verdict/place/console.ts'
import { againSteps, rangeSteps } from '../../../src/verdict/steps.ts'
import { MARKS, MOST_URGENT_FIRST, rejectedText } from '../../../src/web/views/frame/marks.ts'
import { Owner } from '../../../src/web/views/frame/parts.tsx'
import { commandGroups, LogLink } from '../../../src/web/views/frame/steps.tsx'
import { Time, wallClock, wordsIn } from '../../../src/web/views/frame/time.tsx'
import { Changes, durationText, type TaskHead } from '../../../src/web/views/task/head.tsx'
import { Plot, Plots, plotValues, Recent } from '../../../src/web/views/task/recent.tsx'
import { clock, judged, live, now, schedule, slot } from '../../support/pages/slots.ts'
import { textOf } from '../../support/pages/text.ts'
import { ON_KUBERNETES } from '../../support/places.ts'
import { FAILED, ON_ECS, PAUSE, rowWith, SUCCEEDED } from '../../support/rows.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const target = { store: `file:/srv/it's "a" -- b.db`, task: 'nightly', slot: 0, schedule: null, place: null }
const blanksIn = (command: CommandWords = []) =>
  commandGroups(command)
    .flat()
    .flatMap((part) => (typeof part === 'string' ? [] : `${part.blank}${part.inQuotes ? ' in quotes' : ''}`))

test('a command loses no word in its groups, and no option stands apart from its value', () => {
  const textIn = (command: CommandWords) =>
    commandGroups(command)
      .map((parts) => parts.map((part) => (typeof part === 'string' ? part : blankText(part))).join(''))
      .join(' ')
  for (const place of [null, ON_ECS, ON_KUBERNETES]) {
    for (const { command } of [...againSteps('run it', { ...target, place }), ...rangeSteps({ ...target, place }, 1)]) {
      expect(textIn(command)).toBe(commandText(command))
      for (const [first] of commandGroups(command).slice(1)) expect(first).toMatch(/^--/)
    }
  }
})

test('a command has the placeholders of a rerun, of a resolution, and of a task on ECS, and text is none', () => {
  const [rerun, resolve] = againSteps('run it', target)
  expect(blanksIn(rerun.command)).toEqual(['reason', 'command'])
  expect(blanksIn(resolve.command)).toEqual(['reason'])
  const [task] = againSteps('run it', { ...target, place: ON_ECS })
  expect(blanksIn(task.command)).toEqual([
    'subnets',
    'securityGroups',
    'publicIp',
    'reason in quotes',
    'name in quotes',
  ])
  const options = { store: 'YOUR REASON', task: 'YOUR_COMMAND', reason: "a 'YOUR REASON' b" }
  expect(blanksIn(cronledger('resolve', options))).toEqual([])
})

test('a mark has a sign and a word of its own', () => {
  const marks = Object.values(MARKS)
  expect(new Set(marks.map(({ sign }) => sign)).size).toBe(marks.length)
  expect(new Set(marks.map(({ word }) => word)).size).toBe(marks.length)
})

test('of a finding of check needs attention, and is shown before all others', () => {
  const findings = Object.keys(FINDINGS)
  const needsAttention = (mark: SlotMark) => isKeyOf(mark, FINDINGS)
  expect(MOST_URGENT_FIRST.filter(needsAttention)).toEqual(MOST_URGENT_FIRST.slice(0, findings.length))
  expect(MOST_URGENT_FIRST.filter(needsAttention).toSorted()).toEqual(findings.toSorted())
  expect(MOST_URGENT_FIRST.at(-1)).toBe('completed')
})

test('duplicates and refusals are counted apart', () => {
  const at = rowWith({ ending: SUCCEEDED })
  expect(rejectedText(at)).toBe('')
  expect(rejectedText({ ...at, rejections: { ...at.rejections, count: 2, refused: 1 } })).toBe('2 rejected (1 refused)')
})

describe('a time', () => {
  const at = Date.parse('2026-11-24T18:00:00Z')
  const textIn = (zone: string, now?: number) =>
    textOf(Time({ at, clock: wallClock(zone), ...(now !== undefined && { now }) }))

  test('a time has its zone as in a terminal, and UTC under the pointer', () => {
    expect(textIn('Asia/Tokyo')).toBe('2026-11-25 03:00 JST')
    expect(textIn('America/New_York')).toBe('2026-11-24 13:00 EST')
    expect(textIn('Asia/Kathmandu')).toBe('2026-11-24 23:45 +05:45')
    expect(textIn('UTC')).toBe('2026-11-24 18:00 UTC')
    expect(String(Time({ at, clock }))).toContain('title="2026-11-24T18:00:00Z"')
  })

  test.each([
    [at + 59_999, ' (now)'],
    [at + 60_000, ' (1 min ago)'],
    [at + 8.9 * HOUR_MS, ' (8 h ago)'],
    [at - 3 * HOUR_MS, ' (in 3 h)'],
    [at + 24 * HOUR_MS, ''],
  ])('of the last or the next day says how far away it is: %i, %s', (now, age) => {
    expect(textIn('UTC', now)).toBe(`2026-11-24 18:00 UTC${age}`)
  })

  test('a time is what luxon shows, in any zone and at any time', () => {
    const zones = fc.constantFrom(...Intl.supportedValuesOf('timeZone'))
    const seconds = fc.integer({ min: 0, max: Date.UTC(2199, 11, 31) / 1000 })
    fc.assert(
      fc.property(zones, seconds, (zone, second) => {
        const local = DateTime.fromSeconds(second, { zone, locale: 'en-US' })
        const format = local.second === 0 ? 'yyyy-MM-dd HH:mm' : 'yyyy-MM-dd HH:mm:ss'
        expect(wallClock(zone).time(second * 1000)).toBe(local.toFormat(format))
      }),
    )
  })

  test('in an unknown zone is UTC', () => {
    expect(wallClock('Mars/Olympus')).toMatchObject({ zone: 'UTC' })
  })

  test('the zone stands beside a schedule once', () => {
    const words = 'Once, at 2026-11-24 03:00 in Asia/Tokyo'
    expect(wordsIn('Asia/Tokyo', 'At 03:00')).toBe('At 03:00 · Asia/Tokyo')
    expect(wordsIn('Asia/Tokyo', words)).toBe(words)
    expect(wordsIn('UTC', '')).toBe('UTC')
  })
})

const STREAM = 'cronledger$252Fbatch$252F158d1c8083dd49d6b527399fd6414f5c'

test.each([
  ['ap-northeast-1', 'console.aws.amazon.com'],
  ['us-gov-west-1', 'console.amazonaws-us-gov.com'],
  ['cn-north-1', 'console.amazonaws.cn'],
])('the link to a log of a container in %s', (region, host) => {
  expect(logAddress({ ...ON_ECS, region })).toBe(
    `https://${host}/cloudwatch/home?region=${region}#logsV2:log-groups/log-group/$252Fecs$252Fnightly/log-events/${STREAM}`,
  )
})

test('the link to a log escapes what has a meaning in an address, and gives nothing away about the page', () => {
  const address = logAddress({ ...ON_ECS, logGroup: 'a b#c&d', logStream: '$[LATEST]é' })
  expect(address).toMatch(/log-group\/a\$2520b\$2523c\$2526d\/log-events\/\$2524\$255BLATEST\$255D\$25C3\$25A9$/)
  expect(String(LogLink({ place: ON_ECS, text: 'log' }))).toMatch(
    /^<a href="https:[^"]*" rel="noreferrer noopener">log<\/a>$/,
  )
})

test.each([
  { region: 'us-iso-east-1' },
  { region: 'us-east-1.evil.example/' },
  { logGroup: undefined },
  { logStream: undefined },
  { logGroup: 'half a character: \ud800' },
])('the link to a log does not exist for %j', (more) => {
  const { logGroup, logStream, ...where } = { ...ON_ECS, ...more }
  const place = { ...where, ...(logGroup && { logGroup }), ...(logStream && { logStream }) }
  expect(LogLink({ place, text: 'log' })).toBeNull()
})

/** Slots an hour apart, newest first. Each attempt takes a second. */
function slotsOf(...statuses: readonly ('completed' | 'failed' | 'missed')[]): readonly JudgedSlot[] {
  const rows = { completed: rowWith({ ending: SUCCEEDED }), failed: rowWith({ ending: FAILED }), missed: null }
  return statuses.map((status, index) => {
    const at = slot - index * HOUR_MS
    const row = rows[status]
    return judged(row && { ...row, slot: at }, at)
  })
}

const htmlOf = (slots: readonly JudgedSlot[], problem: string | null = null) =>
  String(Recent({ task: 'nightly', clock, recent: { slots, usualMs: null, problem } }))

test('the strip of the last slots has the oldest slot at the left, counts each status, and the Tab key stops at the newest one', () => {
  const html = htmlOf(slotsOf('failed', 'completed', 'missed', 'missed'))
  const cells = [...html.matchAll(/<a class="c (\w+)"([^>]*)/g)]
  expect(cells.map(([, status]) => status)).toEqual(['missed', 'missed', 'completed', 'failed'])
  expect(cells.map(([, , rest]) => rest?.includes('tabindex="-1"'))).toEqual([true, true, true, false])
  const counts = [...html.matchAll(/<\/span>(\d+ \w+)<\/li>/g)].map(([, text]) => text)
  expect(counts).toEqual(['1 failed', '2 missed', '1 completed'])
})

test('the strip of the last slots that is broken says so', () => {
  const broken = htmlOf([], 'row <x> is bad')
  expect(broken).toContain('<p class="problem">row &lt;x&gt; is bad</p>')
  expect(broken).not.toContain('No slot')
})

test('the plot of the last slots has a bar for each slot, and a gap for a slot without a run', () => {
  const columnsOf = (...slots: { readonly mark: SlotMark; readonly ms: number | null }[]) => {
    const points = slots.map(({ mark, ms }) => ({ mark, values: new Map(ms === null ? [] : [['Duration', ms]]) }))
    const html = String(Plot({ name: 'Duration', points, usual: null }))
    return [...html.matchAll(/<svg height="\d+" aria-hidden="true" class="(\w+)">(.*?)<\/svg>/gs)].map(
      ([, mark, text = '']) => [mark, Number(/<rect [^>]*height="(\d+)"/.exec(text)?.[1] ?? 0)] as const,
    )
  }
  expect(
    columnsOf(
      { mark: 'completed', ms: 60_000 },
      { mark: 'failed', ms: 30_000 },
      { mark: 'missed', ms: null },
      { mark: 'completed', ms: 0 },
    ),
  ).toEqual([
    ['completed', 62],
    ['failed', 31],
    ['missed', 0],
    ['completed', 2],
  ])
  expect(columnsOf({ mark: 'missed', ms: null })).toEqual([])
  expect([[], [7], [9, 1], [3, 1, 2], [4, 4, 4, 4]].map(medianOf)).toEqual([null, 7, 5, 2, 4])
})

test('a failure does not count as usual, in no plot of the last slots', () => {
  const points = [10, 10, 1].map((value, index) => ({
    mark: index < 2 ? ('completed' as const) : ('failed' as const),
    values: new Map([['rows', value]]),
  }))
  expect(textOf(Plots({ points, usualMs: 60_000 }))).toMatch(
    /Duration no data.*rows usually 10 \(dashed line\), most 10/s,
  )
  const slow = points.map(({ mark }) => ({ mark, values: new Map([['Duration', 1_000]]) }))
  expect(textOf(Plots({ points: slow, usualMs: 60_000 }))).toContain('Duration usually 1m 0s (dashed line), most 1s')
})

test('numbers that the batch reported have a plot of their own, at most three of them', () => {
  const report = JSON.stringify({ rows: 1_200, file: 'a.csv', errors: 0, skipped: 3, more: 4 })
  const own = rowWith({ ending: SUCCEEDED })
  const row = { ...own, attempts: own.attempts.map((attempt) => ({ ...attempt, report })) } as Row
  const values = plotValues(judged(row))
  expect([...values.keys()]).toEqual(['Duration', 'rows', 'errors', 'skipped', 'more'])
  const titles = textOf(Plots({ points: [{ mark: 'completed', values }], usualMs: null }))
  expect(titles).toMatch(/Duration.*rows 1,200.*errors 0.*skipped 3/s)
  expect(titles).not.toContain('more')
})

test.each([
  ['running, and nothing to compare', judged(live), null, 'running for 1h 0m'],
  ['running', judged(live), 1_000, 'running for 1h 0m, usually 1s'],
  ['completed', judged(rowWith({ ending: SUCCEEDED })), 1_000, 'took 1s, usually 1s'],
  ['failed', judged(rowWith({ ending: FAILED })), 1_000, 'after 1s'],
  ['missed', judged(null), 1_000, ''],
  ['due', judged(null, now - 60_000), 1_000, 'no run is recorded yet'],
] as const)('the title of a task says how long its newest slot took: %s', (_, newest, usualMs, text) => {
  expect(durationText(newest, usualMs)).toBe(text)
})

test.each([
  ['https://wiki.example.com/a?b=c', ['https://wiki.example.com/a?b=c']],
  ['HTTP://wiki.example.com', ['HTTP://wiki.example.com']],
  ['the data team', []],
  ['javascript:alert(1)', []],
  ['https://', []],
  [
    'Payments, #pay-oncall, https://wiki.example.com/pay (or https://b.example).',
    ['https://wiki.example.com/pay', 'https://b.example'],
  ],
] as const)('each address in the owner %s is a link, and its text is whole', (owner, addresses) => {
  const html = String(Owner({ owner }))
  expect([...html.matchAll(/href="([^"]*)"/g)].map(([, address]) => address)).toEqual(addresses)
  expect(html.replace(/<[^>]*>/g, '')).toBe(owner)
})

describe('the changes of a task', () => {
  const head: TaskHead = {
    task: 'nightly',
    clock,
    next: null,
    current: null,
    suspended: null,
    schedules: [],
    expectations: null,
    suspensions: { pauses: [], retirements: [] },
  }
  const suspension = (days: number, more = {}) => ({
    at: slot + days * DAY_MS,
    from: slot + days * DAY_MS,
    until: null,
    by: 'ada',
    reason: 'upgrade',
    ...more,
  })
  const ended = (days: number) => ({ at: slot + days * DAY_MS, by: 'bob', reason: 'resumed' })
  const until2 = { until: slot + 2 * DAY_MS }
  const linesOf = (more: Partial<TaskHead>) => textOf(Changes({ head: { ...head, ...more } })).split('\n')

  test('the changes of a task are one timeline, newest first, and the oldest ones are counted', () => {
    const change = (days: number) => ({ since: slot + days * DAY_MS, spec: schedule })
    const lines = linesOf({
      schedules: [change(0), change(5)],
      expectations: { since: slot + 3 * DAY_MS, doneByMs: HOUR_MS },
      suspensions: { pauses: [suspension(1, { ...until2, ended: ended(2) })], retirements: [suspension(4)] },
    })
    expect(lines.map((text) => /schedule|retired|expectations|resumed|paused/.exec(text)?.[0])).toEqual([
      'schedule',
      'retired',
      'expectations',
      'resumed',
      'paused',
      'schedule',
    ])
    const schedules = Array.from({ length: 20 }, (_, index) => change(index))
    const html = String(Changes({ head: { ...head, schedules } }))
    expect(html.match(/<li>/g)).toHaveLength(8)
    expect(html).toContain('and 12 earlier changes')
  })

  test('the changes of a task escape the text of the ledger', () => {
    const pause = { ...PAUSE, by: '<b>', reason: '</li><script>' }
    const html = String(Changes({ head: { ...head, suspensions: { pauses: [pause], retirements: [] } } }))
    expect(html).toMatch(/&lt;b&gt; paused it from .*: &lt;\/li&gt;&lt;script&gt;/)
  })
})
