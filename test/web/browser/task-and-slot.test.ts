import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { formatInstant } from '../../../src/core/instant.ts'
import { seedLedger } from '../../support/pages/big-ledger.ts'
import { expectAccessible, expectNoSidewaysScroll, hasChromium, serveInBrowser } from '../../support/pages/browser.ts'
import { companyTasks, fillFile, type PlannedTask, rowsOf } from '../../support/pages/ledger.ts'
import { ON_ECS, rowOn } from '../../support/rows.ts'

const NOW = Date.now()
const OWNER = 'https://wiki.example.org/teams/platform/oncall/runbooks/batches-and-scheduled-jobs.html'
const TASKS = companyTasks(NOW).map((task) => ({ ...task, owner: OWNER, count: Math.min(task.count, 60) }))
const NIGHTLY: PlannedTask = {
  task: 'nightly',
  spec: { expression: '0 3 * * *', zone: 'Asia/Tokyo' },
  count: 6,
  // The newest slot may become due while the test runs, so it has no part.
  fateOf: (ago) => (ago === 1 ? 'failed' : ago === 2 ? 'stale' : 'succeeded'),
  rejectedOf: (ago) => (ago === 3 ? 45 : 0),
}
const ROWS = [...rowsOf(NIGHTLY, NOW)]
const [, failed = ROWS[0], stale, repeated] = ROWS
const CLIPBOARD = { permissions: ['clipboard-read', 'clipboard-write'] }

