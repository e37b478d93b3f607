import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { finishRow, resolveRow } from '../../../src/core/row/transition.ts'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { slotAfter } from '../../../src/core/schedule/slot.ts'
import { encodeTaskRecord } from '../../../src/core/task/task-record.ts'
import type { Row } from '../../../src/core/types.ts'
import { openDynamoStore } from '../../../src/store/dynamodb/dynamodb-store.ts'
import { openFileStore } from '../../../src/store/file/file-store.ts'
import type { Store } from '../../../src/store/store.ts'
import { expectAccessible, hasChromium, isSameLoad, markLoad, openBrowser, openPage } from '../../support/browser.ts'
import { scratch } from '../../support/cli.ts'
import { companyTasks, fillFile, type PlannedTask, rowsOf } from '../../support/page-ledger.ts'
import { recordWith, SUCCEEDED } from '../../support/rows.ts'
import { type Filled, fill, KINDS, type Served, serve } from '../../support/serve.ts'
import { CREDENTIALS, REGION } from '../../support/servers.ts'

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

    const openStore = (): Store =>
      kind === 'file'
        ? openFileStore(filled.store.slice('file:'.length))
        : openDynamoStore({
            table: 'ledger',
            env: {},
            config: {
              endpoint: filled.env['AWS_ENDPOINT_URL_DYNAMODB'] ?? '',
              region: REGION,
              credentials: CREDENTIALS,
            },
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

    test('by the keys alone: from the overview into a slot, and on', async () => {
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
      // The newest slot of the row, then by the arrows.
      await page.keyboard.press('Tab')
      expect(await name()).toMatch(/^billing\/invoices, \d{4}-\d\d-\d\d 0[35]:00 Asia\/Tokyo, scheduled$/)
      expect(await page.locator('#popover').innerText()).toMatch(/^billing\/invoices\n.*scheduled$/s)
      for (let steps = 0; steps < 3; steps += 1) await page.keyboard.press('ArrowLeft')
      expect(await name()).toMatch(/^billing\/invoices, .* 0[35]:00 Asia\/Tokyo, failed$/)
      const failed = await name()
      await page.keyboard.press('ArrowDown')
      expect(await name()).toMatch(/^etl\/warehouse-load, /)
      await page.keyboard.press('ArrowUp')
      expect(await name()).toBe(failed)
      await page.keyboard.press('Home')
      expect(await name()).toBe('billing/invoices')
      await page.keyboard.press('Control+End')
      expect(await name()).toMatch(/^sync\/stock, .*, scheduled$/)
      // There and back: the keys go on from where they were.
      await page.keyboard.press('ArrowLeft')
      const left = await name()
      await page.keyboard.press('Enter')
      await page.waitForURL(/\/slot\?/)
      await page.goBack()
      await page.locator('.grid a:focus').waitFor()
      expect(await name()).toBe(left)
      await page.keyboard.press('Control+Home')
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
      await tabTo(/^Commands: run it again although it has completed$/)
      await close()
    })

    test('a running slot moves on without a reload, and the focus stays', async () => {
      const { page, close } = await openPage(browser)
      await page.goto(served.url)
      await markLoad(page)
      const row = page.locator('tr', { has: page.getByRole('link', { name: 'heartbeat', exact: true }) })
      const running = row.locator('a.running')
      await running.focus()
      const address = await running.getAttribute('href')
      const store = openStore()
      const plan = SMALL.find(({ task }) => task === 'heartbeat') as PlannedTask
      // One slot more: all cells move on by one place, and the focus goes with its slot.
      const schedule = parseSchedule(plan.spec)
      const slot = slotAfter(schedule, slotAfter(schedule, Date.now()) ?? 0) ?? 0
      const word = { state: 'SKIPPED', by: 'ada', reason: 'not then', runId: 'word', zoneData: '2026a' } as const
      const window = { slot, end: slot + 900_000 }
      const ahead = resolveRow(
        null,
        { ...word, task: plan.task, schedule: plan.spec, window },
        { writeId: 'a', now: NOW },
      )
      expect(await store.put(ahead, 'absent', call())).toEqual({ kind: 'ok' })
      await row.locator('a.skipped').waitFor()
      const focused = () =>
        page.evaluate('[document.activeElement.getAttribute("href"), document.activeElement.className]')
      expect(await focused()).toEqual([address, 'c running'])
      const [stored] = [...rowsOf(plan, NOW)]
      const found = (await store.get(stored as Row, call())) as Row
      const ended = finishRow(found, SUCCEEDED, { writeId: 'end', now: Date.now() })
      expect(await store.put(ended, found, call())).toEqual({ kind: 'ok' })
      store.close()
      await row.locator('a.running').waitFor({ state: 'detached' })
      expect(await focused()).toEqual([address, 'c completed'])
      expect(await isSameLoad(page)).toBe(true)
      await close()
    })
  })

  /** Addresses of some slots: all that need attention, a future one, and one that ran. */
  async function slotsOnPage(page: Page, url: string): Promise<string[]> {
    await page.goto(url)
    const cells = await page
      .locator('.needs a, .grid a.scheduled, .grid tr:first-child a.completed:nth-last-child(4)')
      .all()
    const addresses = await Promise.all(cells.slice(0, 8).map((cell) => cell.getAttribute('href')))
    return addresses.map((address) => (address ?? '').replace(/^\//, ''))
  }

  test('all that needs attention is visible on a narrow screen', async () => {
    const path = join(folder, 'narrow.db')
    await fillFile(path, companyTasks(NOW).slice(0, 3), NOW)
    const served = await serve(`file:${path}`)
    const { page, close } = await openPage(browser, { viewport: { width: 360, height: 800 } })
    await page.goto(`${served.url}needs`)
    expect(await page.locator('#needs tbody tr').count()).toBe(4)
    expect(
      await page.evaluate(
        '(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)(document.querySelector("#needs .scroll"))',
      ),
    ).toBe(true)
    expect(await page.locator('#needs td.wide').first().innerText()).toMatch(/^attempt 1 on .* failed/)
    await served.stop()
    await close()
  })

  test('last success and next slot are shown on a narrow screen too, and the slots are one line there and on paper', async () => {
    const path = join(folder, 'lines.db')
    await fillFile(path, companyTasks(NOW), NOW)
    const served = await serve(`file:${path}`)
    const { page, close } = await openPage(browser)
    await page.goto(served.url)
    const lines = () =>
      page.locator('.grid tbody .cells').evaluateAll((rows) =>
        rows.map((row) => {
          const shown = [...row.querySelectorAll('a')].filter((cell) => cell.getBoundingClientRect().width > 0)
          return new Set(shown.map((cell) => cell.getBoundingClientRect().top)).size
        }),
      )
    for (const width of [360, 600, 601, 760, 761, 1000, 1001, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      expect({ width, lines: await lines() }).toEqual({ width, lines: Array(6).fill(1) })
      const facts = await page.locator('.grid tbody .when').all()
      expect(await Promise.all(facts.map((fact) => fact.isVisible()))).toEqual(Array(12).fill(true))
    }
    // A4 in its usual margins.
    await page.setViewportSize({ width: 718, height: 1000 })
    await page.emulateMedia({ media: 'print' })
    expect(await lines()).toEqual(Array(6).fill(1))
    expect(await page.locator('.grid tbody tr:first-child .cells a').count()).toBe(60)
    await close()
    await served.stop()
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

  test('200 tasks of 60 slots', async () => {
    const plans = Array.from(
      { length: 200 },
      (_, index): PlannedTask => ({
        task: `task-${String(index).padStart(3, '0')}`,
        spec: {
          expression: `${index % 60} ${index % 24} * * *`,
          zone: index % 2 === 0 ? 'Asia/Tokyo' : 'America/New_York',
        },
        count: 60,
        fateOf: (ago) => (ago === index % 60 ? 'failed' : 'succeeded'),
      }),
    )
    const path = join(folder, 'wide.db')
    await fillFile(path, plans, NOW)
    const served = await serve(`file:${path}`)
    const { page, complaints, close } = await openPage(browser, { viewport: { width: 1600, height: 900 } })
    await page.goto(served.url)
    expect(await page.locator('.grid tbody tr').count()).toBe(200)
    expect(await page.locator('.grid tbody a.c').count()).toBe(200 * 60)
    await page.locator('.grid tbody tr:last-child a.c').last().focus()
    await page.keyboard.press('ArrowUp')
    expect(await page.evaluate('document.activeElement.getAttribute("aria-label")')).toMatch(
      /^task-198, .*, scheduled$/,
    )
    await page.getByLabel('Name').fill('task-07')
    await page.getByRole('button', { name: 'Find' }).click()
    await page.waitForURL(/q=task-07/)
    expect(await page.locator('.grid tbody tr').count()).toBe(10)
    expect(complaints).toEqual([])
    await served.stop()
    await close()
  })
})
