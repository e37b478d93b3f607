import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CheckOptions, SlotsOptions } from '../../../src/api.ts'
import { DAY_MS } from '../../../src/core/duration.ts'
import type { StoredDocument } from '../../../src/core/row/stored-fields.ts'
import { encodeTaskRecord } from '../../../src/core/task/task-record.ts'
import { createLedger } from '../../../src/ledger.ts'
import { openFileDatabase } from '../../../src/store/file/database.ts'
import { openFileStore } from '../../../src/store/file/file-store.ts'
import type { AppOptions } from '../../../src/web/server/answers.tsx'
import { createApp } from '../../../src/web/server/app.tsx'
import { wallClock } from '../../../src/web/views/frame/time.tsx'
import { cronledger, scratch } from '../../support/cli.ts'
import { gate } from '../../support/gate.ts'
import { fillFile } from '../../support/pages/ledger.ts'
import { recordWith } from '../../support/rows.ts'

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
    clock,
    report: (message) => expect.unreachable(message),
    ...settings,
  })
  const ask = async (address: string) => {
    const answer = await app.request(address, { headers: { host: 'localhost' } })
    return { status: answer.status, html: (await answer.text()).replaceAll('&amp;', '&') }
  }
  return { app, ask, ends }
}

test('a page of a task has one clock for all of its readings', async () => {
  const { ask, ends } = open()
  expect((await ask('/task?task=a')).status).toBe(200)
  expect(ends).toHaveLength(2)
  expect(new Set(ends).size).toBe(1)
})

test('the findings of a page are judged at the time of the page, whatever the time is when they are read', async () => {
  const { ask } = open({ clock: { ...slowClock().clock, now: () => NOW + 2.5 * DAY_MS } })
  expect((await ask('/needs')).html).toMatch(/[4-6] missed/)
})

test.each(['/', '/needs'])('%s shows what was read so far, and later the rest', async (address) => {
  const last = gate()
  async function* check(options: CheckOptions) {
    if (typeof options.task === 'object' && options.task.task === 'b') await last.opened
    yield* ledger.check(options)
  }
  let isOver = true
  // A page waits a few seconds for the findings. The deadline of a reading is longer, and is never met.
  const wait = (ms: number) =>
    new Promise<void>((resolve) => {
      if (isOver && ms < 30_000) setImmediate(resolve)
    })
  const { ask } = open({ ledger: { ...ledger, check }, clock: { ...slowClock().clock, wait } })
  const begun = await ask(address)
  expect(begun.status).toBe(200)
  expect(begun.html).toContain('Partial: 1 of 2 tasks checked so far.')
  expect(begun.html).toMatch(/At least 1 (slot|failed)/)
  expect((await ask('/metrics')).status).toBe(503)
  isOver = false
  last.open()
  const whole = await ask('/needs')
  expect(whole.html).toMatch(
    /6 slots need attention.*1 failed, 5 unknown in the last 7 days.*state is &quot;LOST&quot;/,
  )
  expect(whole.html).not.toContain('so far')
})

