import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { windowOf } from '../../../src/core/schedule/slot.ts'
import { encodeTaskRecord } from '../../../src/core/task/task-record.ts'
import { openFileStore } from '../../../src/store/file/file-store.ts'
import { cronledger, scratch } from '../../support/cli.ts'
import { expectAccessible, hasChromium, openBrowser, openPage } from '../../support/pages/browser.ts'
import { companyTasks, fillFile, type PlannedTask } from '../../support/pages/ledger.ts'
import { type Filled, fill, KINDS, type Served, serve } from '../../support/pages/serve.ts'
import { recordWith } from '../../support/rows.ts'

const folder = scratch()
const NOW = Date.now()
const DAY_MS = 86_400_000
const SMALL = companyTasks(NOW).map((task) => ({ ...task, count: Math.min(task.count, 130) }))
const HEARTBEAT = SMALL.find(({ task }) => task === 'heartbeat') as PlannedTask

/** A task that had trouble, with its pauses. Its newest slot was a while ago, so that none becomes due during a test. */
const TROUBLED: PlannedTask = {
  ...HEARTBEAT,
  task: 'billing/troubled',
  fateOf: (ago) => (ago === 0 ? 'failed' : ago === 3 || ago === 4 ? 'missed' : ago === 9 ? 'stale' : 'succeeded'),
  rejectedOf: (ago) => (ago === 6 ? 2 : 0),
}

async function fillTroubled(path: string): Promise<void> {
  await fillFile(path, [TROUBLED], NOW)
  const store = openFileStore(path)
  const decided = { by: 'ada@ops-1', reason: 'the database is upgraded' }
  const pauses = Array.from({ length: 12 }, (_, index) => {
    const [at, until] = [NOW - (30 - index) * DAY_MS, NOW - (29.5 - index) * DAY_MS]
    return { ...decided, at, from: at, until }
  })
  const owner = 'https://wiki.example.com/billing'
  const expectations = { since: NOW - 9 * DAY_MS, lateAfterMs: 300_000, owner }
  const record = recordWith([{ since: NOW - 32 * 3_600_000, spec: TROUBLED.spec }], { pauses, expectations })
  const entry = { version: 2, document: encodeTaskRecord(record) }
  await store.writeEntry({ kind: '#task', task: TROUBLED.task }, entry, 1, { signal: AbortSignal.timeout(60_000) })
  store.close()
}

/** The year of the newest slot. */
const YEAR = new Date(windowOf(parseSchedule(TROUBLED.spec), NOW)?.slot ?? NOW).getUTCFullYear()

