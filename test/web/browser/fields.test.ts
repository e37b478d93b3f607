import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatInstant } from '../../../src/core/instant.ts'
import { scratch } from '../../support/cli.ts'
import { seedLedger } from '../../support/pages/big-ledger.ts'
import { hasChromium, openBrowser, openPage } from '../../support/pages/browser.ts'
import { rowsOf } from '../../support/pages/ledger.ts'
import { type Served, serve } from '../../support/pages/serve.ts'
import { ON_ECS, rowOn } from '../../support/rows.ts'

const folder = scratch()
const NOW = Date.now()
const spec = { expression: '0 3 * * *', zone: 'UTC' }
const rowsOfTask = (task: string) => [...rowsOf({ task, spec, count: 2, fateOf: () => 'failed' }, NOW)]

describe.skipIf(!hasChromium)('the fields of a slot', () => {
  let browser: Browser
  let served: Served
  const slotOf = (task: string, ago = 0) =>
    `${served.url}slot?task=${task}&slot=${formatInstant(rowsOfTask(task)[ago]?.slot ?? 0)}`
  beforeAll(async () => {
    browser = await openBrowser()
    const path = join(folder, 'ledger.db')
    seedLedger(path, [...rowsOfTask('here'), ...rowsOfTask('on-ecs').map((row) => rowOn(ON_ECS, row))])
    served = await serve(`file:${path}`)
  })
  afterAll(async () => {
    await served?.stop()
    await browser.close()
  })

  const labels = (page: Page) => page.locator('.fields label').allInnerTexts()
  const command = (page: Page, what = 'Run it again') =>
    page
      .locator('.remedy', { has: page.getByText(what, { exact: true }) })
      .locator('code')
      .innerText()
  /** Pastes a text with the keys, into the field that has the focus. */
  async function pasteInto(page: Page, text: string) {
    await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(text)})`)
    await page.keyboard.press('Control+V')
  }
  const openForPaste = () => openPage(browser, { permissions: ['clipboard-read', 'clipboard-write'] })

  test('are those that a command has a placeholder for', async () => {
    const { page, close } = await openPage(browser)
    await page.goto(slotOf('here'))
    expect(await labels(page)).toEqual(['Reason', 'Batch command'])
    await page.goto(slotOf('on-ecs'))
    expect(await labels(page)).toEqual(['Reason', 'Your name'])
    await close()
  })

  test('fill in all commands of the page at once, and give the placeholders back when they are empty', async () => {
    const { page, close } = await openPage(browser)
    await page.goto(slotOf('here'))
    await page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true')
    await page.getByLabel('Reason').fill(`it's`)
    await page.getByLabel('Batch command').fill('./batch.sh "$DATE" && echo done')
    expect(await command(page)).toMatch(/ --reason 'it'"'"'s' -- \.\/batch\.sh "\$DATE" && echo done$/)
    for (const what of ['Mark it as completed', 'Skip it'])
      expect(await command(page, what)).toMatch(/ --reason 'it'"'"'s'$/)
    await page.getByLabel('Reason').fill('')
    expect(await command(page)).toMatch(/ --reason 'YOUR REASON' -- \.\/batch\.sh/)
    await close()
  })

  test('refuse two lines and control characters, and say so', async () => {
    const { page, complaints, close } = await openForPaste()
    await page.goto(slotOf('here'))
    const batch = page.getByLabel('Batch command')
    const problem = page.getByRole('alert')
    await batch.fill('./old.sh')
    await batch.press('End')
    // The field itself would make `cd /tmp./batch.sh` of these two lines.
    for (const text of ['cd /tmp\n./batch.sh', 'a\tb', 'a\u001b[2Jb', 'a\u2028b']) {
      await pasteInto(page, text)
      await problem.getByText(/^Batch command: line breaks and control characters are not allowed\./).waitFor()
      expect(await batch.inputValue()).toBe('./old.sh')
      expect(await batch.getAttribute('aria-invalid')).toBe('true')
      await batch.press('Shift+End')
      await page.keyboard.type('x')
      await problem.filter({ hasText: /^$/ }).waitFor({ state: 'attached' })
      await batch.press('Backspace')
    }
    await batch.fill('a\u202eb')
    await problem.getByText(/^Batch command: /).waitFor()
    expect(await command(page)).toMatch(/ -- YOUR_COMMAND$/)
    // A line that was copied as a whole has a newline at its end.
    await batch.fill('')
    await pasteInto(page, './batch.sh\n')
    expect(await command(page)).toMatch(/ -- \.\/batch\.sh$/)
    expect(await problem.innerText()).toBe('')
    expect(complaints).toEqual([])
    await close()
  })

  test('keep the name for the tab, and nothing else', async () => {
    const { page, close } = await openPage(browser)
    await page.goto(slotOf('on-ecs'))
    await page.getByLabel('Your name').fill('山田 "Ada" O\'Brien')
    await page.getByLabel('Reason').fill('only here')
    await page.goto(slotOf('on-ecs', 1))
    expect(await page.getByLabel('Your name').inputValue()).toBe('山田 "Ada" O\'Brien')
    expect(await page.getByLabel('Reason').inputValue()).toBe('')
    expect(await command(page)).toContain(`"value":"山田 \\"Ada\\" O'"'"'Brien"`)
    const context: BrowserContext = page.context()
    const other = await context.newPage()
    await other.goto(slotOf('on-ecs'))
    expect(await other.getByLabel('Your name').inputValue()).toBe('')
    await close()
  })
})
