import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cronledger, scratch } from '../../support/cli.ts'

test('explain loads no store: neither the AWS SDK nor SQLite', async () => {
  const loaded = scratch()
  await cronledger(['explain', '--schedule', '0 3 * * *'], { env: { NODE_V8_COVERAGE: loaded } })
  const urls = readdirSync(loaded)
    .map((file) => readFileSync(join(loaded, file), 'utf8'))
    .join('')
  expect(urls).toContain('cronstrue')
  expect(urls).not.toMatch(/@aws-sdk|libsql|\/store\/(?!store)/)
})

test('the program as it is bundled, with its edited cron-parser, knows the shared vectors', async () => {
  const text = readFileSync(new URL('../../fixtures/schedule-vectors.jsonl', import.meta.url), 'utf8')
  const vectors = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .filter(({ expr, at, error }) => /^[^a-z@]/.test(expr) && (at !== undefined || error))
    // An instant that the early tolerance moves into the next slot is left to the unit tests.
    .filter(({ at = '' }) => !/:[345]\d(?:\.\d+)?Z$/.test(at))
  expect(vectors.length).toBeGreaterThan(20)
  for (const { expr, tz = 'UTC', at = '2026-01-01T00:00:00Z', error, slot } of vectors) {
    const { code, stdout } = await cronledger(['explain', '--schedule', expr, '--timezone', tz, '--at', at, '--json'])
    const found = error ? { code } : { expr, at, slot: JSON.parse(stdout).slot }
    expect(found).toEqual(error ? { code: 64 } : { expr, at, slot })
  }
})
