import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatInstant } from '../../../src/core/instant.ts'
import { resolveRow } from '../../../src/core/row/transition.ts'
import { openFileStore } from '../../../src/store/file/file-store.ts'
import { cronledger, scratch } from '../../support/cli.ts'
import { seedLedger } from '../../support/pages/big-ledger.ts'
import { expectAccessible, hasChromium, openBrowser, openPage } from '../../support/pages/browser.ts'
import { companyTasks, fillFile, type PlannedTask, rowsOf } from '../../support/pages/ledger.ts'
import { type Served, serve } from '../../support/pages/serve.ts'
import { ON_ECS, rowOn } from '../../support/rows.ts'

const folder = scratch()
const NOW = Date.now()
const path = join(folder, 'ledger.db')
const call = () => ({ signal: AbortSignal.timeout(120_000) })
const NIGHTLY: PlannedTask = {
  task: 'nightly',
  spec: { expression: '0 3 * * *', zone: 'Asia/Tokyo' },
  count: 6,
  // The newest slot may become due while the test runs, so it has no part.
  fateOf: (ago) => (ago === 1 ? 'failed' : ago === 2 ? 'stale' : 'succeeded'),
  rejectedOf: (ago) => (ago === 3 ? 45 : 0),
}
const ROWS = [...rowsOf(NIGHTLY, NOW)].map((row) => rowOn(ON_ECS, row))
const [, failed, stale, repeated] = ROWS

