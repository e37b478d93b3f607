import { renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scratch } from '../../support/cli.ts'
import {
  expectAccessible,
  hasChromium,
  isSameLoad,
  markLoad,
  openBrowser,
  openPage,
} from '../../support/pages/browser.ts'
import { companyTasks, fillFile } from '../../support/pages/ledger.ts'
import { fill, serve } from '../../support/pages/serve.ts'
import { startFaultyProxy } from '../../support/proxy.ts'

const folder = scratch()
const NOW = Date.now()
const SMALL = companyTasks(NOW).map((task) => ({ ...task, count: Math.min(task.count, 130) }))

describe.skipIf(!hasChromium)('in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser.close())

  async function serveFile(name: string, plans = SMALL) {
    const path = join(folder, name)
    await fillFile(path, plans, NOW)
    const served = await serve(`file:${path}`)
    return { path, served }
  }
  const asOf = (page: Page) => page.locator('#as-of time').getAttribute('datetime')
  const tryNow = (page: Page) => page.getByRole('button', { name: 'Try now' })

  test('a page asks again no sooner than its server says, also where that is seldom', async () => {
    const { served } = await serveFile('seldom.db', SMALL.slice(0, 1))
    const { page, requests, close } = await openPage(browser)
    await page.clock.install()
    await page.route(served.url, async (route) => {
      const response = await route.fetch()
      const body = (await response.text()).replace(/data-poll-ms="\d+"/, 'data-poll-ms="90000"')
      await route.fulfill({ response, body })
    })
    await page.goto(served.url)
    const asked = () => requests.filter((url) => url === served.url).length
    await page.clock.runFor(80_000)
    // The tab comes to the front again and again. That is no reason to ask.
    for (let times = 0; times < 3; times += 1)
      await page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`)
    await page.clock.runFor(9_000)
    expect(asked()).toBe(1)
    const again = page.waitForResponse(served.url)
    await page.clock.runFor(1_000)
    await again
    await close()
    await served.stop()
  })

  test('a file that goes away and comes back', async () => {
    const { path, served } = await serveFile('moves.db')
    const { page, close } = await openPage(browser, { timezoneId: 'Asia/Tokyo' })
    await page.goto(served.url)
    await markLoad(page)
    renameSync(path, `${path}.away`)
    const status = page.locator('#connection')
    await status
      .filter({ hasText: /^The ledger cannot be read: .*moves\.db.*[^.]\. The page shows the ledger as of/ })
      .waitFor()
    const shown = await asOf(page)
    const local = new Date(Date.parse(shown ?? '') + 9 * 3_600_000).toISOString().slice(11, 19)
    expect(await status.innerText()).toContain(`The page shows the ledger as of ${local} +09:00`)
    expect(await page.locator('#retry').innerText()).toMatch(/^That was \d+ (s|min) ago\. Next try in \d+ s\. Try now$/)
    await page.getByLabel('Show all times in UTC').check()
    expect(await status.locator('.local').isVisible()).toBe(false)
    expect(await page.locator('.grid tbody tr[data-task]').count()).toBe(SMALL.length)
    await expectAccessible(page)
    renameSync(`${path}.away`, path)
    await tryNow(page).click()
    await status.filter({ hasText: /^$/ }).waitFor({ state: 'attached' })
    await tryNow(page).waitFor({ state: 'detached' })
    expect(await asOf(page)).not.toBe(shown)
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    expect(await isSameLoad(page)).toBe(true)
    await served.stop()
    await close()
  })

  test('a ledger that is out of reach: the wait is counted, and only a try of a person is announced again', async () => {
    const { path, served } = await serveFile('counts.db', SMALL.slice(0, 1))
    const { page, close } = await openPage(browser)
    await page.clock.install()
    await page.goto(served.url)
    renameSync(path, `${path}.away`)
    await page.evaluate(`(() => {
      globalThis.told = []
      new MutationObserver(() => globalThis.told.push(document.getElementById('connection').textContent)).observe(
        document.getElementById('connection'), { childList: true, characterData: true, subtree: true })
    })()`)
    const failed = () => page.waitForResponse((response) => response.status() === 500)
    const first = failed()
    await page.clock.runFor(30_000)
    await first
    const words = page.locator('#retry')
    await words.filter({ hasText: 'Next try in 30 s.' }).waitFor()
    await page.clock.runFor(10_000)
    await words.filter({ hasText: 'Next try in 20 s.' }).waitFor()
    const second = failed()
    await page.clock.runFor(20_000)
    await second
    await words.filter({ hasText: 'Next try in 30 s.' }).waitFor()
    expect(await page.evaluate('globalThis.told.length')).toBe(1)
    await tryNow(page).focus()
    await page.keyboard.press('Enter')
    await page.locator('#connection', { hasText: 'The last try was at' }).waitFor()
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Try now')
    await served.stop()
    await close()
  })

  test('a table that is out of reach, and is back', async () => {
    const filled = await fill('dynamodb', folder, SMALL.slice(0, 3), NOW)
    const proxy = await startFaultyProxy(filled.env['AWS_ENDPOINT_URL_DYNAMODB'] ?? '')
    const env = { ...filled.env, AWS_ENDPOINT_URL_DYNAMODB: proxy.url }
    const served = await serve(filled.store, { env, args: ['--ledger-timeout', '5s'] })
    const { page, close } = await openPage(browser)
    await page.goto(served.url)
    await markLoad(page)
    proxy.treat(() => 'cutRequest')
    const status = page.locator('#connection')
    await status
      .filter({ hasText: /^The ledger cannot be reached: .*[^.]\. The page shows the ledger as of/ })
      .waitFor()
    // A new viewer sees the error too, when the next try is, and the tasks as soon as they can be read.
    const other = await openPage(browser)
    await other.page.goto(`${served.url}task?task=billing/invoices`)
    expect(await other.page.locator('h1').innerText()).toBe('The ledger cannot be reached')
    expect(await other.page.locator('#retry').innerText()).toMatch(/^Next try in \d+ s\. Try now$/)
    await expectAccessible(other.page)
    await tryNow(other.page).click()
    await other.page.locator('#connection', { hasText: /^The last try was at/ }).waitFor()
    proxy.treat(() => 'pass')
    await tryNow(other.page).click()
    await other.page.locator('h1', { hasText: 'billing/invoices' }).waitFor()
    await tryNow(other.page).waitFor({ state: 'detached' })
    await status.filter({ hasText: /^$/ }).waitFor({ state: 'attached' })
    expect(await isSameLoad(page)).toBe(true)
    // The server itself ends: the page says so.
    await served.stop()
    await status
      .filter({ hasText: /^The server \(cronledger serve\) cannot be reached\. The page shows the ledger as of/ })
      .waitFor()
    await Promise.all([close(), other.close()])
    proxy.close()
    await filled.close()
  })

  test('a task or a slot that does not exist leads to those that do', async () => {
    const { served } = await serveFile('missing.db', SMALL.slice(0, 3))
    const { page, close } = await openPage(browser, { viewport: { width: 360, height: 800 } })
    await page.goto(`${served.url}task?task=bilings/invoice`)
    expect(await page.locator('#problem').innerText()).toBe('No task is named "bilings/invoice".')
    await expectAccessible(page)
    await page.getByRole('link', { name: 'billing/invoices' }).click()
    await page.locator('h1', { hasText: 'billing/invoices' }).waitFor()
    const [slot] = await page
      .locator('.list tbody time')
      .evaluateAll((all) => all.map((one) => one.getAttribute('datetime')))
    const other = new Date(Date.parse(slot ?? '') - 3_600_000).toISOString()
    await page.goto(`${served.url}slot?task=billing/invoices&slot=${other}`)
    expect(await page.locator('#problem').innerText()).toMatch(/^billing\/invoices has no slot at .* Asia\/Tokyo/)
    await expectAccessible(page)
    await page.locator('main li a').last().click()
    await page.waitForURL((url) => url.searchParams.get('slot') === slot)
    expect(await page.locator('h1').innerText()).toContain('billing/invoices')
    await close()
    await served.stop()
  })
})
