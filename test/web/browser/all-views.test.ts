import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeTaskRecord } from '../../../src/core/task/task-record.ts'
import { openFileStore } from '../../../src/store/file/file-store.ts'
import { scratch } from '../../support/cli.ts'
import { expectAccessible, hasChromium, openBrowser, openPage } from '../../support/pages/browser.ts'
import { companyTasks, fillFile, type PlannedTask } from '../../support/pages/ledger.ts'
import { type Filled, fill, KINDS, type Served, serve } from '../../support/pages/serve.ts'
import { recordWith } from '../../support/rows.ts'

const folder = scratch()
const NOW = Date.now()
/** Of the big ledger's tasks, what a table on DynamoDB's stand-in takes some seconds to hold. */
const SMALL = companyTasks(NOW).map((task) => ({ ...task, count: Math.min(task.count, 130) }))

const call = () => ({ signal: AbortSignal.timeout(120_000) })

describe.skipIf(!hasChromium)('in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser.close())

  describe.each(KINDS)('on a ledger in %s', (kind) => {
    let filled: Filled
    let served: Served
    beforeAll(async () => {
      filled = await fill(kind, join(folder, kind), SMALL, NOW)
      served = await serve(filled.store, { env: filled.env })
    })
    afterAll(async () => {
      await served?.stop()
      await filled?.close()
    })

    test('every view keeps the rules of accessibility, in light and in dark', async () => {
      const { page, complaints, close } = await openPage(browser)
      for (const address of [
        '',
        'needs',
        'task?task=billing/invoices',
        'task?task=heartbeat&status=missed',
        'task?task=heartbeat&status=skipped',
        ...(await slotsOnPage(page, served.url)),
        'task?task=nobody',
      ]) {
        await page.goto(served.url + address)
        await expectAccessible(page)
      }
      expect(complaints.filter((text) => !text.includes('404'))).toEqual([])
      await close()
    })

    test('no view is wider than its screen, from 360 pixels on', async () => {
      const { page, close } = await openPage(browser)
      for (const width of [360, 768, 1280, 1920]) {
        await page.setViewportSize({ width, height: 800 })
        for (const address of ['', 'needs', 'task?task=heartbeat', ...(await slotsOnPage(page, served.url))]) {
          await page.goto(served.url + address)
          const over = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
          expect({ width, address, over: Number(over) > 0 }).toEqual({ width, address, over: false })
        }
      }
      await close()
    })
  })

  /** Addresses of some slots: all that need attention, a future one, and one that ran. */
  async function slotsOnPage(page: Page, url: string): Promise<string[]> {
    await page.goto(url)
    const cells = await page.locator('.needs .findings a, .grid a.skipped, .grid a.completed[href*=slot]').all()
    const addresses = await Promise.all(cells.slice(0, 8).map((cell) => cell.getAttribute('href')))
    return addresses.map((address) => (address ?? '').replace(/^\//, ''))
  }

  test('text of the ledger is text', async () => {
    const HOSTILE = `</title></code><script>alert(1)</script><img src=x onerror=alert(2)> \u202eevil \u001b[2J "q" 'a' &amp;`
    const path = join(folder, 'hostile.db')
    const plans: PlannedTask[] = [
      {
        task: 'a/../b',
        spec: { expression: '0 3 * * *', zone: 'UTC' },
        count: 5,
        fateOf: (ago) => (ago === 0 ? 'done-by-hand' : ago === 1 ? 'rerun' : ago === 2 ? 'skipped' : 'succeeded'),
        reason: HOSTILE,
      },
    ]
    await fillFile(path, plans, NOW)
    const store = openFileStore(path)
    const spec = { expression: `0 4 * * * ${HOSTILE}`, zone: 'UTC' }
    const known = {
      version: 1,
      document: encodeTaskRecord(
        recordWith([{ since: NOW - 3 * 86_400_000, spec: { expression: '0 4 * * *', zone: 'UTC' } }]),
      ),
    }
    const unknown = { version: 1, document: encodeTaskRecord(recordWith([{ since: NOW, spec }])) }
    await store.writeEntry({ kind: '#task', task: HOSTILE }, known, 'absent', call())
    await store.writeEntry({ kind: '#task', task: 'zz-bad-schedule' }, unknown, 'absent', call())
    store.close()

    const served = await serve(`file:${path}`)
    const { page, complaints, requests, close } = await openPage(browser)
    await page.goto(served.url)
    const text = await page.locator('main').innerText()
    expect(text).toContain('<script>alert(1)</script>')
    for (const char of ['\u202e', '\u001b']) expect(text).not.toContain(char)
    for (const link of await page.locator('.grid tr:has-text("a/../b") a').all()) {
      const address = await link.getAttribute('href')
      const { status } = await fetch(new URL(address ?? '', served.url))
      expect({ address, status }).toEqual({ address, status: 200 })
    }
    for (const mark of ['marked', 'skipped']) {
      await page.goto(served.url)
      await page.locator(`.grid tr:has-text("a/../b") a.${mark}`).last().click()
      await page.waitForURL(/\/slot/)
      const told = await page.locator('main').innerText()
      expect(told).toContain('</title></code><script>alert(1)</script>')
      for (const char of ['\u202e', '\u001b']) expect(told).not.toContain(char)
      expect(await page.title()).toMatch(/^a\/\.\.\/b .* · cronledger$/)
      await expectAccessible(page)
    }
    await page.goto(`${served.url}needs`)
    await page.goto(`${served.url}?q=${encodeURIComponent(HOSTILE)}`)
    expect(complaints).toEqual([])
    expect(requests.filter((url) => url.endsWith('/x'))).toEqual([])
    await served.stop()
    await close()
  })
})
