import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CheckOptions } from '../../../src/api.ts'
import { createLedger } from '../../../src/ledger.ts'
import { openFileDatabase } from '../../../src/store/file/database.ts'
import type { AppOptions } from '../../../src/web/server/answers.tsx'
import { createApp } from '../../../src/web/server/app.tsx'
import { wallClock } from '../../../src/web/views/frame/wall-clock.ts'
import { scratch } from '../../support/cli.ts'
import { gate } from '../../support/gate.ts'
import { fillFile } from '../../support/pages/ledger.ts'

const NOW = Date.now()
const path = join(scratch(), 'ledger.db')
const ledger = createLedger({ store: `file:${path}` })
afterAll(() => ledger.close())
beforeAll(async () => {
  const spec = { expression: '0 3 * * *', zone: 'Asia/Tokyo' }
  await fillFile(
    path,
    ['a', 'b'].map((task) => ({ task, spec, count: 5, fateOf: (ago) => (ago === 2 ? 'failed' : 'succeeded') })),
    NOW,
  )
  const database = openFileDatabase(path)
  database.transact('write', ({ run }) =>
    run(`UPDATE rows SET document = json_set(document, '$.state', 'LOST') WHERE task = 'b'`),
  )
  database.close()
})

/** A clock whose every look takes a while, and when its waits would be over. */
function slowClock() {
  let atMs = 0
  const ends: number[] = []
  const monotonicMs = () => {
    atMs += 100
    return atMs
  }
  const wait = (ms: number) => {
    ends.push(atMs + ms)
    return new Promise<void>(() => {})
  }
  return { clock: { now: () => NOW, monotonicMs, wait }, ends }
}

function open(settings: Partial<AppOptions> = {}) {
  const { clock, ends } = slowClock()
  const app = createApp({
    ledger,
    store: `file:${path}`,
    assets: { script: '', style: '' },
    host: '127.0.0.1',
    ledgerTimeoutMs: 60_000,
    graceMs: 900_000,
    skewMs: 30_000,
    clock,
    report: (message) => expect.unreachable(message),
    ...settings,
  })
  const ask = async (address: string) => {
    const answer = await app.request(address, { headers: { host: 'localhost' } })
    return { status: answer.status, html: (await answer.text()).replaceAll('&amp;', '&') }
  }
  return { ask, ends }
}

test('a page of a task has one clock for all of its readings', async () => {
  const { ask, ends } = open()
  expect((await ask('/task?task=a&year=2026')).status).toBe(200)
  expect(ends).toHaveLength(3)
  expect(new Set(ends).size).toBe(1)
})

test.each(['/', '/needs'])('%s shows what was read so far, and later the rest', async (address) => {
  const last = gate()
  async function* check(options: CheckOptions) {
    if (typeof options.task === 'object' && options.task.task === 'b') await last.opened
    yield* ledger.check(options)
  }
  let isOver = true
  // A page waits a few seconds for the findings. The deadline of a reading is longer, and is never met.
  const wait = (ms: number) => (isOver && ms < 30_000 ? Promise.resolve() : new Promise<void>(() => {}))
  const { ask } = open({ ledger: { ...ledger, check }, clock: { ...slowClock().clock, wait } })
  const begun = await ask(address)
  expect(begun.status).toBe(200)
  expect(begun.html).toContain('1 task was checked so far. The others are still being checked.')
  expect(begun.html).toMatch(/At least 1 (slot|failed)/)
  isOver = false
  last.open()
  const whole = await ask('/needs')
  expect(whole.html).toMatch(/At least 1 failed in the last 7 days.*task b: row b .*state is &quot;LOST&quot;/)
  expect(whole.html).not.toContain('so far')
})

/** An app whose findings are not read before `findings` opens. A page waits for them without a limit. */
function openWithoutFindings() {
  const findings = gate()
  async function* check(options: CheckOptions) {
    await findings.opened
    yield* ledger.check(options)
  }
  const wait = () => new Promise<void>(() => {})
  return { findings, ...open({ ledger: { ...ledger, check }, clock: { ...slowClock().clock, wait } }) }
}

test('many viewers who wait for the findings do not hold up the other pages', async () => {
  const { findings, ask } = openWithoutFindings()
  const viewers = Array.from({ length: 40 }, () => ask('/needs'))
  expect((await ask('/slot?task=a&slot=2001-01-01T00:00:00Z')).status).toBe(404)
  findings.open()
  expect(new Set((await Promise.all(viewers)).map(({ status }) => status))).toEqual(new Set([200]))
})

test('a page that others wait for is shared also where further pages are refused', async () => {
  const { findings, ask } = openWithoutFindings()
  const searches = Array.from({ length: 36 }, (_, index) => ask(`/?q=${index}`))
  const shared = ask('/?q=35')
  expect((await ask('/?q=other')).status).toBe(503)
  findings.open()
  expect((await shared).status).toBe(200)
  expect(new Set((await Promise.all(searches)).map(({ status }) => status))).toEqual(new Set([200]))
})

