import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { expectAccessible, expectNoSidewaysScroll, hasChromium, serveInBrowser } from '../../support/pages/browser.ts'
import { fillFile } from '../../support/pages/ledger.ts'
import { shownTasks, sixtyTasks } from '../../support/pages/sixty-tasks.ts'

const NOW = Date.now()
/** 60 tasks, of which eleven need no more than a line each, must be read without much scrolling. */
const MAX_HEIGHT = 1_950

const focusedName = (page: Page) =>
  page.evaluate(
    'document.activeElement.matches(".c") ? document.activeElement.title : document.activeElement.textContent',
  ) as Promise<string>

/** What a test must see after a refresh comes with the next two frames. */
const nextFrames = (page: Page) =>
  page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))')

describe.skipIf(!hasChromium)('the overview in a browser', () => {
  const { served, open } = serveInBrowser((path) => fillFile(path, sixtyTasks(NOW), NOW))

  test('sixty tasks take about two screens, and what needs attention comes first', async () => {
    const { page, complaints, close } = await open('', { viewport: { width: 1440, height: 900 } })
    // On a busy machine, the page shows the findings so far first, and asks again.
    await page.locator('h1', { hasText: /^8 slots need attention$/ }).waitFor()
    expect(await shownTasks(page)).toHaveLength(60)
    expect(await page.evaluate('document.documentElement.scrollHeight')).toBeLessThan(MAX_HEIGHT)
    const boxesOf = (selector: string) =>
      page.locator(selector).evaluateAll((all) => all.map((one) => one.getBoundingClientRect().toJSON()))
    expect(Math.max(...(await boxesOf('#tasks tr[data-task]')).map(({ height }) => height))).toBeLessThanOrEqual(24)
    expect(await page.locator('.needs li').innerText()).toMatch(/^M missed\s.*4 tasks · 8 slots/)
    expect((await page.locator('.grid').boundingBox())?.y).toBeLessThan(450)
    expect(await page.locator('#tasks .group').first().innerText()).toBe('Needs attention 4 tasks')
    // The slots of one time are below each other.
    expect(new Set((await boxesOf('#tasks .missed')).map(({ left }) => left)).size).toBeLessThanOrEqual(2)
    // The head of the table stays in sight.
    await page.locator('#tasks tr[data-task]').last().scrollIntoViewIfNeeded()
    expect((await page.locator('.grid thead').boundingBox())?.y).toBe(0)
    expect(complaints).toEqual([])
    await close()
  })

  test('Enter searches by name, and a refresh keeps what a person types and moves nothing', async () => {
    const { page, close } = await open('')
    await page.clock.install()
    await page.reload()
    const all = await shownTasks(page)
    await page.getByRole('searchbox', { name: 'Name' }).pressSequentially('ETL/')
    await page.evaluate(`globalThis.shifts = 0
      new PerformanceObserver((list) => { globalThis.shifts += list.getEntries().length }).observe({ type: 'layout-shift' })`)
    const again = page.waitForResponse(served().url)
    await page.clock.runFor(Number(await page.locator('#main').getAttribute('data-poll-ms')))
    await (await again).finished()
    await nextFrames(page)
    expect(await shownTasks(page)).toEqual(all)
    expect(await page.evaluate('globalThis.shifts')).toBe(0)
    await page.keyboard.press('Enter')
    await page.waitForURL(/q=ETL/)
    expect(await shownTasks(page)).toEqual(all.filter((task) => task.startsWith('etl/')))
    await close()
  })

  test('the Tab key stops at each task and its newest slot, and Enter opens it', async () => {
    const { page, close } = await open('')
    const row = page.locator('#tasks tr[data-task]').first()
    await row.locator('.name a').focus()
    const name = await focusedName(page)
    await page.keyboard.press('Tab')
    const newest = await focusedName(page)
    expect(newest).toMatch(new RegExp(`^${name};\\s.*\\scompleted`, 's'))
    await page.keyboard.press('Tab')
    expect(await focusedName(page)).toBe(await page.locator('#tasks tr[data-task] .name a').nth(1).innerText())
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/(slot|task)\?/)
    await close()
  })

  test('it keeps the rules of accessibility, in light and in dark', async () => {
    const { page, complaints, close } = await open('?q=etl')
    for (const address of [null, '?q=none', '?status=missed', 'needs']) {
      if (address !== null) await page.goto(served().url + address)
      await expectAccessible(page)
    }
    expect(complaints).toEqual([])
    await close()
  })

  test('no view is wider than its screen, and a narrow one shows the newest columns', async () => {
    const { page, close } = await open('')
    const addresses = ['', '?span=24h', '?span=30d', 'needs'].map((address) => served().url + address)
    const widths = [360, 600, 601, 1150, 1151, 1399, 1400, 1920]
    await expectNoSidewaysScroll(page, addresses, widths)
    const cellsOf = () =>
      page.locator('#tasks tr[data-task] >> nth=0 >> td:not(.when, .took)').evaluateAll((cells) => {
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
          const shown = [...head.querySelectorAll('.label, .took')].filter((one) => one.getClientRects().length > 0)
          return shown.flatMap((one, index) => {
            const next = shown[index + 1]
            const reaches = one.className === 'label' && next !== undefined && edges(one).right > edges(next).left
            return reaches ? [one.textContent] : []
          })
        })
      })
    await page.goto(served().url)
    for (const width of widths) {
      await page.setViewportSize({ width, height: 800 })
      expect({ width, covered: await covered() }).toEqual({ width, covered: [] })
      expect({ width, ...(await cellsOf()) }).toEqual({ width, count: width <= 600 ? 27 : 49, lines: 1 })
      for (const time of await page.locator('#tasks tr[data-task]:nth-child(-n+3) .when').all())
        expect(await time.isVisible()).toBe(true)
    }
    // A4 in its usual margins.
    await page.setViewportSize({ width: 718, height: 1000 })
    await page.emulateMedia({ media: 'print' })
    expect(await cellsOf()).toEqual({ count: 49, lines: 1 })
    await close()
  })
})
