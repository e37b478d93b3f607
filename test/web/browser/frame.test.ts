import { join } from 'node:path'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { finishRow } from '../../../src/core/row/transition.ts'
import { openFileStore } from '../../../src/store/file/file-store.ts'
import { scratch } from '../../support/cli.ts'
import { expectAccessible, hasChromium, openBrowser, openPage } from '../../support/pages/browser.ts'
import { companyTasks, fillFile, type PlannedTask, rowsOf } from '../../support/pages/ledger.ts'
import { type Served, serve, untilChecked } from '../../support/pages/serve.ts'
import { SUCCEEDED } from '../../support/rows.ts'

const NOW = Date.now()
const path = join(scratch(), 'ledger.db')
const TASKS = companyTasks(NOW).map((task) => ({ ...task, count: Math.min(task.count, 130) }))
const call = () => ({ signal: AbortSignal.timeout(120_000) })

describe.skipIf(!hasChromium)('in a browser', () => {
  let browser: Browser
  let served: Served
  beforeAll(async () => {
    await fillFile(path, TASKS, NOW)
    served = await serve(`file:${path}`)
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await served.stop()
  })

  const boxOf = async (place: Locator) => {
    const box = await place.boundingBox()
    if (box === null) throw new Error('the element is not shown')
    return { left: box.x, top: box.y, right: box.x + box.width, bottom: box.y + box.height }
  }

  /** Where the visible box of the popover lies, and whether it covers any of its cell. */
  async function layOut(page: Page, cell: Locator) {
    const [box, own] = [await boxOf(page.locator('#popover > div')), await boxOf(cell)]
    const covers = box.left < own.right && box.right > own.left && box.top < own.bottom && box.bottom > own.top
    return { box, covers }
  }

  describe('the popover of a slot', () => {
    test('shows its facts beside it, under the pointer and under the focus', async () => {
      const { page, complaints, close } = await openPage(browser)
      await page.goto(served.url)
      const popover = page.locator('#popover')
      expect(await popover.isVisible()).toBe(false)
      const cell = page.locator('.grid a.failed').first()
      await cell.hover()
      await popover.waitFor()
      const label = await cell.getAttribute('aria-label')
      expect((await popover.innerText()).split('\n')).toEqual(expect.arrayContaining(['billing/invoices']))
      for (const fact of label?.split('; ') ?? []) expect(await popover.innerText()).toContain(fact)
      expect(await popover.locator('p', { hasText: 'failed' }).locator('.c.failed').innerText()).toBe('F')
      expect((await layOut(page, cell)).covers).toBe(false)
      await page.mouse.move(0, 0)
      await popover.waitFor({ state: 'hidden' })
      await page.keyboard.press('Tab')
      await cell.focus()
      expect(await popover.innerText()).toContain('failed')
      await expectAccessible(page)
      expect(complaints).toEqual([])
      await close()
    })

    test('stays while the pointer is on it, and Escape hides it', async () => {
      const { page, close } = await openPage(browser, { viewport: { width: 1280, height: 300 } })
      await page.clock.install()
      await page.goto(served.url)
      await page.clock.pauseAt(Date.now() + 1_000)
      const popover = page.locator('#popover')
      const cell = page.locator('.grid a.stale').first()
      await cell.hover()
      expect(await popover.isVisible()).toBe(false)
      await page.clock.runFor(200)
      const { box } = await layOut(page, cell)
      await page.mouse.move((box.left + box.right) / 2, (box.top + box.bottom) / 2, { steps: 30 })
      await page.clock.runFor(1_000)
      expect(await popover.innerText()).toContain('stale')
      await page.keyboard.press('Escape')
      expect(await popover.isVisible()).toBe(false)
      await cell.hover()
      await page.clock.runFor(200)
      expect(await popover.isVisible()).toBe(true)
      await page.mouse.wheel(0, 40)
      await popover.waitFor({ state: 'hidden' })
      await close()
    })

    test.each([360, 1280])('lies in a window of %i pixels, and never over the cell with the focus', async (width) => {
      const { page, close } = await openPage(browser, { viewport: { width, height: 600 } })
      await page.goto(served.url)
      const cells = page.locator('.grid a.c:visible:not([tabindex="-1"])')
      for (const cell of await cells.all()) {
        await cell.focus()
        for (const key of ['Home', 'End']) {
          await page.keyboard.press(key)
          const focused = page.locator('a:focus')
          if (!(await focused.evaluate((link) => link.classList.contains('c')))) continue
          const { box, covers } = await layOut(page, focused)
          expect(covers).toBe(false)
          expect(box.left).toBeGreaterThanOrEqual(0)
          expect(box.right).toBeLessThanOrEqual(width)
          expect(box.top).toBeGreaterThanOrEqual(0)
          expect(box.bottom).toBeLessThanOrEqual(600)
        }
      }
      await close()
    })
  })

  describe('the switch for UTC', () => {
    const slots = (page: Page) => page.locator('.list tbody tr:first-child time').first()
    const address = 'task?task=billing/invoices'

    test('shows all times in UTC, and the browser remembers it before the next page is painted', async () => {
      const { page, complaints, close } = await openPage(browser)
      await page.addInitScript(
        `requestAnimationFrame(() => { globalThis.firstPaint = document.getElementById('utc')?.checked })`,
      )
      await page.goto(served.url + address)
      const time = slots(page)
      expect(await time.locator('.local').isVisible()).toBe(true)
      expect(await time.locator('.local').innerText()).toMatch(/^\d{4}-\d\d-\d\d 0[35]:00 \+09:00$/)
      await page.getByLabel('Show all times in UTC').check()
      expect(await time.locator('.local').isVisible()).toBe(false)
      expect(await time.innerText()).toMatch(/^\s*\d{4}-\d\d-\d\d (18|20):00 UTC( \(\d+ (min|h) ago\))?$/)
      expect((await time.locator('.utc').boundingBox())?.width).toBeGreaterThan(100)
      await page.goto(served.url)
      expect(await page.evaluate('globalThis.firstPaint')).toBe(true)
      await page.goto(served.url + address)
      expect(await time.locator('.local').isVisible()).toBe(false)
      await page.getByLabel('Show all times in UTC').uncheck()
      await page.goBack()
      expect(await page.getByLabel('Show all times in UTC').isChecked()).toBe(false)
      expect(complaints).toEqual([])
      await close()
    })

    test('works without a script, and where the browser stores nothing', async () => {
      const bare = await openPage(browser, { javaScriptEnabled: false })
      await bare.page.goto(served.url + address)
      await bare.page.getByLabel('Show all times in UTC').check()
      expect(await slots(bare.page).locator('.local').isVisible()).toBe(false)
      await bare.close()
      const { page, complaints, close } = await openPage(browser)
      await page.addInitScript(
        `Object.defineProperty(globalThis, 'localStorage', { get() { throw new DOMException('', 'SecurityError') } })`,
      )
      await page.goto(served.url + address)
      await page.getByLabel('Show all times in UTC').check()
      expect(await slots(page).locator('.local').isVisible()).toBe(false)
      expect(complaints).toEqual([])
      await close()
    })

    test('a copied time is in both zones', async () => {
      const { page, close } = await openPage(browser)
      await page.goto(served.url + address)
      const copied = await page.evaluate(`(() => {
        getSelection().selectAllChildren(document.querySelector('.list tbody time'))
        return getSelection().toString()
      })()`)
      expect(copied).toMatch(/0[35]:00 \+09:00\s+\d{4}-\d\d-\d\d (18|20):00 UTC/)
      await close()
    })
  })

  test('what a person opened, typed or reached stays when a refresh changes what is around it', async () => {
    const { page, close } = await openPage(browser)
    let answers = 0
    await page.route(served.url, async (route) => {
      const response = await route.fetch()
      answers += 1
      const part = `<details id="part"><summary>Part</summary><input aria-label="Reason"><p>answer ${answers}</p></details>`
      const body = (await response.text()).replace('</main>', `${part}</main>`)
      await route.fulfill({ response, body: body.replace(/data-poll-ms="\d+"/, 'data-poll-ms="500"') })
    })
    await page.goto(served.url)
    await page.locator('summary', { hasText: 'Part' }).click()
    await page.getByLabel('Reason').fill('a late file')
    const cell = page.locator('.grid tbody tr:has(a.c)').first().locator('a.c').last()
    await cell.focus()
    await page.keyboard.press('ArrowLeft')
    const reached = page.locator('a.c:focus')
    const address = await reached.getAttribute('href')
    const shown = answers
    await page.locator('#part p', { hasText: `answer ${shown + 2}` }).waitFor()
    expect(await page.getByLabel('Reason').inputValue()).toBe('a late file')
    expect(await reached.getAttribute('href')).toBe(address)
    expect(await reached.evaluate((link) => link.tabIndex)).toBe(0)
    await close()
  })

  test('nothing moves when a refresh shows the new status of a slot', async () => {
    const { page, close } = await openPage(browser)
    // In these short columns, no slot that needs attention is beside the running one at any time of the day.
    await untilChecked(served)
    await page.goto(`${served.url}?span=24h`)
    await page.evaluate(`(() => {
      globalThis.moved = []
      new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries())
          globalThis.moved.push(value + ' ' + sources.map(({ node }) => node?.outerHTML?.slice(0, 80)).join(' '))
      }).observe({ type: 'layout-shift' })
    })()`)
    const plan = TASKS.find(({ task }) => task === 'heartbeat') as PlannedTask
    const store = openFileStore(path)
    const [made] = [...rowsOf(plan, NOW)]
    const row = made && (await store.get(made, call()))
    if (!row || 'newerSchema' in row) throw new Error('the slot has no row')
    const ended = finishRow(row, SUCCEEDED, { writeId: 'end', now: Date.now() })
    await page.locator('a.running').first().waitFor()
    expect(await store.put(ended, row, call())).toEqual({ kind: 'ok' })
    store.close()
    await page.locator('a.running').first().waitFor({ state: 'detached' })
    // The browser reports a move after the next frame.
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
    expect(await page.evaluate('globalThis.moved')).toEqual([])
    await close()
  })
})
