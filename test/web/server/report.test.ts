import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, watch, writeFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Ledger } from '../../../src/api.ts'
import { readReport } from '../../../src/cli/commands/report/read.ts'
import type { TaskRecord } from '../../../src/core/task/task-record.ts'
import type { Row } from '../../../src/core/types.ts'
import {
  type Report,
  reportJson,
  shareCompleted,
  shareInTime,
  type TaskReport,
  totalCounts,
  worstTasks,
} from '../../../src/format/report.ts'
import { readMethods } from '../../../src/ledger.ts'
import { systemClock } from '../../../src/process/clock.ts'
import { writeRecord } from '../../../src/run/task/task-record.ts'
import { logAddress } from '../../../src/verdict/place/console.ts'
import { reportPieces } from '../../../src/web/server/report.tsx'
import { FARGATE } from '../../support/aws/ecs.ts'
import { cronledger, scratch, start } from '../../support/cli.ts'
import { expectAccessible, hasChromium, openBrowser, openPage } from '../../support/pages/browser.ts'
import { companyTasks, fillFile, type PlannedTask, rowsOf } from '../../support/pages/ledger.ts'
import { PAUSE, recordWith } from '../../support/rows.ts'
import { memoryStore } from '../../support/simulated/memory-store.ts'

const folder = scratch()
const NOW = Date.now()
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const NO_COUNTS = totalCounts([])
const CALL = { signal: new AbortController().signal }