test('a table that takes long shows the tasks that were read so far, however long, and later all of them', async () => {
  const last = gate()
  async function* slots(options: SlotsOptions) {
    if (typeof options.task === 'object' && options.task.task === 'b') await last.opened
    yield* ledger.slots(options)
  }
  // Each wait of a request for a part is over at once, and the time of no reading is.
  const wait = (ms: number) =>
    new Promise<void>((resolve) => {
      if (ms < 30_000) setImmediate(resolve)
    })
  const { app, ask } = open({ ledger: { ...ledger, slots }, clock: { ...slowClock().clock, wait } })
  const partly = 'Partial: 1 of the 2 tasks of this page read so far.'
  let page = await ask('/')
  for (; !page.html.includes(partly); page = await ask('/')) expect(page.html).toMatch(/Partial|being read/)
  expect(page).toMatchObject({ status: 200, html: expect.stringContaining('data-poll-ms="5000"') })
  expect(page.html.match(/data-task="[^"]*"/g)).toEqual(['data-task="a"'])
  expect(page.html).toMatch(/6 slots need attention/)
  const whole = app.request('/', { headers: { host: 'localhost', prefer: 'wait' } })
  last.open()
  expect((await (await whole).text()).match(/data-task="[^"]*"/g)).toEqual(['data-task="a"', 'data-task="b"'])
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

test('the filters of a task stay in the fields and on the newest page, and a link leads back to all slots', async () => {
  const { ask } = open()
  const column = 'since=2026-11-24T03:00:00Z&until=2026-11-24T07:00:00Z'
  const { html } = await ask(`/task?task=a&${column}&status=unknown`)
  expect(html).toMatch(/name="since" value="2026-11-24T03:00:00Z".*name="until" value="2026-11-24T07:00:00Z"/)
  expect(html).toContain('<option value="unknown" selected')
  expect(html).toContain('No slots match. <a href="/task?task=a">All slots</a>')
  const { html: older } = await ask('/task?task=a&status=rejected&before=2100-01-01T00:00:00Z')
  expect(older).toContain('<a href="/task?task=a&status=rejected">Newest slots</a>')
  expect(await ask('/task?task=a&status=late')).toMatchObject({ status: 400 })
})

test('an address takes the times that the command line takes', async () => {
  const { app, ask } = open()
  const day = wallClock('Asia/Tokyo')
    .time(NOW - 86_400_000)
    .slice(0, 10)
  const slot = encodeURIComponent(`${new Date(Date.parse(day) - 6 * 3_600_000).toISOString().slice(0, 19)}Z`)
  for (const text of [day, `${day} 03:00`, `${day}T03:00`]) {
    const answer = await app.request(`/slot?task=a&slot=${text}`, { headers: { host: 'localhost' } })
    expect([answer.status, answer.headers.get('location')]).toEqual([302, `/slot?task=a&slot=${slot}`])
    expect((await ask(`/task?task=a&since=${text}`)).status).toBe(200)
  }
  expect((await ask('/slot?task=a&slot=latest')).status).toBe(302)
  expect((await ask(`/slot?task=a&slot=${slot}`)).html).toContain(`${day} 03:00`)
})

test('in a chosen zone, also the commands and cautions of a task have no time of another zone', async () => {
  const { app } = open()
  const textIn = async (zone: string) => {
    const headers = { host: 'localhost', cookie: `cronledger-times=${zone}` }
    const html = await (await app.request('/task?task=b', { headers })).text()
    return html.replaceAll(/<[^>]*>/g, ' ')
  }
  expect(await textIn('')).toMatch(/03:00 JST: /)
  expect(await textIn('UTC')).not.toContain('JST')
})

test('the newest slots are shown above a filtered history, too', async () => {
  const { html } = await open().ask('/task?task=a&status=skipped')
  expect(html).toContain('No slots match.')
  expect(html).toContain('>Last 5 slots<')
})

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

test.each(['/', '/task?task=a'])('%s: is soon while something runs, and seldom if it costs much', async (address) => {
  expect(await pollMsOf(address, 'running', 0)).toBe(5_000)
  expect(await pollMsOf(address, 'succeeded', 0)).toBe(30_000)
  expect(await pollMsOf(address, 'succeeded', 7_000)).toBeGreaterThanOrEqual(70_000)
})

test('the overview shows 7 days if the address has no span', async () => {
  const { ask } = open()
  const columns = async (address: string) => (await ask(address)).html.match(/<th scope="col"/g)?.length
  expect(await columns('/')).toBe(await columns('/?span=7d'))
  expect(await columns('/')).not.toBe(await columns('/?span=24h'))
})

test('with an owner, the pages count and repair only what check --owner does', async () => {
  const own = join(scratch(), 'ledger.db')
  const spec = { expression: '0 * * * *', zone: 'UTC' }
  const owners = ['Payments', 'Payments', 'payments EU', 'Data', 'Data', 'Data', undefined]
  await fillFile(
    own,
    owners.map((owner, index) => ({
      task: `task-${index}`,
      spec,
      count: 8,
      fateOf: (ago) => (ago === 3 ? 'failed' : 'succeeded'),
      ...(owner !== undefined && { owner }),
    })),
    NOW,
  )
  const opened = createLedger({ store: `file:${own}` })
  const { ask } = open({ ledger: opened })
  for (const [owner, tasks] of [
    ['PAY', 3],
    ['Payments EU', 1],
    ['nobody', 0],
  ] as const) {
    const { stdout } = await cronledger(['check', '--json', '--store', `file:${own}`, '--owner', owner])
    const found = tasks === 0 ? [] : JSON.parse(stdout)
    expect(found).toHaveLength(tasks)
    for (const address of ['/', '/needs']) {
      const { html } = await ask(`${address}?${new URLSearchParams({ owner })}`)
      const needed = tasks === 0 ? 'No tasks' : tasks === 1 ? '1 slot needs attention' : `${tasks} slots need attention`
      expect(/<h1[^>]*>(.*?)<\/h1>/.exec(html)?.[1]).toBe(needed)
      const shown = [...html.matchAll(/class="(?:task|line)"[^>]*href="\/task\?task=([^"]*)"|data-task="([^"]*)"/g)]
      expect(new Set(shown.map(([, name, other]) => name ?? other)).size).toBe(tasks)
      expect(/--owner PAY[ <]/.test(html)).toBe(tasks > 1)
      expect(html).not.toContain('--all')
    }
  }
  expect((await ask('/')).html).toMatch(/7 slots need attention.*rerun<.*--store .*>--all</)
  await opened.close()
})

test('a row that cannot be read is named on the page of its task', async () => {
  const { status, html } = await open().ask('/task?task=b')
  expect(status).toBe(200)
  expect(html).toMatch(/5 slots need attention.*state is &quot;LOST&quot;/)
})

test('text of the ledger is text on every page', async () => {
  const HOSTILE = `</title></code><script>alert(1)</script> \u202eevil \u001b[2J "q" 'a' &amp;`
  const own = join(scratch(), 'ledger.db')
  const spec = { expression: '0 3 * * *', zone: 'UTC' }
  const fates = ['done-by-hand', 'rerun', 'skipped'] as const
  await fillFile(
    own,
    [{ task: 'a/../b', spec, count: 5, fateOf: (ago) => fates[ago] ?? 'succeeded', reason: HOSTILE }],
    NOW,
  )
  const store = openFileStore(own)
  for (const [task, expression] of [
    [HOSTILE, '0 4 * * *'],
    ['zz-bad-schedule', `0 4 * * * ${HOSTILE}`],
  ] as const) {
    const document = encodeTaskRecord(recordWith([{ since: NOW - 3 * 86_400_000, spec }]))
    const schedules = (document['schedules'] as StoredDocument[]).map((one) => ({ ...one, schedule: expression }))
    const entry = { version: 1, document: { ...document, schedules } }
    await store.writeEntry({ kind: '#task', task }, entry, 'absent', { signal: AbortSignal.timeout(60_000) })
  }
  store.close()
  const opened = createLedger({ store: `file:${own}` })
  const { ask } = open({ ledger: opened })
  const { html } = await ask('/')
  const addresses = [...html.matchAll(/href="(\/(?:slot|task)[^"]*)"/g)].map(([, address = '']) => address)
  // How many slots the overview shows depends on the time of the day.
  expect(addresses.length).toBeGreaterThan(5)
  for (const address of ['/', '/needs', `/?q=${encodeURIComponent(HOSTILE)}`, ...addresses]) {
    const page = await ask(address)
    // The name of a task that only a damaged record can have is not a valid one.
    expect(page.status).toBe(address.includes('script') && !address.startsWith('/?') ? 400 : 200)
    expect(page.html).not.toContain('<script>alert')
    for (const char of ['\u202e', '\u001b']) expect(page.html.replaceAll(/<[^>]*>/g, '')).not.toContain(char)
  }
  const slots = await Promise.all(addresses.filter((address) => address.includes('slot=')).map(ask))
  expect(slots.map(({ html }) => html).join()).toContain('&lt;script&gt;alert(1)')
  await opened.close()
})
