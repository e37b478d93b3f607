import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { scratch } from '../support/cli.ts'
import { hasChromium } from '../support/pages/browser.ts'

const SCRIPT = fileURLToPath(new URL('../../docs/demo/screenshots.mjs', import.meta.url))

test.skipIf(!hasChromium)('the pictures of the README can be made again', async () => {
  const folder = scratch()
  // The script keeps its ledger in the folder for temporary files, under a name that is always the same.
  await promisify(execFile)(process.execPath, [SCRIPT, folder], { env: { ...process.env, TMPDIR: scratch() } })
  for (const name of ['serve-overview.png', 'serve-slot.png']) {
    expect(readFileSync(join(folder, name)).subarray(1, 4).toString()).toBe('PNG')
  }
})
