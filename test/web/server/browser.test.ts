import { execFile } from 'node:child_process'
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeTaskRecord } from '../../../src/core/task/task-record.ts'
import { openFileStore } from '../../../src/store/file/file-store.ts'
import { expectAccessible, hasChromium, openBrowser, openPage } from '../../support/browser.ts'
import { MAIN, scratch } from '../../support/cli.ts'
import { companyTasks, fillFile, type PlannedTask } from '../../support/page-ledger.ts'
import { startFaultyProxy } from '../../support/proxy.ts'
import { recordWith } from '../../support/rows.ts'
import { type Filled, fill, KINDS, type Served, serve } from '../../support/serve.ts'

const folder = scratch()
const NOW = Date.now()
/** Of the big ledger's tasks, what a table on DynamoDB's stand-in takes some seconds to hold. */
const SMALL = companyTasks(NOW).map((task) => ({ ...task, count: Math.min(task.count, 130) }))

const call = () => ({ signal: AbortSignal.timeout(120_000) })

/** Puts a mark into the page that a reload would take away. */
const markLoad = (page: Page) => page.evaluate('globalThis.loaded = 1')
const isSameLoad = (page: Page) => page.evaluate('globalThis.loaded === 1')

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

    test('what is wrong, why, and the command that fixes it, in one click; and the page shows when it is fixed', async () => {
      const { page, complaints, requests, close } = await openPage(browser, {
        permissions: ['clipboard-read', 'clipboard-write'],
      })
      await page.goto(served.url)
      const needs = page.getByRole('region', { name: '4 slots need attention' })
      expect(await needs.innerText()).toMatch(/2 missed, 1 failed, 1 stale in the last 7d/)
      await needs
        .getByRole('listitem')
        .filter({ hasText: 'etl/warehouse-load' })
        .getByRole('link', { name: /stale/ })
        .click()
      await page.waitForURL(/\/slot\?/)
      expect(await page.locator('.why').innerText()).toMatch(
        /^Attempt 1 on ip-.* never reported its end, and its lease ran out at .* Europe\/Berlin/,
      )
      await markLoad(page)
      await page.getByRole('button', { name: 'Copy the command: Mark as completed' }).click()
      await page.locator('#copied', { hasText: 'Copied' }).waitFor({ state: 'attached' })
      const command = (await page.evaluate('navigator.clipboard.readText()')) as string
      const program = `cronledger() { "$NODE" "$MAIN" "$@"; }; ${command.replace("'YOUR REASON'", "'looked <b>at</b> it'")}`
      const env = { ...process.env, ...filled.env, NODE: process.execPath, MAIN }
      expect((await promisify(execFile)('sh', ['-c', program], { env })).stdout).toMatch(
        /: recorded as completed: looked <b>at<\/b> it/,
      )
      // A stale slot does not move by itself: the page asks again, but seldom. One comes back to it.
      await page.goto(page.url())
      await page.locator('.why', { hasText: 'resolved it as completed' }).waitFor()
      expect(await page.locator('.timeline').innerText()).toContain('looked <b>at</b> it')
      expect(complaints).toEqual([])
      expect(requests.filter((url) => !url.startsWith(served.url) && !url.startsWith('data:'))).toEqual([])
      await close()
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

    test('by the keys alone: from a task into a slot, and on', async () => {
      const { page, close } = await openPage(browser)
      const name = () =>
        page.evaluate(
          'document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent',
        ) as Promise<string>
      const tabTo = async (pattern: RegExp) => {
        for (let steps = 0; steps < 40; steps += 1) {
          await page.keyboard.press('Tab')
          if (pattern.test((await name()).trim())) return
        }
        throw new Error(`no Tab leads to ${pattern}`)
      }
      await page.goto(served.url)
      await tabTo(/^Skip to content$/)
      await page.keyboard.press('Enter')
      await tabTo(/^billing\/invoices$/)
      await page.keyboard.press('Enter')
      await page.waitForURL(/\/task\?/)
      await tabTo(/^billing\/invoices, .* \d completed$/)
      const day = await name()
      await page.keyboard.press('ArrowLeft')
      expect(await name()).not.toBe(day)
      await page.keyboard.press('Enter')
      await page.waitForURL(/since=.*until=/)
      await tabTo(/^\d{4}-\d\d-\d\d 0[35]:00/)
      await page.keyboard.press('Enter')
      await page.waitForURL(/\/slot\?/)
      await tabTo(/^Copy the command: Run it again although it has completed$/)
      await close()
    })

    test('the address holds the filters and the page', async () => {
      const { page, close } = await openPage(browser)
      await page.goto(`${served.url}task?task=heartbeat`)
      await page.getByLabel('Status').selectOption('missed')
      await page.getByRole('button', { name: 'Show' }).click()
      await page.waitForURL(/status=missed/)
      const slots = page.locator('.list tbody tr')
      expect(await slots.count()).toBe(2)
      const again = await openPage(browser)
      await again.page.goto(page.url())
      expect(await again.page.locator('.list tbody').innerText()).toBe(await page.locator('.list tbody').innerText())
      expect(await again.page.getByLabel('Status').inputValue()).toBe('missed')
      await again.close()

      await page.goto(`${served.url}task?task=heartbeat&duplicates=1`)
      expect(await slots.allInnerTexts()).toEqual([expect.stringMatching(/completed.*3 duplicates$/s)])
      await page.goto(`${served.url}task?task=heartbeat`)
      const times = () =>
        page.locator('.list tbody time').evaluateAll((all) => all.map((one) => one.getAttribute('datetime') ?? ''))
      const first = await times()
      await page.getByRole('link', { name: 'Older slots' }).click()
      await page.waitForURL(/before=/)
      const all = [...first, ...(await times())]
      expect(all).toHaveLength(130)
      expect(all).toEqual([...new Set(all)].sort().reverse())
      await page.getByRole('link', { name: 'Newest slots' }).click()
      await page.waitForURL((url) => !url.search.includes('before'))
      expect((await times())[0]).toBe(first[0])
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

  test('only the address sets a filter', async () => {
    const path = join(folder, 'narrow.db')
    await fillFile(path, companyTasks(NOW).slice(0, 3), NOW)
    const served = await serve(`file:${path}`)
    const { page, close } = await openPage(browser, { viewport: { width: 360, height: 800 } })
    await page.goto(`${served.url}task?task=heartbeat`)
    const state = page.getByLabel('Status')
    await state.selectOption('failed')
    await page.getByRole('button', { name: 'Show' }).click()
    await page.waitForURL(/status=failed/)
    await page.goBack()
    expect(await state.inputValue()).toBe('')
    await served.stop()
    await close()
  })

  test('a page asks again no sooner than its server says, also where that is seldom', async () => {
    const path = join(folder, 'seldom.db')
    await fillFile(path, SMALL.slice(0, 1), NOW)
    const served = await serve(`file:${path}`)
    const { page, requests, close } = await openPage(browser)
    await page.clock.install()
    await page.route(served.url, async (route) => {
      const response = await route.fetch()
      const body = (await response.text()).replace(/data-poll-ms="\d+"/, 'data-poll-ms="90000"')
      await route.fulfill({ response, body })
    })
    await page.goto(served.url)
    const asked = () => requests.filter((url) => url === served.url).length
    await page.clock.runFor(89_000)
    expect(asked()).toBe(1)
    const again = page.waitForResponse(served.url)
    await page.clock.runFor(1_000)
    await again
    await close()
    await served.stop()
  })

  test('a file that goes away and comes back', async () => {
    const path = join(folder, 'moves.db')
    await fillFile(path, SMALL, NOW)
    const served = await serve(`file:${path}`)
    const { page, close } = await openPage(browser)
    await page.goto(served.url)
    await markLoad(page)
    renameSync(path, `${path}.away`)
    const status = page.locator('#connection')
    await status
      .filter({ hasText: /^The ledger cannot be read: .*moves\.db.*[^.]\. The page shows an older state/ })
      .waitFor()
    expect(await page.locator('.grid tbody tr[data-task]').count()).toBe(SMALL.length)
    renameSync(`${path}.away`, path)
    await status.filter({ hasText: /^$/ }).waitFor({ state: 'attached' })
    expect(await isSameLoad(page)).toBe(true)
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
    await status.filter({ hasText: /^The ledger cannot be reached: .*[^.]\. The page shows an older state/ }).waitFor()
    // A new viewer sees the error too, and sees the tasks as soon as they can be read.
    const other = await openPage(browser)
    await other.page.goto(`${served.url}task?task=billing/invoices`)
    expect(await other.page.locator('h1').innerText()).toBe('The ledger cannot be reached')
    proxy.treat(() => 'pass')
    await status.filter({ hasText: /^$/ }).waitFor({ state: 'attached' })
    await other.page.locator('h1', { hasText: 'billing/invoices' }).waitFor()
    expect(await isSameLoad(page)).toBe(true)
    // The server itself ends: the page says so.
    await served.stop()
    await status.filter({ hasText: /cannot be reached/ }).waitFor()
    await Promise.all([close(), other.close()])
    proxy.close()
    await filled.close()
  })

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
    for (const mark of ['completed', 'skipped']) {
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
    expect(await page.locator('.list tbody tr').count()).toBe(100)
    expect(await page.locator('.calendar + p').innerText()).toMatch(
      /^The slots of days before \d{4}-\d\d-\d\d are not counted/,
    )
    const deep = new Date(NOW - 99_000 * 60_000).toISOString()
    await page.goto(`${served.url}task?task=minutely&before=${deep}`)
    expect(await page.locator('.list tbody tr').count()).toBe(100)
    await page.goto(`${served.url}task?task=minutely&status=failed`)
    expect(await page.locator('.pages').innerText()).toMatch(/^Search before .*\s*0 of 10000 slots searched match\.$/)
    expect(complaints).toEqual([])
    await served.stop()
    await close()
  })
})