describe('what a report says', () => {
  const at = Date.parse('2026-11-24T10:00:00Z')
  const spec = { expression: '0 3 * * *', zone: 'UTC' }
  const first = Date.parse('2026-10-01T03:00:00Z')
  const plan: PlannedTask = { task: 'nightly', spec, count: 55, fateOf: () => 'succeeded' }

  /** Reads the report of a task with these slots, newest first. The slots before them have succeeded. */
  async function reportOf(
    fates: readonly ReturnType<PlannedTask['fateOf']>[],
    more: Partial<TaskRecord> = {},
    range: Parameters<typeof readReport>[0]['range'] = { since: '2026-11-01' },
    keep: (row: Row) => boolean = () => true,
    retentionMs: number | null = null,
  ): Promise<Report> {
    const store = memoryStore()
    const own = { ...plan, fateOf: (ago: number) => fates[ago] ?? 'succeeded' }
    const withExpiry = (row: Row) =>
      ({
        ...row,
        attempts: row.attempts.map((one) => (one.trigger.kind === 'forced' ? { ...one, place: FARGATE.place } : one)),
        expiresAt: retentionMs === null ? null : row.slot + retentionMs,
      }) as Row
    for (const row of rowsOf(own, at)) if (keep(row)) await store.put(withExpiry(row), 'absent', CALL)
    await writeRecord('nightly', recordWith([{ since: first, spec }], more), 'absent', store, CALL)
    const clock = { ...systemClock, now: () => at }
    const ledger = readMethods(async () => ({ store, clock, pageTimeoutMs: 9_000, signals: [] })) as Ledger
    const reading = { ledger, ledgerTimeoutMs: 9_000, skewMs: 0, now: at, ...CALL }
    const report = await readReport({ range, store: 'file:x', version: '1', by: 'ada' }, reading)
    if (report === null) return expect.unreachable()
    return report
  }

  test('each slot that was due counts once, and repaired slots, duplicates and decisions are counted beside them', async () => {
    const { tasks } = await reportOf(['failed', 'stale', 'rerun', 'missed', 'missed', 'done-by-hand', 'skipped'])
    const ofEach = {
      due: 24,
      completed: 18,
      missed: 2,
      failed: 1,
      stale: 1,
      skipped: 1,
      marked: 1,
      repaired: 1,
      forced: 1,
    }
    expect(tasks[0]?.counts).toEqual({ ...NO_COUNTS, ...ofEach })
    expect(tasks[0]?.exceptions.map(({ class: name, happened }) => [name, happened])).toEqual([
      ['failed', expect.stringMatching(/^attempt 1 on .* failed \(exit code 3\) after /)],
      ['stale', expect.stringMatching(/stopped reporting/)],
      ['repaired', expect.stringMatching(/^attempt 2 on .* succeeded at .*, after attempt 1 .* failed/)],
      ['missed', 'no run is recorded'],
      ['missed', 'no run is recorded'],
      ['marked', expect.stringMatching(/ada@desk marked it as completed at .*: the input file was bad$/)],
      ['skipped', expect.stringMatching(/^ada@desk skipped it/)],
    ])
    expect(tasks[0]?.decisions.map(({ by, what, reason }) => [by, what, reason])).toEqual(
      ['ran it again: succeeded', 'marked it as completed', 'skipped it'].map((what) => [
        'ada@desk',
        what,
        'the input file was bad',
      ]),
    )
  })

  test.each([
    ['a start after --late-after is late', { lateAfterMs: 3_000 }, { late: 24 }],
    ['an end after --done-by is late', { doneByMs: 60_000 }, { late: 24 }],
    ['a start before --late-after is in time', { lateAfterMs: HOUR_MS }, { inTime: 24 }],
    ['without them, no slot is called in time, and the delays are shown', {}, { completed: 24 }],
  ])('what a report says: %s', async (_, times, counts) => {
    const { tasks } = await reportOf([], { expectations: { since: first, ...times } })
    expect(tasks[0]?.counts).toMatchObject({ due: 24, inTime: 0, completed: 0, late: 0, ...counts })
    expect(shareInTime(tasks)).toBe('completed' in counts ? null : 'inTime' in counts ? '100 %' : '0 %')
    const { usualDurationMs, longestDurationMs, usualLatenessMs, longestLatenessMs } = tasks[0] ?? {}
    for (const ms of [usualDurationMs, longestDurationMs, usualLatenessMs, longestLatenessMs])
      expect(ms).toEqual(expect.any(Number))
  })

  test('in a report, slots in a pause were not due, and the pause is listed', async () => {
    const pause = { ...PAUSE, from: at - 3 * DAY_MS, until: at - DAY_MS }
    const { tasks } = await reportOf(['succeeded', 'skipped', 'missed'], { pauses: [pause] })
    expect(tasks[0]).toMatchObject({ counts: { due: 22, completed: 22, skipped: 0 }, exceptions: [], pauses: [pause] })
  })

  test.each([
    ['failed', 'failed'],
    ['stale', 'stale'],
    ['rerun', 'completed'],
    ['succeeded', 'completed'],
    ['done-by-hand', 'marked'],
  ] as const)(
    'a slot that is %s in a pause, which may be dated back, counts as it does without the pause',
    async (fate, name) => {
      const pause = { ...PAUSE, from: at - 3 * DAY_MS, until: at - DAY_MS }
      const [paused] = (await reportOf(['succeeded', 'skipped', fate], { pauses: [pause] })).tasks
      const counts = { due: 23, completed: 22, repaired: fate === 'rerun' ? 1 : 0 }
      expect(paused?.counts).toMatchObject({ ...counts, [name]: name === 'completed' ? 23 : 1, skipped: 0 })
    },
  )

  test.each([
    ['2026-11-10T03:00:00Z', { due: 15, completed: 15, missed: 0 }],
    ['2026-12-10T03:00:00Z', { due: 0, completed: 0, missed: 0 }],
  ])('a task whose record begins at %s says so, and only what was recorded counts', async (begin, counts) => {
    const since = Date.parse(begin)
    const { tasks } = await reportOf([], { schedules: [{ since, spec }] }, undefined, ({ slot }) => slot >= since)
    expect(tasks[0]).toMatchObject({ recordedFrom: since, hasRetention: false, counts })
    expect((await reportOf([])).tasks[0]?.recordedFrom).toBe(null)
  })

  test('slots whose records a retention has removed are not called missed', async () => {
    const kept = at - 10 * DAY_MS
    const { tasks } = await reportOf(['succeeded', 'missed'], {}, undefined, ({ slot }) => slot >= kept, 10 * DAY_MS)
    expect(tasks[0]).toMatchObject({ hasRetention: true, counts: { due: 10, completed: 9, missed: 1 } })
    expect(Math.abs((tasks[0]?.recordedFrom ?? 0) - kept)).toBeLessThan(DAY_MS)
  })

  test('the worst ten tasks come first, and those without a lost slot are not among them', () => {
    const tasks = Array.from({ length: 12 }, (_, index) => ({
      task: `t${index}`,
      counts: { ...NO_COUNTS, missed: index % 6, late: 9 },
    })) as unknown as TaskReport[]
    expect(
      worstTasks(tasks)
        .map(({ task }) => task)
        .join(' '),
    ).toBe('t5 t11 t4 t10 t3 t9 t2 t8 t1 t7')
    expect(worstTasks(tasks.slice(0, 2))).toHaveLength(1)
  })

  test('the report begins with what is left, and who forced what, with its log where that is known', async () => {
    const report = await reportOf(['succeeded', 'failed', 'rerun', 'missed'])
    const html = [...reportPieces(report, '')].join('')
    expect(html).toMatch(
      /<dt>left<\/dt><dd><strong>2<\/strong> · 1 missed, 1 failed<.*<dt>forced runs<\/dt><dd><strong>1<\/strong> · ada@desk 1</s,
    )
    expect(html).toMatch(/Slots that did not complete<.*>1 missed, 1 failed<.*exit code 3.*All tasks</s)
    const { logGroup, logStream } = FARGATE.place
    expect(html).toContain(
      `<a href="${logAddress(FARGATE.place)}" rel="noreferrer noopener">${logGroup} ${logStream}</a>`,
    )
    expect(JSON.parse([...reportJson(report)].join('')).tasks[0].decisions[0]).toMatchObject({
      isForced: true,
      ecs: { logGroup, logStream },
    })
  })

  test('a change of the schedule in the period is listed, and the first schedule is none', async () => {
    const since = Date.parse('2026-11-10T03:00:00Z')
    const { tasks } = await reportOf([], {
      schedules: [
        { since: first, spec: { ...spec, expression: '0 4 * * *' } },
        { since, spec },
      ],
    })
    expect(tasks[0]?.schedules).toEqual([{ since, spec }])
  })

  test.each([
    [{}, '2026-10-01T00:00:00Z', '2026-11-01T00:00:00Z'],
    [{ until: '2026-10-15' }, '2026-10-01T00:00:00Z', '2026-10-16T00:00:00Z'],
    [{ since: '2026-11-20' }, '2026-11-20T00:00:00Z', '2026-11-24T10:00:00.001Z'],
  ])('the period of %j', async (range, since, until) => {
    const report = await reportOf([], {}, range)
    expect([report.since, report.until].map((one) => new Date(one).toISOString().replace('.000', ''))).toEqual([
      since,
      until,
    ])
  })

  test('99.99 % is not shown as 100 %', () => {
    expect(
      [
        [0, 0],
        [10_000, 9_999],
        [7, 7],
      ].map(([due = 0, inTime = 0]) => shareInTime([{ isTimed: true, counts: { ...NO_COUNTS, due, inTime } }])),
    ).toEqual([null, '99.9 %', '100 %'])
  })
})