describe.skipIf(!hasChromium)('the page of a task', () => {
  let browser: Browser
  let served: Served
  const path = join(folder, 'troubled.db')
  beforeAll(async () => {
    browser = await openBrowser()
    await fillTroubled(path)
    served = await serve(`file:${path}`)
  })
  afterAll(async () => {
    await served?.stop()
    await browser?.close()
  })
  const open = async (query = '', options: Parameters<typeof openPage>[1] = {}) => {
    const opened = await openPage(browser, options)
    await opened.page.goto(`${served.url}task?task=${TROUBLED.task}${query}`)
    return opened
  }
  const focused = (page: Page) =>
    page.evaluate(
      'document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent',
    ) as Promise<string>

  test('says first what is wrong now, and leads to what to do', async () => {
    const { page, complaints, close } = await open()
    expect(await page.locator('.status-now').innerText()).toMatch(
      /^F\s*failed\s*\d{4}-\d\d-\d\d \d\d:\d\d UTC.*ago.*after/s,
    )
    expect(await page.locator('.task-facts').innerText()).toMatch(/Next slot\s.*\s\(in .*Schedule\s.*Owner\s/s)
    expect(await page.getByRole('link', { name: 'https://wiki.example.com/billing' }).getAttribute('rel')).toBe(
      'noreferrer noopener',
    )
    await page.locator('.findings').getByRole('link').first().click()
    await page.waitForURL(/\/slot\?task=billing%2Ftroubled/)
    expect(complaints).toEqual([])
    await close()
  })

  test('the bars stand below the cells of the same slots', async () => {
    const { page, close } = await open()
    const middles = (selector: string) =>
      page
        .locator(selector)
        .evaluateAll((all) =>
          all.map((one) => one.getBoundingClientRect()).map(({ x, width }) => Math.round(x + width / 2)),
        )
    const cells = await middles('.chart thead a')
    expect(cells).toHaveLength(20)
    for (const plot of [1, 2]) expect(await middles(`.chart .plot:nth-of-type(${plot}) g`)).toEqual(cells)
    await close()
  })

  test('a bar says what it is: by its title without the script, by the popover with it', async () => {
    const { page, close } = await open()
    const bar = page.locator('.plot g.failed').first()
    expect(await bar.locator('title').textContent()).toBe(
      (await bar.getAttribute('data-facts'))?.replaceAll('; ', '\n'),
    )
    expect(await bar.getAttribute('data-facts')).toMatch(/^billing\/troubled; .* UTC; failed; took .*; 1 attempt$/)
    await bar.hover()
    await page.locator('#popover', { hasText: 'billing/troubled' }).waitFor()
    expect(await bar.locator('title').count()).toBe(0)
    await close()
  })

  test('by the keys alone: the Tab key stops once at the strip, and the arrow keys move in it', async () => {
    const { page, close } = await open()
    const stops: string[] = []
    for (let count = 0; count < 20 && stops.at(-1) !== 'any'; count += 1) {
      await page.keyboard.press('Tab')
      stops.push(
        await page.evaluate('document.activeElement.matches("select") ? "any" : document.activeElement.className'),
      )
    }
    expect(stops.filter((name) => name.startsWith('c '))).toEqual(['c failed'])
    await page.locator('.chart a.failed').focus()
    for (let count = 0; count < 3; count += 1) await page.keyboard.press('ArrowLeft')
    expect(await focused(page)).toMatch(/^billing\/troubled; .* UTC; missed$/)
    await page.keyboard.press('Home')
    expect(await page.evaluate('document.activeElement.getBoundingClientRect().left')).toBe(
      await page.evaluate('document.querySelector(".chart thead a").getBoundingClientRect().left'),
    )
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/slot\?/)
    await close()
  })

  test('keeps the rules of accessibility, in light and in dark', async () => {
    for (const query of ['', `&year=${YEAR}`, '&status=missed', '&status=skipped']) {
      const { page, complaints, close } = await open(query)
      await expectAccessible(page)
      expect(complaints).toEqual([])
      await close()
    }
  })

  test.each([360, 768, 1024, 1440])('fits a screen of %i pixels', async (width) => {
    const { page, close } = await open(`&year=${YEAR}`, { viewport: { width, height: 800 } })
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
    const shown = await page
      .locator('.chart thead a')
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().width))
    expect(shown).toHaveLength(20)
    expect(Math.min(...shown)).toBeGreaterThanOrEqual(10)
    await close()
  })

  test('a refresh keeps what is open, and does not move the page', async () => {
    const { page, close } = await openPage(browser)
    await page.clock.install()
    await page.goto(`${served.url}task?task=${TROUBLED.task}`)
    const summary = page.locator('summary', { hasText: 'earlier changes' })
    await summary.click()
    await summary.scrollIntoViewIfNeeded()
    const before = await page.evaluate('[document.querySelector("details").open, scrollY]')
    expect(before).toEqual([true, expect.any(Number)])
    // The refresh takes away what the server did not send.
    await page.evaluate('document.querySelector(".task-facts").dataset.mark = ""')
    await page.clock.runFor(31_000)
    await page.locator('[data-mark]').waitFor({ state: 'detached' })
    expect(await page.evaluate('[document.querySelector("details").open, scrollY]')).toEqual(before)
    await close()
  })

  test('a year is shown on demand, and its days lead to their slots', async () => {
    const { page, close } = await open()
    expect(await page.locator('.month').count()).toBe(0)
    await page
      .getByRole('navigation', { name: 'Years' })
      .getByRole('link', { name: String(YEAR) })
      .click()
    await page.waitForURL(/year=\d{4}#calendar/)
    // 130 slots of a quarter of an hour are two days.
    expect(await page.locator('.month').count()).toBeLessThanOrEqual(2)
    const day = page.locator('.month a[aria-label*="failed"]')
    expect(await day.getAttribute('aria-label')).toMatch(/^billing\/troubled, \d+ \w+ \d{4}, 1 failed, /)
    await day.click()
    await page.waitForURL(/since=.*&until=.*&year=/)
    expect(await page.locator('.list tbody tr').count()).toBeGreaterThan(0)
    await page.getByRole('link', { name: 'Close' }).click()
    await page.waitForURL((url) => !url.search.includes('year'))
    await close()
  })

  test('only the address sets a filter', async () => {
    const { page, close } = await open('', { viewport: { width: 360, height: 800 } })
    const status = page.getByLabel('Status')
    await status.selectOption('failed')
    await page.getByRole('button', { name: 'Show' }).click()
    await page.waitForURL(/status=failed/)
    await page.goBack()
    expect(await status.inputValue()).toBe('')
    await close()
  })

  describe.each(KINDS)('on a ledger in %s', (kind) => {
    let filled: Filled
    let served: Served
    beforeAll(async () => {
      filled = await fill(kind, join(folder, kind), [HEARTBEAT], NOW)
      served = await serve(filled.store, { env: filled.env })
    })
    afterAll(async () => {
      await served?.stop()
      await filled?.close()
    })

    test('the address holds the filters and the page', async () => {
      const { page, close } = await openPage(browser)
      await page.goto(`${served.url}task?task=heartbeat`)
      await page.getByLabel('Status').selectOption('missed')
      await page.getByRole('button', { name: 'Show' }).click()
      await page.waitForURL(/status=missed/)
      const slots = page.locator('.list tbody tr')
      expect(await slots.count()).toBe(2)
      expect(await page.getByLabel('Status').inputValue()).toBe('missed')

      await page.goto(`${served.url}task?task=heartbeat&duplicates=1`)
      expect(await slots.allInnerTexts()).toEqual([expect.stringMatching(/completed.*3 duplicates$/s)])
      await page.goto(`${served.url}task?task=heartbeat`)
      const times = () =>
        page.locator('.list tbody time').evaluateAll((all) => all.map((one) => one.getAttribute('datetime') ?? ''))
      const first = await times()
      const all = [...first]
      while ((await page.getByRole('link', { name: 'Older slots' }).count()) > 0) {
        await page.getByRole('link', { name: 'Older slots' }).click()
        await page.waitForURL((url) => url.searchParams.get('before') === all.at(-1)?.replace('Z', '.000Z'))
        all.push(...(await times()))
      }
      expect(all).toHaveLength(130)
      expect(all).toEqual([...new Set(all)].sort().reverse())
      await page.getByRole('link', { name: 'Newest slots' }).click()
      await page.waitForURL((url) => !url.search.includes('before'))
      expect((await times())[0]).toBe(first[0])
      await close()
    })
  })

  test('a report folds what is calm: a link opens it, and a print leaves it out', async () => {
    const out = join(folder, 'report.html')
    const made = await cronledger(['report', '--store', `file:${path}`, '--task', TROUBLED.task, '--out', out])
    expect(made).toMatchObject({ code: 0 })
    const { page, complaints, close } = await openPage(browser)
    await page.goto(pathToFileURL(out).href)
    await expectAccessible(page)
    expect(await page.locator('article.detail').count()).toBe(4)
    const folded = page.locator('details', { has: page.locator('summary', { hasText: 'completed' }) })
    const calm = folded.filter({ has: page.locator('article') }).first()
    expect(await calm.evaluate((element) => element.hasAttribute('open'))).toBe(false)
    await page.locator('.chart a.completed').last().click()
    await page.locator('details[open] article:target').waitFor()
    await page.emulateMedia({ media: 'print' })
    expect(
      await folded
        .filter({ has: page.locator('article') })
        .evaluateAll((all) => all.filter((one) => one.getBoundingClientRect().height > 0).length),
    ).toBe(1)
    expect(await page.locator('.plot svg').first().isVisible()).toBe(true)
    expect(complaints).toEqual([])
    await close()
  })

  test('a task of 100,000 rows', async () => {
    const path = join(folder, 'deep.db')
    const plan: PlannedTask = {
      task: 'minutely',
      spec: { expression: '* * * * *', zone: 'UTC' },
      count: 100_000,
      fateOf: () => 'succeeded',
    }
    await fillFile(path, [plan], NOW)
    const served = await serve(`file:${path}`)
    const { page, complaints, close } = await openPage(browser)
    await page.goto(`${served.url}task?task=minutely`)
    expect(await page.locator('.list tbody tr').count()).toBe(25)
    await page.goto(`${served.url}task?task=minutely&year=${new Date(NOW).getUTCFullYear()}`)
    expect(await page.locator('.calendar + p').innerText()).toMatch(
      /^The slots of days before \d{4}-\d\d-\d\d are not counted/,
    )
    const deep = new Date(NOW - 99_000 * 60_000).toISOString()
    await page.goto(`${served.url}task?task=minutely&before=${deep}`)
    expect(await page.locator('.list tbody tr').count()).toBe(25)
    await page.goto(`${served.url}task?task=minutely&status=failed`)
    expect(await page.locator('.pages').innerText()).toMatch(
      /^Search the slots before .*\s*0 of the 10000 slots that were searched match\.$/,
    )
    expect(complaints).toEqual([])
    await served.stop()
    await close()
  })
})
