// The keys of the reference page were computed by Python, so they are independent of the code.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runKey } from '../../src/run/slot-variables.ts'

const page = readFileSync(new URL('../../docs/reference/run-key.md', import.meta.url), 'utf8')
const [, namespace = ''] = /^\| namespace \| `([0-9a-f-]{36})` \|$/m.exec(page) ?? []
const VECTORS = [...page.matchAll(/^\| `(\S+)` \| `(\S+)` \| `([0-9a-f-]{36})` \|$/gm)].map(
  ([, task = '', slot = '', key = '']) => ({ task, slot, key }),
)
const hasPython = spawnSync('python3', ['--version']).status === 0

test('the page has vectors of short and long names, and of early and late slots', () => {
  expect(VECTORS.length).toBeGreaterThan(7)
  expect(VECTORS.some(({ task }) => task.length === 128)).toBe(true)
})

test.each(VECTORS)('the code computes the key of $task $slot', ({ task, slot, key }) => {
  expect(runKey(task, Date.parse(slot))).toBe(key)
})

test.skipIf(!hasPython)('Python computes the keys of the page', () => {
  const script =
    'import json, sys, uuid; print(json.dumps([str(uuid.uuid5(uuid.UUID(sys.argv[1]), n)) for n in sys.argv[2:]]))'
  const names = VECTORS.map(({ task, slot }) => `${task} ${slot}`)
  const computed = JSON.parse(execFileSync('python3', ['-c', script, namespace, ...names], { encoding: 'utf8' }))
  expect(computed).toEqual(VECTORS.map(({ key }) => key))
})
