import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect } from 'vitest'
import { scratch } from '../cli.ts'
import { type Served, serve, WHOLE } from './serve.ts'

const CHROMIUM = '/usr/bin/chromium'
export const hasChromium = existsSync(CHROMIUM)
if (!hasChromium) process.stdout.write('chromium is not installed: the pages are not tested in a browser\n')

/** Only a hang takes longer than this. A page with many rows is slow on a machine without free CPU. */
const PATIENCE_MS = 240_000

function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: PATIENCE_MS })
}

/** `complaints`: the errors, warnings and dialogs of the page; `requests`: the URL of each request. */
export async function openPage(browser: Browser, options: Parameters<Browser['newContext']>[0] = {}) {
  const context = await browser.newContext({ reducedMotion: 'reduce', extraHTTPHeaders: WHOLE.headers, ...options })
  context.setDefaultTimeout(PATIENCE_MS)
  const page = await context.newPage()
  const complaints: string[] = []
  const requests: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', (request) => requests.push(request.url()))
  const close = async () => {
    // A page asks again by itself. An answer that a test is changing must not fail because its page is gone.
    await page.unrouteAll({ behavior: 'wait' })
    await context.close()
  }
  return { page, complaints, requests, close }
}

/** Puts a mark into the page that a reload would take away. */
export const markLoad = (page: Page) => page.evaluate('globalThis.loaded = 1')
export const isSameLoad = (page: Page) => page.evaluate('globalThis.loaded === 1')

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** By the protocol of the browser, since the policy of the page allows no other script. */
export async function expectAccessible(page: Page): Promise<void> {
  const source = readFileSync(AXE, 'utf8')
  await page.evaluate(source)
  for (const [colorScheme, rules] of [
    ['light', {}],
    ['dark', { runOnly: ['color-contrast'] }],
  ] as const) {
    await page.emulateMedia({ colorScheme })
    const found = await page.evaluate(async (options) => {
      // biome-ignore lint/suspicious/noExplicitAny: axe is put into the page as text
      const { violations } = await (globalThis as any).axe.run({ resultTypes: ['violations'], ...options })
      return violations.map(({ id, nodes }: { id: string; nodes: { html: string; failureSummary: string }[] }) => ({
        id,
        nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => `${html}: ${failureSummary}`),
      }))
    }, rules)
    expect({ colorScheme, found }).toEqual({ colorScheme, found: [] })
  }
}

export function serveInBrowser(fill: (path: string) => Promise<void> | void) {
  const path = join(scratch(), 'ledger.db')
  let browser: Browser
  let served: Served
  beforeAll(async () => {
    await fill(path)
    served = await serve(`file:${path}`)
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await served?.stop()
  })
  return {
    path,
    served: () => served,
    async open(address: string, options: Parameters<typeof openPage>[1] = {}) {
      const opened = await openPage(browser, options)
      await opened.page.goto(served.url + address)
      return opened
    },
    openEmpty: (options: Parameters<typeof openPage>[1] = {}) => openPage(browser, options),
  }
}

/** Checks that no address is wider than the screen, and no table than its place, at each width. */
export async function expectNoSidewaysScroll(page: Page, addresses: readonly string[], widths: readonly number[]) {
  for (const address of addresses) {
    await page.goto(address)
    await page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true')
    for (const width of widths) {
      await page.setViewportSize({ width, height: 800 })
      const over = await page
        .locator(':root, .scroll')
        .evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).map(({ className }) => className))
      expect({ width, address, over }).toEqual({ width, address, over: [] })
    }
  }
}