describe.skipIf(!hasChromium)('the page of a slot', () => {
  let browser: Browser
  let served: Served
  beforeAll(async () => {
    browser = await openBrowser()
    await fillFile(path, companyTasks(NOW).slice(0, 1), NOW)
    seedLedger(path, ROWS)
    served = await serve(`file:${path}`)
  })
  afterAll(async () => {
    await served?.stop()
    await browser.close()
  })

  const addressOf = (row: (typeof ROWS)[number] | undefined) =>
    `${served.url}slot?task=nightly&slot=${formatInstant(row?.slot ?? 0)}`
  const focused = (page: Page) =>
    page.evaluate(
      'document.activeElement.getAttribute("aria-label") ?? document.activeElement.closest("label")?.textContent ?? document.activeElement.textContent',
    ) as Promise<string>

  test('says what happened and what to do before everything else, and links to the log', async () => {
    const { page, complaints, close } = await openPage(browser)
    await page.goto(addressOf(failed))
    expect(await page.locator('.why').innerText()).toMatch(
      /attempt 1 on .* failed \(exit code 3\) after .*may be half done/s,
    )
    const order = await page
      .locator('main :is(h1, h2, .why, .remedy > p:first-child, .fields, summary)')
      .evaluateAll((all) => all.map((one) => one.getAttribute('class') ?? one.textContent))
    expect(order).toEqual([
      expect.stringContaining('nightly'),
      'why',
      'What to do',
      'Check its log',
      'fields',
      'Run it again',
      'Mark it as completed',
      'Record the schedule of the task',
      'Other commands: skip it',
      'Skip it',
      'Timeline',
      'Details',
    ])
    const link = page.getByRole('link', { name: 'Open this log in CloudWatch Logs' })
    expect(await link.getAttribute('href')).toBe(
      'https://console.aws.amazon.com/cloudwatch/home?region=ap-northeast-1#logsV2:log-groups/log-group/$252Fecs$252Fnightly/log-events/cronledger$252Fbatch$252F158d1c8083dd49d6b527399fd6414f5c',
    )
    expect(await link.getAttribute('rel')).toBe('noreferrer noopener')
    expect(complaints).toEqual([])
    await close()
  })

  test('equal duplicates are one line, which opens by the keys', async () => {
    const { page, close } = await openPage(browser)
    await page.goto(addressOf(repeated))
    const line = page.locator('.timeline summary')
    expect(await line.innerText()).toMatch(
      /^45 duplicate triggers ignored \(completed\), .*\sto .*\s24 of them are only counted$/s,
    )
    expect(await page.locator('.timeline details li').first().isVisible()).toBe(false)
    await line.focus()
    await page.keyboard.press('Enter')
    expect(await page.locator('.timeline details li').filter({ visible: true }).count()).toBe(21)
    await close()
  })

  test('by the keys alone: into the fields, and to a command that is filled in and copied', async () => {
    const { page, close } = await openPage(browser, { permissions: ['clipboard-read', 'clipboard-write'] })
    await page.goto(addressOf(failed))
    await page.getByLabel('Reason').focus()
    await page.keyboard.type(`it's "fixed"`)
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Your name')
    await page.keyboard.type('Ada')
    // Enter must not load the page again.
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Copy the command: Run it again')
    await page.keyboard.press('Enter')
    await page.locator('#copied', { hasText: 'Copied' }).waitFor({ state: 'attached' })
    const command = await page.evaluate('navigator.clipboard.readText()')
    expect(command).toContain(
      `{"name":"CRONLEDGER_REASON","value":"it'"'"'s \\"fixed\\""},{"name":"CRONLEDGER_BY","value":"Ada"}`,
    )
    expect(command).toBe(await page.locator('.remedy:has-text("Run it again") code').innerText())
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Copy the command: Mark it as completed')
    await close()
  })

  test('the rules of accessibility, in light and in dark, with everything open and a refused text', async () => {
    const { page, close } = await openPage(browser)
    for (const row of [failed, stale, repeated]) {
      await page.goto(addressOf(row))
      await page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true')
      await expectAccessible(page)
    }
    await page.goto(addressOf(failed))
    await page.getByLabel('Reason').fill('a\u202eb')
    await page.getByText('are not allowed').waitFor()
    await expectAccessible(page)
    await close()
  })

  test('fits a screen of 360 pixels, with long texts in its fields', async () => {
    const { page, close } = await openPage(browser, { viewport: { width: 360, height: 800 } })
    for (const row of [failed, stale, repeated]) {
      await page.goto(addressOf(row))
      await page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true')
      for (const field of await page.locator('.fields input').all()) await field.fill('x'.repeat(200))
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
    }
    await close()
  })

  test('without a script there are the commands with their placeholders, and nothing that needs a script', async () => {
    const { page, close } = await openPage(browser, { javaScriptEnabled: false })
    await page.goto(addressOf(failed))
    expect(await page.locator('.command').nth(1).innerText()).toMatch(/"YOUR REASON".*"YOUR NAME"/s)
    expect(await page.locator('input:not(#utc), button').filter({ visible: true }).count()).toBe(0)
    await page.locator('summary').first().click()
    expect(await page.getByText('Skip it', { exact: true }).isVisible()).toBe(true)
    await close()
  })

  test('a report has the same sentence, commands and link, and no fields', async () => {
    const out = join(folder, 'report.html')
    const since = formatInstant(ROWS.at(-1)?.slot ?? 0)
    expect(
      await cronledger(['report', '--store', `file:${path}`, '--since', since, '--task', 'nightly', '--out', out]),
    ).toMatchObject({ code: 0 })
    const { page, complaints, close } = await openPage(browser)
    await page.goto(`file://${out}`)
    const detail = page.locator('.detail', { hasText: /attempt 1 on \S+ failed \(exit code 3\)/ })
    expect(await detail.locator('.command').first().textContent()).toMatch(/^aws logs tail/)
    expect(await detail.getByRole('link', { name: 'Open this log in CloudWatch Logs' }).count()).toBe(1)
    expect(await detail.locator('input, button').count()).toBe(0)
    expect(complaints).toEqual([])
    await close()
  })

  test('a refresh keeps the typed text, the focus and the selection, and does not touch the commands', async () => {
    const { page, close } = await openPage(browser)
    await page.clock.install()
    await page.goto(addressOf(stale))
    await page.getByLabel('Your name').fill('Ada')
    const reason = page.getByLabel('Reason')
    await reason.fill('looked at it')
    await page.evaluate('document.activeElement.setSelectionRange(2, 5)')
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

    const store = openFileStore(path)
    if (stale === undefined) throw new Error('no stale row')
    const { task, slot, schedule, zoneData } = stale
    const word = { task, window: { slot, end: null }, schedule, zoneData, runId: 'own', state: 'FAILED' } as const
    const resolved = resolveRow(stale, { ...word, by: 'eve', reason: 'looked too' }, { writeId: 'w-own', now: NOW })
    await store.put(resolved, stale, call())
    store.close()
    await refresh()
    await page.locator('.why', { hasText: 'eve marked it as failed' }).waitFor()
    expect(await page.getByLabel('Your name').inputValue()).toBe('Ada')
    expect(await reason.inputValue()).toBe('looked at it')
    expect(
      await page.evaluate(
        '(({ name, selectionStart, selectionEnd }) => [name, selectionStart, selectionEnd])(document.activeElement)',
      ),
    ).toEqual(['reason', 2, 5])
    expect(await page.locator('.command').nth(1).innerText()).toMatch(/"value":"looked at it".*"value":"Ada"/s)
    await close()
  })
})
