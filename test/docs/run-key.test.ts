// Keys that Python computed, so they are independent of the code.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runKey } from '../../src/run/slot-variables.ts'

const page = readFileSync(new URL('../../docs/guides/idempotent-work.md', import.meta.url), 'utf8')
const [, namespace = ''] = /namespace `([0-9a-f-]{36})`/.exec(page) ?? []
const VECTORS: readonly [task: string, slot: string, key: string][] = [
  ['nightly', '2026-11-24T18:00:00Z', '5afdb30d-1b49-5dfa-b8cc-dcd415a9c1b3'],
  ['nightly', '2026-11-25T18:00:00Z', '9ea76eda-6e7c-54cd-bfe4-250ef1603b2c'],
  ['weekly', '2026-11-24T18:00:00Z', '803cf2ff-e3c2-5058-aa84-32482b5c57b5'],
  ['billing/invoices.eu_west-1', '2026-03-29T01:00:00Z', '01dd73b1-237c-56c1-b0f2-8bfb374db894'],
  ['Nightly', '2026-11-24T18:00:15Z', '134337a7-4e63-561e-b661-9f04f5d1135f'],
  ['1', '1970-01-01T00:00:00Z', 'c9c12b8f-1767-59d8-992c-3bb5502fb3a8'],
  ['1', '2199-12-31T23:59:59Z', 'dfc78ba4-7beb-5d5b-9905-f1bfc3ddbe4c'],
  ['x'.repeat(128), '2026-11-24T18:00:00Z', '41c23799-d58c-50fa-b108-e63c91180671'],
]
const hasPython = spawnSync('python3', ['--version']).status === 0

test('the page shows some of these keys', () => {
  const shown = [...page.matchAll(/^\| `(\S+)` \| `(\S+)` \| `([0-9a-f-]{36})` \|$/gm)]
  expect(VECTORS).toEqual(expect.arrayContaining(shown.map(([, ...vector]) => vector)))
  expect(shown.length).toBeGreaterThan(1)
})

// promise: run-key
test.each(VECTORS)('the code computes the key of %s %s', (task, slot, key) => {
  expect(runKey(task, Date.parse(slot))).toBe(key)
})

test.skipIf(!hasPython)('Python computes these keys', () => {
  const script =
    'import json, sys, uuid; print(json.dumps([str(uuid.uuid5(uuid.UUID(sys.argv[1]), n)) for n in sys.argv[2:]]))'
  const names = VECTORS.map(([task, slot]) => `${task} ${slot}`)
  const computed = JSON.parse(execFileSync('python3', ['-c', script, namespace, ...names], { encoding: 'utf8' }))
  expect(computed).toEqual(VECTORS.map(([, , key]) => key))
})
