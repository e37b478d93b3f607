import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'
import { expect } from 'vitest'

const CHROMIUM = '/usr/bin/chromium'
export const hasChromium = existsSync(CHROMIUM)
if (!hasChromium) process.stdout.write('chromium is not installed: the pages are not tested in a browser\n')

/** Only a hang takes longer than this. A page with many rows is slow on a machine without free CPU. */
const PATIENCE_MS = 240_000

/** Starts Debian's Chromium. It has no sandbox when root runs it. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: PATIENCE_MS })
}

/**
 * Opens a page and records what a test checks: the errors, warnings and dialogs of the page in `complaints`, and the
 * URL of every request in `requests`.
 */
export async function openPage(browser: Browser, options: Parameters<Browser['newContext']>[0] = {}) {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
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

/**
 * Checks the page by every rule of axe-core, in the light and the dark colours. We must evaluate axe-core through the
 * browser's protocol, since the policy of the page allows no other script.
 */
export async function expectAccessible(page: Page): Promise<void> {
  const source = readFileSync(AXE, 'utf8')
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.evaluate(source)
    const found = await page.evaluate(async () => {
      // biome-ignore lint/suspicious/noExplicitAny: axe is put into the page as text
      const { violations } = await (globalThis as any).axe.run({ resultTypes: ['violations'] })
      return violations.map(({ id, nodes }: { id: string; nodes: { html: string; failureSummary: string }[] }) => ({
        id,
        nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => `${html}: ${failureSummary}`),
      }))
    })
    expect({ colorScheme, found }).toEqual({ colorScheme, found: [] })
  }
}