describe.skipIf(!hasChromium)('in a browser', () => {
  const { served, open } = serveInBrowser(async (path) => {
    await fillFile(path, TASKS, NOW)
    seedLedger(path, [...ROWS.map((row) => rowOn(ON_ECS, row)), ...ROWS.map((row) => ({ ...row, task: 'here' }))])
  })
  const slotOf = (row: (typeof ROWS)[number] | undefined, task = 'nightly') =>
    `slot?task=${task}&slot=${formatInstant(row?.slot ?? 0)}`
  const ADDRESSES = [
    'task?task=heartbeat&status=missed',
    'task?task=billing/invoices',
    'task?task=bilings/invoice',
    'slot?task=billing/invoices&slot=2001-01-01T00:00:00Z',
    ...[failed, stale, repeated].map((row) => slotOf(row)),
  ]
  const unfold = (page: Page) =>
    page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true')
  const command = (page: Page, what = 'Run it again') =>
    page
      .locator('.remedy', { has: page.getByText(what, { exact: true }) })
      .locator('code')
      .innerText()

  test('every view keeps the rules of accessibility, in light and in dark, with everything open', async () => {
    const { page, complaints, close } = await open('')
    for (const address of ADDRESSES) {
      await page.goto(served().url + address)
      await unfold(page)
      await expectAccessible(page)
    }
    expect(complaints.filter((text) => !text.includes('404'))).toEqual([])
    await close()
  })

  test('no view is wider than its screen, from 360 pixels on', async () => {
    const { page, close } = await open('')
    const addresses = ADDRESSES.map((address) => served().url + address)
    await expectNoSidewaysScroll(page, addresses, [360, 768, 1440])
    await page.setViewportSize({ width: 360, height: 800 })
    await close()
  })

  test('an owner that is a long address is whole, within the width of a phone', async () => {
    const { page, close } = await open('', { viewport: { width: 390, height: 844 } })
    for (const address of ['', 'needs', 'task?task=billing/invoices']) {
      await page.goto(served().url + address)
      const owners = page.locator('.owner').filter({ visible: true })
      // The overview names an owner only where a problem has several.
      if (address !== '') expect(await owners.first().textContent()).toBe(OWNER)
      const boxes = await owners.evaluateAll((all) => all.map((one) => one.getBoundingClientRect().toJSON()))
      for (const { right } of boxes) expect(right).toBeLessThanOrEqual(390)
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390)
    }
    await close()
  })

  test('a month of a task is printed as one table with all columns, and nothing of it is cut', async () => {
    const { page, close } = await open('task?task=billing/invoices')
    await page.emulateMedia({ media: 'print' })
    // A4 across and upright, inside the margins.
    for (const size of [
      { width: 1032, height: 700 },
      { width: 718, height: 1000 },
    ]) {
      await page.setViewportSize(size)
      expect(await page.locator('.history thead th').filter({ visible: true }).allInnerTexts()).toEqual([
        ...['Slot', 'Status', 'What happened', 'Exit code', 'Duration', 'Start delay', 'Attempts', 'Host', 'Rejected'],
      ])
      expect(await page.locator('.history tbody tr').count()).toBe(31)
      const cells = page.locator('.history tbody tr:first-child td').filter({ visible: true })
      expect(
        new Set((await cells.evaluateAll((all) => all.map((one) => one.getBoundingClientRect().y))).values()).size,
      ).toBe(1)
      const cut = await page
        .locator('main, .scroll, .history th, .history td')
        .evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.innerText))
      expect(cut).toEqual([])
    }
    await close()
  })

  test('what happened in a slot stands beside what to do on a wide screen, and below it on a narrow one', async () => {
    const { page, close } = await open(slotOf(failed))
    for (const [width, isBeside] of [
      [1440, true],
      [390, false],
    ] as const) {
      await page.setViewportSize({ width, height: 900 })
      const [steps, timeline] = [
        await page.locator('.commands').boundingBox(),
        await page.locator('.timeline').boundingBox(),
      ]
      expect({ width, isBeside: (timeline?.y ?? 0) < (steps?.y ?? 0) }).toEqual({ width, isBeside })
    }
    await close()
  })

  test('the bars stand below the cells of the same slots, and the Tab key stops once at the cells', async () => {
    const { page, close } = await open('task?task=billing/invoices')
    const middles = (selector: string) =>
      page
        .locator(selector)
        .evaluateAll((all) =>
          all.map((one) => one.getBoundingClientRect()).map(({ x, width }) => Math.round(x + width / 2)),
        )
    const cells = await middles('.chart thead a')
    expect(cells).toHaveLength(20)
    expect(await middles('.chart svg')).toEqual(cells)
    const stops = page.locator('.chart a.c:not([tabindex="-1"])')
    expect(await stops.count()).toBe(1)
    const name = await page.locator('.chart a.c').nth(-3).getAttribute('title')
    expect(name?.split('\n').join(' ')).toMatch(/^billing\/invoices; .* JST; failed; took .*$/)
    await close()
  })

  test('by the keys alone, a command is copied as it is shown', async () => {
    const { page, close } = await open(slotOf(failed), CLIPBOARD)
    await page.getByRole('button', { name: 'Copy the command: Run it again', exact: true }).focus()
    await page.keyboard.press('Enter')
    await page.locator('#copied', { hasText: 'Copied' }).waitFor({ state: 'attached' })
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(await command(page))
    await close()
  })

  test('without a script there are the commands with their placeholders, and nothing that needs a script', async () => {
    const { page, close } = await open(slotOf(failed), { javaScriptEnabled: false })
    expect(await page.locator('.command').nth(1).innerText()).toMatch(/"YOUR REASON".*"\$USER"/s)
    expect(await page.locator('input, select, button').filter({ visible: true }).count()).toBe(0)
    await page.locator('summary').first().click()
    expect(await page.getByText('Skip it', { exact: true }).isVisible()).toBe(true)
    await close()
  })

  test('one choice for all times: of the task, of the browser, or UTC; the next page has it, too', async () => {
    const { page, complaints, close } = await open('task?task=billing/invoices', { timezoneId: 'America/New_York' })
    const time = page.locator('.list tbody tr:first-child time').first()
    expect(await time.innerText()).toMatch(/^\d{4}-\d\d-\d\d 0[35]:00 JST/)
    await page.getByLabel('Times').selectOption('UTC')
    await time.filter({ hasText: /^\d{4}-\d\d-\d\d (18|20):00 UTC/ }).waitFor()
    await page.getByLabel('Times').selectOption('browser')
    await time.filter({ hasText: /^\d{4}-\d\d-\d\d 1[3-6]:00 E[SD]T/ }).waitFor()
    await page.goto(served().url)
    expect(await page.locator('#as-of').innerText()).toMatch(/ E[SD]T$/)
    await page.getByLabel('Times').selectOption('')
    await page.locator('#as-of', { hasText: 'UTC' }).waitFor()
    expect(complaints).toEqual([])
    await close()
  })
})
