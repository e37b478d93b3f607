import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { cronledger, type Loose, scratch } from '../support/cli.ts'
import { hasChromium } from '../support/pages/browser.ts'

const DEMO = new URL('../../docs/demo/', import.meta.url)
const SCRIPT = fileURLToPath(new URL('screenshots.mjs', DEMO))

test('the ledger in the pictures has only what cronledger writes, and its commands need only a reason', async () => {
  const { writeLedger } = await import(new URL('ledger.mjs', DEMO).href)
  const path = join(scratch(), 'ledger.db')
  writeLedger(path, Date.now())
  const of = ['billing/invoices', '--store', `file:${path}`]
  const { stdout } = await cronledger(['history', ...of, '--status', 'rejected', '--json'])
  const rejected: Loose[] = JSON.parse(stdout).flatMap(({ rejections }: Loose) => rejections.first)
  expect(rejected.length).toBeGreaterThan(19)
  const pairs = new Set(rejected.map(({ kind, cause }) => `${kind} ${cause}`))
  expect(
    [...pairs].filter((one) => !/^(duplicate (completed|running|skipped)|refused (failed|stale))$/.test(one)),
  ).toEqual([])
  const shown = await cronledger(['show', ...of, '--slot', 'latest'])
  expect(shown.stdout).toContain('subnet-0b1c2d3e')
  expect(new Set(shown.stdout.match(/YOUR[ _]\w+/g))).toEqual(new Set(['YOUR REASON']))
})

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
  expect(slot).toMatch(/what happened.*failed.*aws logs tail.*aws ecs run-task.*timeline.*45 triggers refused/is)
  expect(slot).not.toMatch(/YOUR_/)
})
