import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { scratch } from '../support/cli.ts'
import { hasChromium } from '../support/pages/browser.ts'

const DEMO = new URL('../../docs/demo/', import.meta.url)
const SCRIPT = fileURLToPath(new URL('screenshots.mjs', DEMO))

test.skipIf(!hasChromium)('the pictures can be made again, and show what the README says of them', async () => {
  const folder = scratch()
  // The script keeps its ledger in the folder for temporary files, under a name that is always the same.
  await promisify(execFile)(process.execPath, [SCRIPT, folder], { env: { ...process.env, TMPDIR: scratch() } })
  const [overview, slot] = ['serve-overview', 'serve-slot'].map((name) => {
    expect(
      readFileSync(join(folder, `${name}.png`))
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG')
    return readFileSync(join(folder, `${name}.txt`), 'utf8')
  })
  expect(overview).toMatch(/need attention/i)
  expect(slot).toMatch(
    /45 rejected.*what happened.*failed.*aws logs tail.*aws ecs run-task.*timeline.*triggers refused/is,
  )
  expect(slot).not.toMatch(/YOUR_/)
})