describe('a report', () => {
  const store = `file:${join(folder, 'ledger.db')}`
  const HOSTILE = '</style></title><script>alert(1)</script>\u202e\u001b[2J'
  const PLANS = companyTasks(NOW).map((plan) => ({ ...plan, count: Math.min(plan.count, 70), reason: HOSTILE }))
  const out = join(folder, 'ledger.html')
  const reportAs = (format: string) =>
    cronledger(['report', '--store', store, '--since', '460d', '--format', format, '--out', '-'])
  let html = ''
  let sum = ''
  beforeAll(async () => {
    await fillFile(join(folder, 'ledger.db'), PLANS, NOW)
    const { stdout, ...ended } = await cronledger(['report', '--store', store, '--since', '460d', '--out', out])
    expect(ended).toEqual({ code: 0, signal: null, stderr: '' })
    html = readFileSync(out, 'utf8')
    sum = stdout
  })

  test('a report has no script, nothing of it is elsewhere, and every link leads somewhere', () => {
    expect(html).not.toMatch(/<script|\son\w+=|\sstyle=|javascript:/i)
    for (const [, address] of html.matchAll(/\s(?:href|src|action)="([^"]*)"/g)) {
      expect(address).toMatch(/^(#|data:image\/svg\+xml,)/)
    }
    const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)
    expect(ids).toEqual([...new Set(ids)])
    const links = new Set([...html.matchAll(/\shref="#([^"]*)"/g)].map(([, id]) => id))
    expect([...links].filter((link) => !ids.includes(link))).toEqual([])
  })

  test('the SHA-256 of a report is printed and beside it, as sha256sum checks it', async () => {
    const check = (options: { cwd: string; input?: string }, ...files: readonly string[]) =>
      execFileSync('/usr/bin/sha256sum', ['--check', '--strict', ...files], { encoding: 'utf8', ...options })
    expect(check({ cwd: folder }, 'ledger.html.sha256')).toBe('ledger.html: OK\n')
    expect(check({ cwd: '/', input: sum })).toBe(`${out}: OK\n`)
    const csv = join(folder, 'a\\b.csv')
    expect(await cronledger(['report', '--store', store, '--format', 'csv', '--out', csv])).toMatchObject({ code: 0 })
    expect(check({ cwd: folder }, 'a\\b.csv.sha256')).toMatch(/: OK\n$/)
  })

  test('the SHA-256 of the records of a task is that of what history prints', async () => {
    const { tasks, since, until, by, version } = JSON.parse((await reportAs('json')).stdout)
    const { task, rows, sha256 } = tasks.find((one: TaskReport) => one.rows > 20 && one.counts.missed > 0)
    const range = ['--since', since, '--until', until]
    const history = ['history', task, '--store', store, '--status', 'recorded', '--limit', '0', '--format', 'ndjson']
    const { stdout } = await cronledger([...history, ...range])
    expect(stdout.trimEnd().split('\n')).toHaveLength(rows)
    expect(createHash('sha256').update(stdout).digest('hex')).toBe(sha256)
    expect(html).toContain(`<code>${sha256}</code>`)
    expect(by).toBe(`${userInfo().username}@${hostname()}`)
    expect(html).toContain(`made by ${by} with cronledger ${version}`)
  })

  test('HTML, JSON and CSV have the same numbers, task by task', async () => {
    const [json, csv] = await Promise.all([reportAs('json'), reportAs('csv')])
    const { total, tasks } = JSON.parse(json.stdout)
    const completed = PLANS.flatMap(({ count, fateOf }) => Array.from({ length: count }, (_, ago) => fateOf(ago)))
    expect(total.completed).toBe(completed.filter((fate) => fate === 'succeeded' || fate === 'rerun').length)
    const rejected = PLANS.flatMap(({ count, rejectedOf }) =>
      Array.from({ length: count }, (_, ago) => rejectedOf?.(ago) ?? 0),
    )
    expect(total.duplicates).toBe(rejected.reduce((sum, one) => sum + one, 0))
    expect(html).toContain(`<h1>${shareCompleted(tasks)} of ${total.due} slots completed</h1>`)
    const figure = (name: string) => new RegExp(`<dt>${name}</dt><dd><strong>([\\d,]+)<`).exec(html)?.[1]
    expect(figure('due')).toBe(String(total.due))
    const left = total.missed + total.failed + total.stale
    expect([figure('done'), figure('left')]).toEqual([String(total.due - left - total.skipped), String(left)])
    expect(html).toMatch(/ · all tasks: \d+/)
    expect(html.indexOf('SHA-256 of')).toBeGreaterThan(html.lastIndexOf('<section class="chapter"'))
    const lines = csv.stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(1 + PLANS.length)
    for (const [index, { task, counts }] of tasks.entries()) {
      expect(lines[index + 1]).toContain(`,${task},,${PLANS[index]?.spec.zone},`)
      expect(lines[index + 1]).toContain(`,${Object.values(counts).join(',')},`)
    }
  })

  test.skipIf(!hasChromium)(
    'a report loads nothing, leads to its details, is accessible, fits a narrow screen, a wide one and paper, and prints what is folded',
    async () => {
      const browser = await openBrowser()
      const { page, complaints, requests } = await openPage(browser, { viewport: { width: 360, height: 800 } })
      await page.goto(pathToFileURL(out).href)
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
      await expectAccessible(page)
      await page.locator('.report a').first().click()
      expect(await page.locator('.chapter:target').count()).toBe(1)
      const isCut =
        '[...document.querySelectorAll(".scroll, td, th")].filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.innerText)'
      await page.setViewportSize({ width: 1440, height: 900 })
      expect(await page.evaluate(isCut)).toEqual([])
      await page.emulateMedia({ media: 'print' })
      // A4 upright, inside the margins.
      await page.setViewportSize({ width: 718, height: 1000 })
      expect(await page.evaluate(isCut)).toEqual([])
      const isOnOneLine = '[...document.querySelectorAll("td code")].every((one) => one.getClientRects().length === 1)'
      expect(await page.evaluate(isOnOneLine)).toBe(true)
      expect(await page.locator('.chapter td', { hasText: 'marked it as completed' }).first().innerText()).not.toBe('')
      expect(complaints).toEqual([])
      expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([pathToFileURL(out).href])
      await browser.close()
    },
  )
})

describe('the file', () => {
  const path = join(folder, 'small.db')
  const plan: PlannedTask = {
    task: 'nightly',
    spec: { expression: '0 3 * * *', zone: 'Asia/Tokyo' },
    count: 20,
    fateOf: () => 'succeeded',
  }
  const args = ['report', '--store', `file:${path}`]
  beforeAll(() => fillFile(path, [plan], NOW))

  test('a report goes to standard output', async () => {
    const { code, stdout } = await cronledger([...args, '--out', '-', '--task', 'nightly'])
    expect(code).toBe(0)
    expect((await cronledger([...args, '--out', '-', 'night*'])).stdout).toMatch(/ · only night\* · made by /)
    expect(stdout).toMatch(
      /^<!doctype html>\n<html lang="en">.* · only nightly · .*<th scope="row">nightly<.*<\/html>$/s,
    )
  })

  // promise: report-interrupted
  test('is replaced as a whole, and a report that breaks off leaves the old one', async () => {
    const host = join(folder, 'replaced')
    mkdirSync(host)
    const out = join(host, 'report.html')
    writeFileSync(out, '<!DOCTYPE html>old')
    expect(await cronledger(['report', '--store', `file:${join(folder, 'none.db')}`, '--out', out])).toMatchObject({
      code: 78,
    })
    expect(readFileSync(out, 'utf8')).toBe('<!DOCTYPE html>old')
    expect(await cronledger([...args, '--out', out])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^[0-9a-f]{64} {2}.*\n$/),
    })
    expect(readFileSync(out, 'utf8')).toMatch(/<\/html>$/)
    expect(readdirSync(host)).toEqual(['report.html', 'report.html.sha256'])
    expect(statSync(out).mode & 0o777).toBe(0o600)
  })

  test('the file of a report does not replace a file that is not a page: the ledger itself', async () => {
    const before = readFileSync(path)
    const { code, stderr } = await cronledger([...args, '--out', path])
    expect({ code, stderr }).toEqual({
      code: 64,
      stderr: `cronledger: --out "${path}" exists and is not a report in this format, so it was not overwritten. Use another path, or remove the file.\n`,
    })
    expect(readFileSync(path)).toEqual(before)
  })

  test('the file of a report may be empty, and a link to it is followed', async () => {
    const host = join(folder, 'linked')
    mkdirSync(host)
    writeFileSync(join(host, 'empty.html'), '')
    symlinkSync('empty.html', join(host, 'link.html'))
    expect(await cronledger([...args, '--out', join(host, 'link.html')])).toMatchObject({ code: 0 })
    expect(readFileSync(join(host, 'empty.html'), 'utf8')).toMatch(/<\/html>$/)
    expect(readdirSync(host)).toEqual(['empty.html', 'link.html', 'link.html.sha256'])
  })

  test('the file of a report is not begun where a signal ends it', async () => {
    const host = join(folder, 'stopped')
    mkdirSync(host)
    const begun = once(watch(host), 'change')
    // The file is made, and is never ready to be written.
    const preload = `import fs from 'node:fs'
      const { open } = fs
      fs.open = (path, flags, mode) => open(path, flags, mode, () => setInterval(() => {}, 1e6))`
    const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(preload)}` }
    const running = start([...args, '--out', join(host, 'report.html')], { env })
    await begun
    running.child.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 130, stdout: '' })
    expect(readdirSync(host)).toEqual([])
  })

  test.each([
    [
      ['--out', '/dev/null'],
      /^cronledger: --out "\/dev\/null" is not a file\. Use a file, or - for standard output\.$/,
    ],
    [
      ['--out', '/nowhere/report.html'],
      /^cronledger: --out "\/nowhere\/report\.html" cannot be written: its folder does not exist/,
    ],
    [['--out', '-', '--task', 'nobody'], /^cronledger: unknown task: nobody\. /],
    [['--out', '-', '--task', 'day*'], /^cronledger: no task matches the given name and owner\. /],
    [
      ['--out', '-', '--since', '2026-02-01', '--until', '2026-01-01'],
      /^cronledger: --since "2026-02-01" is not earlier than --until/,
    ],
    [[], /^cronledger: --out is missing. Give --out/],
  ])('a report with %j is a usage error', async (more, message) => {
    const { code, stdout, stderr } = await cronledger([...args, ...more])
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr.trimEnd()).toMatch(message)
  })
})