describe('what is asked of a task', () => {
  const day = new Date(NOW - 86_400_000).toISOString().slice(0, 10)

  test('stays asked in another year, and of a day', async () => {
    const year = Number(wallClock('Asia/Tokyo').day(NOW).slice(0, 4))
    const { html } = await open().ask(`/task?task=a&status=failed&year=${year - 1}`)
    expect(html).toContain(`href="/task?task=a&status=failed&year=${year}#calendar"`)
    const { html: own } = await open().ask(`/task?task=a&status=failed&year=${year}`)
    expect(own).toMatch(/href="\/task\?task=a&status=failed&since=(\d{4}-\d\d-\d\d)&until=\1&year=\d{4}"/)
  })

  test('is named if no field shows it', async () => {
    expect((await open().ask('/task?task=a&since=7d')).html).toContain('Only slots from 7d are shown.')
    const column = 'since=2026-11-24T03:00:00Z&until=2026-11-24T07:00:00Z'
    expect((await open().ask(`/task?task=a&${column}`)).html).toContain(
      'Only slots from 2026-11-24 12:00 +09:00 to 2026-11-24 16:00 +09:00 are shown.',
    )
    expect((await open().ask(`/task?task=a&since=${day}`)).html).not.toContain('Only slots')
    expect((await open().ask('/task?task=a&status=unknown')).html).toMatch(/<option value="unknown" selected/)
    expect(await open().ask('/task?task=a&status=late')).toMatchObject({ status: 400 })
  })

  test('stays asked on the newest page, and where the calendar is closed', async () => {
    const { html } = await open().ask('/task?task=a&duplicates=1&before=2100-01-01T00:00:00Z&year=2026')
    expect(html).toContain('<a href="/task?task=a&duplicates=1&year=2026">Newest slots</a>')
    expect(html).toContain('<a href="/task?task=a&duplicates=1&before=2100-01-01T00%3A00%3A00Z#calendar">Close</a>')
  })

  test('leads back to all where nothing matches', async () => {
    const { html } = await open().ask(`/task?task=a&since=${day}&before=2001-01-01T00:00:00Z`)
    expect(html).toContain('No slots match. <a href="/task?task=a">All slots</a>')
  })
})

test('a year is read only when it is asked for', async () => {
  const limits: (number | undefined)[] = []
  const history: typeof ledger.history = (options) => {
    limits.push(options?.limit)
    return ledger.history(options)
  }
  const { ask } = open({ ledger: { ...ledger, history } })
  expect((await ask('/task?task=a')).html).not.toContain('class="month"')
  expect(limits).toEqual([26])
  const { html } = await ask(`/task?task=a&year=${wallClock('Asia/Tokyo').day(NOW).slice(0, 4)}`)
  expect(html).toContain('class="month"')
  expect(limits).toEqual([26, 26, undefined])
})

test('the strip has the newest slots also where the history is filtered', async () => {
  const { html } = await open().ask('/task?task=a&status=skipped')
  expect(html).toContain('No slots match.')
  expect(html).toContain('>Last 5 slots<')
})

describe('a page asks for itself again', () => {
  /** Opens an app with one task, whose newest slot has this end. Each list of the tasks costs `costMs`. */
  async function pollMsOf(address: string, fate: 'running' | 'succeeded', costMs: number) {
    const own = join(scratch(), 'ledger.db')
    const spec = { expression: '* * * * *', zone: 'UTC' }
    await fillFile(own, [{ task: 'a', spec, count: 3, fateOf: (ago) => (ago === 0 ? fate : 'succeeded') }], NOW)
    const opened = createLedger({ store: `file:${own}` })
    let atMs = 0
    const tasks: typeof ledger.tasks = (options) => {
      atMs += costMs
      return opened.tasks(options)
    }
    const clock = { now: () => NOW, monotonicMs: () => atMs, wait: () => new Promise<void>(() => {}) }
    const { html } = await open({ ledger: { ...opened, tasks }, clock }).ask(address)
    await opened.close()
    return Number(/data-poll-ms="(\d+)"/.exec(html)?.[1])
  }

  test.each(['/', '/task?task=a'])('%s: soon while something runs, and seldom if it costs much', async (address) => {
    expect(await pollMsOf(address, 'running', 0)).toBe(5_000)
    expect(await pollMsOf(address, 'succeeded', 0)).toBe(30_000)
    expect(await pollMsOf(address, 'succeeded', 7_000)).toBeGreaterThanOrEqual(70_000)
  })
})

test('the overview shows 7 days if the address has no span', async () => {
  const { ask } = open()
  const columns = async (address: string) => (await ask(address)).html.match(/<th scope="col"/g)?.length
  expect(await columns('/')).toBe(await columns('/?span=7d'))
  expect(await columns('/')).not.toBe(await columns('/?span=24h'))
})

test('a late slot is named on top and on its page', async () => {
  const { ask } = open({ lateAfterMs: 1 })
  const [address = ''] = /\/slot\?[^"]*(?=">(?:(?!<\/a>).)*>late\b)/s.exec((await ask('/')).html) ?? []
  expect((await ask(address)).html).toMatch(/completed, started late.*, started \d+(\.\d)?s late</s)
  expect((await open().ask(address)).html).not.toContain('started late')
})

test('a row that cannot be read is named on the page of its task', async () => {
  const { status, html } = await open().ask('/task?task=b')
  expect(status).toBe(200)
  expect(html).toMatch(/<p class="problem">row b .*state is &quot;LOST&quot;/)
})
