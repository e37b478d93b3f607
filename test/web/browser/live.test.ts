import { renameSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { formatInstant } from '../../../src/core/instant.ts'
import { finishRow, resolveRow } from '../../../src/core/row/transition.ts'
import type { Row } from '../../../src/core/types.ts'
import { openFileStore } from '../../../src/store/file/file-store.ts'
import { expectAccessible, hasChromium, isSameLoad, markLoad, serveInBrowser } from '../../support/pages/browser.ts'
import { companyTasks, fillFile, type PlannedTask, rowsOf } from '../../support/pages/ledger.ts'
import { untilChecked } from '../../support/pages/serve.ts'
import { SUCCEEDED } from '../../support/rows.ts'

// How a page that stays open follows the ledger. The last test ends the server.

const NOW = Date.now()
const TASKS = companyTasks(NOW).map((task) => ({ ...task, count: Math.min(task.count, 60) }))
const call = () => ({ signal: AbortSignal.timeout(120_000) })
const planOf = (name: string) => TASKS.find(({ task }) => task === name) as PlannedTask

describe.skipIf(!hasChromium)('a page that stays open', () => {
  const { path, served, open, openEmpty } = serveInBrowser((file) => fillFile(file, TASKS, NOW))
  const asOf = (page: Page) => page.locator('#as-of time').getAttribute('datetime')
  const tryNow = (page: Page) => page.getByRole('button', { name: 'Try now' })
  const newestOf = (plan: PlannedTask) => [...rowsOf(plan, NOW)][0] as Row
  const slotOf = (row: Row) => `slot?task=${row.task}&slot=${formatInstant(row.slot)}`

  async function changeRow(plan: PlannedTask, change: (row: Row) => Row) {
    const store = openFileStore(path)
    const row = (await store.get(newestOf(plan), call())) as Row
    expect(await store.put(change(row), row, call())).toEqual({ kind: 'ok' })
    store.close()
  }

  test('a page that stays open asks again no sooner than its server says, also where that is seldom', async () => {
    const { page, requests, close } = await openEmpty()
    await page.clock.install()
    await page.route(served().url, async (route) => {
      const response = await route.fetch()
      const body = (await response.text()).replace(/data-poll-ms="\d+"/, 'data-poll-ms="90000"')
      await route.fulfill({ response, body })
    })
    await page.goto(served().url)
    const asked = () => requests.filter((url) => url === served().url).length
    await page.clock.runFor(80_000)
    // The tab comes to the front again and again. That is no reason to ask.
    for (let times = 0; times < 3; times += 1)
      await page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`)
    await page.clock.runFor(9_000)
    expect(asked()).toBe(1)
    const again = page.waitForResponse(served().url)
    await page.clock.runFor(1_000)
    await again
    await close()
  })

  test('a page that stays open keeps what a person opened and selected, and does not touch the commands', async () => {
    const plan = planOf('etl/warehouse-load')
    const { page, close } = await openEmpty()
    await page.clock.install()
    await page.goto(served().url + slotOf(newestOf(plan)))
    await page.locator('summary').first().click()
    await page.evaluate('getSelection().selectAllChildren(document.querySelector(".command code"))')
    const selected = await page.evaluate('getSelection().toString()')
    expect(selected).toMatch(/^cronledger /)
    await page.evaluate(`(() => {
      globalThis.changes = []
      const observe = new MutationObserver((found) => changes.push(...found.map(({ type }) => type)))
      observe.observe(document.querySelector('.commands'), { subtree: true, childList: true, attributes: true, characterData: true })
    })()`)
    const refresh = async () => {
      const answer = page.waitForResponse(page.url())
      await page.clock.runFor(6_000)
      await (await answer).finished()
    }
    await refresh()
    await refresh()
    expect(await page.evaluate('changes')).toEqual([])
    await changeRow(plan, (row) => {
      const { task, slot, schedule, zoneData } = row
      const word = { task, window: { slot, end: null }, schedule, zoneData, runId: 'own', state: 'FAILED' } as const
      return resolveRow(row, { ...word, by: 'eve', reason: 'looked too' }, { writeId: 'w-own', now: NOW })
    })
    await refresh()
    await page.locator('.why', { hasText: 'eve marked it as failed' }).waitFor()
    expect(await page.locator('details').first().getAttribute('open')).toBe('')
    expect(await page.evaluate('getSelection().toString()')).toBe(selected)
    await close()
  })

  test('a page that stays open shows that a running slot completed: without a reload, nothing moves, and the focus stays', async () => {
    await untilChecked(served())
    // In these short columns, no slot that needs attention is beside the running one at any time of the day.
    const { page, close } = await open('?span=24h')
    await markLoad(page)
    await page.evaluate(`(() => {
      globalThis.moved = []
      new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries()) {
          // A number that gets shorter begins later in its cell, which is at the same place.
          const isMoved = ({ previousRect: from, currentRect: to }) => JSON.stringify(from) !== JSON.stringify(to)
          const nodes = sources.filter(isMoved).map(({ node }) => node?.outerHTML?.slice(0, 80))
          if (nodes.length > 0) globalThis.moved.push(value + ' ' + nodes.join(' '))
        }
      }).observe({ type: 'layout-shift' })
    })()`)
    const running = page.locator('#tasks a.running')
    await running.focus()
    const address = await running.getAttribute('href')
    await changeRow(planOf('heartbeat'), (row) => finishRow(row, SUCCEEDED, { writeId: 'end', now: Date.now() }))
    await running.waitFor({ state: 'detached' })
    // The browser reports a move after the next frame.
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
    expect(
      await page.evaluate('[document.activeElement.getAttribute("href"), document.activeElement.className]'),
    ).toEqual([address, 'c completed calm'])
    expect(await page.evaluate('globalThis.moved')).toEqual([])
    expect(await isSameLoad(page)).toBe(true)
    await close()
  })

  test('a page that stays open says that the ledger or the server is gone, keeps its tasks, and recovers', async () => {
    const { page, close } = await openEmpty()
    await page.clock.install()
    await page.goto(served().url)
    await markLoad(page)
    await page.evaluate(`(() => {
      globalThis.told = []
      new MutationObserver(() => globalThis.told.push(document.getElementById('connection').textContent)).observe(
        document.getElementById('connection'), { childList: true, characterData: true, subtree: true })
    })()`)
    const status = page.locator('#connection')
    /** Lets the page ask until the server has no answer left from before. */
    const failed = async () => {
      for (let status = 0; status !== 500; ) {
        const answer = page.waitForResponse(served().url)
        await page.clock.runFor(31_000)
        status = (await answer).status()
        await (await answer).finished()
      }
    }
    renameSync(path, `${path}.away`)
    await failed()
    await status
      .filter({ hasText: /^The ledger cannot be read: .*ledger\.db.*[^.]\. The page shows the ledger as of .* UTC\.$/ })
      .waitFor()
    const shown = await asOf(page)
    expect(await page.locator('.grid tbody tr[data-task]').count()).toBe(TASKS.length)
    await expectAccessible(page)
    // Only a try of a person is announced again.
    await failed()
    expect(await page.evaluate('globalThis.told.length')).toBe(1)
    await tryNow(page).focus()
    await page.keyboard.press('Enter')
    await status.filter({ hasText: 'The last try was at' }).waitFor()
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Try now')
    // A new viewer sees the error too, and the task as soon as it can be read.
    const other = await open('task?task=billing/invoices')
    expect(await other.page.locator('h1').innerText()).toBe('The ledger cannot be read')
    await expectAccessible(other.page)
    renameSync(`${path}.away`, path)
    await tryNow(other.page).click()
    await other.page.locator('h1', { hasText: 'billing/invoices' }).waitFor()
    await other.close()
    await page.keyboard.press('Enter')
    await status.filter({ hasText: /^$/ }).waitFor({ state: 'attached' })
    expect(await tryNow(page).isVisible()).toBe(false)
    expect(await asOf(page)).not.toBe(shown)
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    expect(await isSameLoad(page)).toBe(true)
    await served().stop()
    await page.clock.runFor(31_000)
    await status.filter({ hasText: /^The server \(cronledger serve\) cannot be reached\. The page shows/ }).waitFor()
    await close()
  })
})
