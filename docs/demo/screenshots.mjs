// Makes the pictures of the README and the guide, serve-overview.png and serve-slot.png, in the folder that is given, or else
// in docs/: `cronledger serve` on the ledger of an invented company, in the Chromium of this machine (CHROMIUM, or else
// /usr/bin/chromium).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { MAIN, writeLedger } from './ledger.mjs'

const TARGET = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url))
const SIZE = { width: 1440, height: 840 }
/** A picture in a README must load quickly. */
const MAX_BYTES = 400_000
const FAILED_TASK = 'billing/invoices'

// The commands in the pictures have this path, so it must be short.
const folder = join(tmpdir(), 'cronledger-demo')
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
writeLedger(join(folder, 'ledger.db'), Date.now())
const server = spawn(process.execPath, [MAIN, 'serve', '--store', 'file:ledger.db', '--port', '0'], {
  cwd: folder,
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const [url] = await once(createInterface(server.stdout), 'line')
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    // Chromium has no sandbox when root runs it, for example in a container.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    // A busy machine may take long, here and for each step below.
    timeout: 0,
  })
  const page = await browser.newPage({
    viewport: SIZE,
    deviceScaleFactor: 1,
    colorScheme: 'light',
    reducedMotion: 'reduce',
  })
  page.setDefaultTimeout(0)
  await page.goto(url)
  // The page shows the findings and the tasks so far until all are read.
  await page.locator('h1', { hasNotText: 'At least' }).waitFor()
  await page.locator('#partial').waitFor({ state: 'detached' })
  await page.screenshot({ path: pictureOf('overview') })
  await writeText(page, 'overview')
  await page.goto(await addressOfFailure(page, url))
  // Whole, since the README promises its timeline.
  await page.screenshot({ path: pictureOf('slot'), fullPage: true })
  await writeText(page, 'slot')
  await browser.close()
  for (const name of ['overview', 'slot']) {
    const { size } = statSync(pictureOf(name))
    process.stdout.write(`${pictureOf(name)}: ${size} bytes\n`)
    if (size > MAX_BYTES) throw new Error(`${pictureOf(name)} has more than ${MAX_BYTES} bytes`)
  }
} finally {
  server.kill('SIGINT')
  rmSync(folder, { recursive: true })
}

/** Writes the text of the page beside its picture in a folder that was given, so that a test can read what the picture shows. */
async function writeText(page, name) {
  if (process.argv[2] === undefined) return
  // biome-ignore lint/performance/useDomNodeTextContent: a picture shows only what is visible
  writeFileSync(pictureOf(name).replace('.png', '.txt'), `${await page.locator('body').innerText()}\n`)
}

function pictureOf(name) {
  return join(TARGET, `serve-${name}.png`)
}

/** Returns the address of the slot that failed with many duplicates. */
async function addressOfFailure(page, url) {
  const task = encodeURIComponent(FAILED_TASK)
  await page.goto(new URL(`/task?task=${task}&status=failed`, url).href)
  const address = await page.locator('.list tbody tr:has(.failed) a').first().getAttribute('href')
  return new URL(address ?? '', url).href
}
