import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatInstant } from '../../../src/core/instant.ts'
import { shellWord } from '../../../src/format/text.ts'
import { cronledger, scratch } from '../../support/cli.ts'
import { expectAccessible, hasChromium, openBrowser, openPage } from '../../support/pages/browser.ts'
import { companyTasks, fillFile, type PlannedTask, rowsOf } from '../../support/pages/ledger.ts'
import { openShell } from '../../support/pages/paste.ts'
import { type Served, serve } from '../../support/pages/serve.ts'

const folder = scratch()
const NOW = Date.now()
const REASON = `it's <b>"fixed"</b>: $(touch no) \`id\` \\ ;&|!<>*? 入力 👩‍💻`
const withReason = (command: string) => command.replace("'YOUR REASON'", shellWord(REASON))
const CLIPBOARD = { permissions: ['clipboard-read', 'clipboard-write'] }

const unfold = (page: Page) => page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true')

async function copied(page: Page, what: string): Promise<string> {
  await unfold(page)
  await page.getByRole('button', { name: `Copy the command: ${what}`, exact: true }).click()
  await page.locator('#copied', { hasText: 'Copied' }).waitFor({ state: 'attached' })
  return page.evaluate('navigator.clipboard.readText()') as Promise<string>
}

describe.skipIf(!hasChromium)('pasted into a shell', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser.close())

  describe('on a host', () => {
    const [billing, warehouse] = companyTasks(NOW) as [PlannedTask, PlannedTask]
    const plans = [billing, warehouse].map((plan) => ({ ...plan, count: 12 }))
    let served: Served
    beforeAll(async () => {
      const path = join(folder, 'ledger.db')
      await fillFile(path, plans, NOW)
      served = await serve(`file:${path}`)
    })
    afterAll(() => served?.stop())

    const slotPage = (task: string, status: 'failed' | 'stale' | 'succeeded') => {
      const plan = plans.find((one) => one.task === task) ?? billing
      const row = [...rowsOf(plan, NOW)].find((_, ago) => plan.fateOf(ago) === status)
      return `${served.url}slot?task=${task}&slot=${formatInstant(row?.slot ?? 0)}`
    }
    const shell = () => openShell(folder)

    test('a resolution is refused until a reason replaces its placeholder, and the page shows the reason', async () => {
      const { page, complaints, requests, close } = await openPage(browser, CLIPBOARD)
      await page.goto(slotPage(warehouse.task, 'stale'))
      expect(await page.locator('.why').innerText()).toMatch(/attempt 1 on ip-.* stopped reporting: its lease ended at/)
      const command = await copied(page, 'Mark it as completed')
      await expect(shell()(command)).rejects.toThrow(/placeholder "YOUR REASON"/)
      expect((await shell()(withReason(command))).stdout).toContain(`: recorded as completed: ${REASON}`)
      await page.locator('.why', { hasText: `marked it as completed` }).waitFor()
      expect(await page.locator('.timeline').innerText()).toContain(REASON)
      expect(complaints).toEqual([])
      expect(requests.filter((url) => !url.startsWith(served.url) && !url.startsWith('data:'))).toEqual([])
      await close()
    })

    test('a rerun runs the batch that replaces its placeholder', async () => {
      const { page, close } = await openPage(browser, CLIPBOARD)
      await page.goto(slotPage(billing.task, 'failed'))
      const command = withReason(await copied(page, 'Run it again')).replace(
        'YOUR_COMMAND',
        'printenv CRONLEDGER_RUN_ATTEMPT',
      )
      expect((await shell()(command, 'dash')).stdout).toBe('2\n')
      await page.locator('.why', { hasText: /attempt 2 on \S+ succeeded at/ }).waitFor()
      await close()
    })
  })

  test('the first command of an empty ledger is refused until a batch replaces its placeholder', async () => {
    const store = `file:${join(folder, 'empty.db')}`
    expect((await cronledger(['setup', '--store', store])).code).toBe(0)
    const served = await serve(store)
    const { page, close } = await openPage(browser, CLIPBOARD)
    await page.goto(served.url)
    await expectAccessible(page)
    const command = await copied(page, 'Run a batch at most once for each slot of its schedule')
    const shell = openShell(folder)
    await expect(shell(command)).rejects.toThrow(/placeholder "YOUR_COMMAND"/)
    await shell(command.replace('YOUR_COMMAND', 'true'))
    await page.reload()
    await page.locator('tr[data-task=nightly]').waitFor()
    await served.stop()
    await close()
  })
})
