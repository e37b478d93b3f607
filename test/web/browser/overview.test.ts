import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scratch } from '../../support/cli.ts'
import { gate } from '../../support/gate.ts'
import { expectAccessible, hasChromium, openBrowser, openPage } from '../../support/pages/browser.ts'
import { fillFile } from '../../support/pages/ledger.ts'
import { type Served, serve } from '../../support/pages/serve.ts'
import { shownTasks, sixtyTasks } from '../../support/pages/sixty-tasks.ts'

const folder = scratch()
const NOW = Date.now()
/** 60 tasks, of which eleven need no more than a line each, must be read without much scrolling. */
const MAX_HEIGHT = 1_950

const focusedName = (page: Page) =>
  page.evaluate(
    'document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent',
  ) as Promise<string>

describe.skipIf(!hasChromium)('the overview in a browser', () => {
  let browser: Browser
  let served: Served
  beforeAll(async () => {
    browser = await openBrowser()
    const path = join(folder, 'sixty.db')
    await fillFile(path, sixtyTasks(NOW), NOW)
    served = await serve(`file:${path}`)
  })
  afterAll(async () => {
    await served?.stop()
    await browser?.close()
  })

  test('sixty tasks take about two screens, and what needs attention comes first', async () => {
    const { page, complaints, close } = await openPage(browser, { viewport: { width: 1440, height: 900 } })
    await page.goto(served.url)
    // On a busy machine, the page shows the findings so far first, and asks again.
    await page.locator('h1', { hasText: /^8 slots need attention$/ }).waitFor()
    expect(await shownTasks(page)).toHaveLength(60)
    expect(await page.evaluate('document.documentElement.scrollHeight')).toBeLessThan(MAX_HEIGHT)
    const heights = await page
      .locator('#tasks tr[data-task]')
      .evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect().height))
    expect(Math.max(...heights)).toBeLessThanOrEqual(24)
    expect(await page.title()).toBe('(8) Tasks · cronledger')
    expect(await page.locator('.outage').innerText()).toMatch(
      /^4 tasks have problems that began between .* They may have one cause\.$/,
    )
    expect(await page.locator('#tasks .group').first().innerText()).toBe('Needs attention 4 tasks')
    // The slots of one time are below each other.
    const lefts = await page
      .locator('#tasks .missed')
      .evaluateAll((cells) => cells.map((cell) => cell.getBoundingClientRect().left))
    expect(new Set(lefts).size).toBeLessThanOrEqual(2)
    expect(complaints).toEqual([])
    await close()
  })

  test('the head of the table stays in sight', async () => {
    const { page, close } = await openPage(browser, { viewport: { width: 1280, height: 700 } })
    await page.goto(served.url)
    await page.locator('#tasks tr[data-task]').last().scrollIntoViewIfNeeded()
    const head = await page.locator('.grid thead').first().boundingBox()
    expect(head?.y).toBe(0)
    await close()
  })

  test('the search hides the other tasks while a person types, and a refresh keeps it', async () => {
    const { page, requests, close } = await openPage(browser)
    await page.goto(served.url)
    const before = requests.length
    await page.getByLabel('Name').pressSequentially('ETL/')
    const found = await shownTasks(page)
    expect(found).toHaveLength(sixtyTasks(NOW).filter(({ task }) => task.startsWith('etl/')).length)
    expect(found.every((task) => task.startsWith('etl/'))).toBe(true)
    expect(await page.locator('#found').innerText()).toBe(`${found.length} of 60 tasks`)
    // Without a request, and a group without a task has no line.
    expect(requests).toHaveLength(before)
    expect(await page.locator('#tasks .group', { hasText: 'billing/' }).isVisible()).toBe(false)
    const number = page.locator('#tasks .group', { hasText: 'etl/' }).locator('small')
    expect(await number.isVisible()).toBe(false)
    expect(new URL(page.url()).search).toBe('?q=ETL%2F')
    expect(await page.getByRole('link', { name: '24 h' }).getAttribute('href')).toBe('/?span=24h&q=ETL%2F')
    // A refresh has only these tasks. Then a longer text needs no request, and another one does.
    await page.clock.install()
    await page.reload()
    expect(await shownTasks(page)).toEqual(found)
    await page.getByLabel('Name').fill('')
    const answer = page.waitForResponse(served.url)
    await page.clock.runFor(300)
    await answer
    await page.locator('#tasks[data-q=""]').waitFor()
    expect(await shownTasks(page)).toHaveLength(60)
    expect(await number.isVisible()).toBe(true)
    await close()
  })

  test('the answer to a refresh that began before the search does not replace what was found', async () => {
    const { page, close } = await openPage(browser)
    await page.clock.install()
    await page.goto(`${served.url}?q=etl/`)
    const held = gate()
    const begun = gate()
    await page.route(/q=etl/, async (route) => {
      begun.open()
      await held.opened
      await route.continue()
    })
    await page.clock.runFor(Number(await page.locator('#main').getAttribute('data-poll-ms')))
    await begun.opened
    await page.getByLabel('Name').fill('billing/')
    await page.clock.runFor(300)
    await page.locator('#tasks[data-q="billing/"]').waitFor()
    const found = await shownTasks(page)
    const late = page.waitForResponse(/q=etl/)
    held.open()
    await (await late).finished()
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))')
    expect(found.length).toBeGreaterThan(0)
    expect(await shownTasks(page)).toEqual(found)
    await close()
  })

  test('a filter by status and a span are in the address', async () => {
    const { page, close } = await openPage(browser)
    await page.goto(served.url)
    await page.getByRole('link', { name: 'Missed 4' }).click()
    await page.waitForURL(/status=missed/)
    expect(await shownTasks(page)).toHaveLength(4)
    await page.getByRole('link', { name: '30 d' }).click()
    await page.waitForURL(/span=30d/)
    expect(await shownTasks(page)).toHaveLength(4)
    expect(await page.locator('.grid thead th').count()).toBe(33)
    await page.getByLabel('Name').fill('job-1')
    await page.keyboard.press('Enter')
    await page.waitForURL(/q=job-1/)
    expect(new URL(page.url()).searchParams.get('status')).toBe('missed')
    await close()
  })

  test('by the keys alone', async () => {
    const { page, close } = await openPage(browser)
    await page.goto(served.url)
    const row = page.locator('#tasks tr[data-task]').first()
    await row.locator('.name a').focus()
    const name = await focusedName(page)
    // The newest slot of the row, then by the arrows.
    await page.keyboard.press('Tab')
    const newest = await focusedName(page)
    expect(newest).toMatch(new RegExp(`^${name}; .* completed`))
    // The next stop of the Tab key is the next task.
    await page.keyboard.press('Tab')
    expect(await focusedName(page)).toBe(await page.locator('#tasks tr[data-task] .name a').nth(1).innerText())
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('ArrowLeft')
    expect(await focusedName(page)).not.toBe(newest)
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowDown')
    expect(await focusedName(page)).not.toMatch(new RegExp(`^${name};`))
    // The row that was left keeps its stop for the Tab key, and the new row has one.
    const stops = page.locator('#tasks tr[data-task]').locator('a.c:not([tabindex="-1"])')
    expect(await stops.evaluateAll((cells) => cells.map((cell) => cell.closest('tr')?.rowIndex))).toEqual(
      await page.locator('#tasks tr[data-task]:has(.c)').evaluateAll((rows) => rows.map((one) => one.rowIndex)),
    )
    await page.keyboard.press('ArrowUp')
    expect(await focusedName(page)).toBe(newest)
    await page.keyboard.press('Home')
    expect(await focusedName(page)).toBe(name)
    await page.keyboard.press('End')
    expect(await focusedName(page)).toBe(newest)
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/(slot|task)\?/)
    await page.goBack()
    await page.locator('.grid a:focus').waitFor()
    expect(await focusedName(page)).toBe(newest)
    await close()
  })

  test('a refresh moves nothing', async () => {
    const { page, close } = await openPage(browser, { viewport: { width: 1440, height: 900 } })
    await page.clock.install()
    await page.goto(served.url)
    await page.evaluate(`globalThis.shifts = 0
      new PerformanceObserver((list) => { globalThis.shifts += list.getEntries().length }).observe({ type: 'layout-shift' })`)
    const wait = Number(await page.locator('#main').getAttribute('data-poll-ms'))
    const again = page.waitForResponse(served.url)
    await page.clock.runFor(wait)
    await again
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))')
    expect(await page.evaluate('globalThis.shifts')).toBe(0)
    await close()
  })

  test('it keeps the rules of accessibility, in light and in dark', async () => {
    const { page, complaints, close } = await openPage(browser)
    for (const address of ['', '?span=24h', '?span=30d', '?q=none', '?status=missed', 'needs']) {
      await page.goto(served.url + address)
      await expectAccessible(page)
    }
    await page.setViewportSize({ width: 360, height: 800 })
    await page.goto(served.url)
    await expectAccessible(page)
    expect(complaints).toEqual([])
    await close()
  })

  test('no view is wider than its screen, and a narrow one shows the newest columns', async () => {
    const { page, close } = await openPage(browser)
    const cellsOf = (line: number) =>
      page
        .locator('#tasks tr[data-task]')
        .nth(line)
        .locator('td:not(.when)')
        .evaluateAll((cells) => {
          const shown = cells.map((cell) => cell.getBoundingClientRect()).filter(({ width }) => width > 0)
          return { count: shown.length, lines: new Set(shown.map(({ top }) => top)).size }
        })
    /** The labels of the axis that reach into the text of the next one, or of the column after the axis. */
    const covered = () =>
      page.locator('.grid thead').evaluateAll((heads) => {
        const edges = (shown: (typeof heads)[number]) => {
          const range = shown.ownerDocument.createRange()
          range.selectNodeContents(shown)
          return range.getBoundingClientRect()
        }
        return heads.flatMap((head) => {
          const shown = [...head.querySelectorAll('.label, .when')].filter((one) => one.getClientRects().length > 0)
          return shown.flatMap((one, index) => {
            const next = shown[index + 1]
            const reaches = one.className === 'label' && next !== undefined && edges(one).right > edges(next).left
            return reaches ? [one.textContent] : []
          })
        })
      })
    for (const width of [360, 600, 601, 1000, 1150, 1151, 1280, 1399, 1400, 1920]) {
      await page.setViewportSize({ width, height: 800 })
      for (const address of ['', '?span=24h', '?span=30d', 'needs']) {
        await page.goto(served.url + address)
        const over = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
        expect({ width, address, over: Number(over) > 0 }).toEqual({ width, address, over: false })
        expect({ width, address, covered: await covered() }).toEqual({ width, address, covered: [] })
      }
      await page.goto(served.url)
      expect({ width, ...(await cellsOf(0)) }).toEqual({ width, count: width <= 600 ? 24 : 42, lines: 1 })
      expect(await page.getByText('This screen is narrow').isVisible()).toBe(width <= 600)
      const times = await page.locator('#tasks tr[data-task]:nth-child(-n+3) .when').all()
      for (const time of times) expect(await time.isVisible()).toBe(true)
    }
    // A4 in its usual margins.
    await page.setViewportSize({ width: 718, height: 1000 })
    await page.emulateMedia({ media: 'print' })
    expect(await cellsOf(0)).toEqual({ count: 42, lines: 1 })
    await close()
  })
})
