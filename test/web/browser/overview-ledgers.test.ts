import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { finishRow } from '../../../src/core/row/transition.ts'
import type { Row } from '../../../src/core/types.ts'
import { cronledger, scratch } from '../../support/cli.ts'
import { expectAccessible, hasChromium, openBrowser, openPage } from '../../support/pages/browser.ts'
import { companyTasks, fillFile, type PlannedTask, rowsOf } from '../../support/pages/ledger.ts'
import { fill, KINDS, serve } from '../../support/pages/serve.ts'
import { shownTasks } from '../../support/pages/sixty-tasks.ts'
import { SUCCEEDED } from '../../support/rows.ts'

const folder = scratch()
const NOW = Date.now()

describe.skipIf(!hasChromium)('the overview of other ledgers in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  test('200 of more tasks: the search asks the server', async () => {
    const plan: PlannedTask = {
      ...{ task: '', spec: { expression: '0 3 * * *', zone: 'Asia/Tokyo' }, count: 8 },
      fateOf: () => 'succeeded',
    }
    const path = join(folder, 'large.db')
    const names = Array.from({ length: 210 }, (_, index) => `task-${String(index).padStart(3, '0')}`)
    await fillFile(
      path,
      names.map((task) => ({ ...plan, task })),
      NOW,
    )
    const own = await serve(`file:${path}`)
    const { page, complaints, close } = await openPage(browser, { viewport: { width: 1600, height: 900 } })
    await page.goto(own.url)
    // A busy machine may need longer for the findings than the page waits. A later refresh then has the number of all tasks.
    await page.locator('#tasks', { hasText: '200 of 210 tasks' }).waitFor()
    expect(await shownTasks(page)).toHaveLength(200)
    expect(await page.locator('#tasks').innerText()).toContain(
      'This page shows 200 of 210 tasks. The summary above is about all tasks.',
    )
    await page.getByLabel('Name').fill('task-20')
    await page.locator('#found', { hasText: '10 of 10 tasks' }).waitFor()
    expect(await shownTasks(page)).toEqual(names.slice(200))
    await page.getByLabel('Name').fill('task-205')
    expect(await shownTasks(page)).toEqual(['task-205'])
    expect(complaints).toEqual([])
    await own.stop()
    await close()
  })

  test('an empty ledger shows a first command', async () => {
    const store = `file:${join(folder, 'empty.db')}`
    expect((await cronledger(['setup', '--store', store])).code).toBe(0)
    const own = await serve(store)
    const { page, close } = await openPage(browser, { permissions: ['clipboard-read', 'clipboard-write'] })
    await page.goto(own.url)
    expect(await page.locator('h1').innerText()).toBe('No tasks yet')
    expect(await page.locator('.well, .grid, .legend').count()).toBe(0)
    await expectAccessible(page)
    await page.getByRole('button', { name: /^Copy the command/ }).click()
    await page.locator('#copied', { hasText: 'Copied' }).waitFor({ state: 'attached' })
    const command = (await page.evaluate('navigator.clipboard.readText()')) as string
    expect(command).toBe(`cronledger run --store ${store} --task nightly --schedule '0 3 * * *' -- YOUR_COMMAND`)
    // As it is, it is refused. With a batch, it runs, and the task appears.
    const words = ['run', '--store', store, '--task', 'nightly', '--schedule', '0 3 * * *', '--']
    expect((await cronledger([...words, 'YOUR_COMMAND'])).code).toBe(64)
    expect((await cronledger([...words, 'true'])).code).toBe(0)
    await page.reload()
    expect(await shownTasks(page)).toEqual(['nightly'])
    await own.stop()
    await close()
  })

  test.each(KINDS)(
    'on a ledger in %s, a slot that runs moves on without a reload, and the focus stays',
    async (kind) => {
      const plan = companyTasks(NOW).find(({ task }) => task === 'heartbeat') as PlannedTask
      const filled = await fill(kind, join(folder, kind), [{ ...plan, count: 100 }], NOW)
      const own = await serve(filled.store, { env: filled.env })
      const { page, close } = await openPage(browser)
      await page.goto(`${own.url}?span=24h`)
      await page.evaluate('globalThis.loaded = 1')
      const running = page.locator('#tasks a.running')
      await running.focus()
      const address = await running.getAttribute('href')
      const focused = () =>
        page.evaluate('[document.activeElement.getAttribute("href"), document.activeElement.className]')
      expect(await focused()).toEqual([address, 'c running'])
      const store = filled.open()
      const call = { signal: AbortSignal.timeout(120_000) }
      const [stored] = [...rowsOf(plan, NOW)]
      const found = (await store.get(stored as Row, call)) as Row
      const ended = finishRow(found, SUCCEEDED, { writeId: 'end', now: Date.now() })
      expect(await store.put(ended, found, call)).toEqual({ kind: 'ok' })
      store.close()
      await running.waitFor({ state: 'detached' })
      expect(await focused()).toEqual([address, 'c completed'])
      expect(await page.evaluate('globalThis.loaded')).toBe(1)
      await own.stop()
      await filled.close()
      await close()
    },
  )

  test('the findings fit a narrow screen', async () => {
    const path = join(folder, 'narrow.db')
    await fillFile(path, companyTasks(NOW).slice(0, 3), NOW)
    const own = await serve(`file:${path}`)
    const { page, close } = await openPage(browser, { viewport: { width: 360, height: 800 } })
    await page.goto(`${own.url}needs`)
    expect(await page.locator('#needs tbody tr:not(.group)').count()).toBe(4)
    expect(
      await page.evaluate(
        '(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)(document.querySelector("#needs .scroll"))',
      ),
    ).toBe(true)
    await own.stop()
    await close()
  })
})
