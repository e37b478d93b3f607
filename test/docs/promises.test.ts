import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { SCENARIOS } from '../explore/scenarios.ts'
import { MUTATIONS } from '../sim/mutations.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

/** The ids at the beginning of the items of the page. An item may have several. */
function promised(): string[] {
  const items = [...read('docs/explanation/promises.md').matchAll(/^- ((?:`[a-z0-9-]+`(?:, )?)+): /gm)].map(
    ([, ids = '']) => ids,
  )
  return items.flatMap((ids) => [...ids.matchAll(/`([a-z0-9-]+)`/g)].map(([, id = '']) => id))
}

/** The ids that the tests carry: `// promise: id, id` in the line above a test, or `# promise: id` in a text. */
function tested(): string[] {
  const files = readdirSync(new URL('test', root), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(tsx?|mjs|txt)$/.test(path) && !path.includes('node_modules'))
    .map((path) => read(`test/${path}`))
  const carried = /^ *(?:\/\/ promise: (.+)\n *(?:test|it|describe)|# promise: (.+)$)/gm
  const comments = files.flatMap((text) => [...text.matchAll(carried)])
  return comments.flatMap(([, above, within]) => (above ?? within ?? '').split(', '))
}

test('each promise has an id of its own and a test that carries it, and no test carries another id', () => {
  const ids = promised()
  expect(ids.length).toBeGreaterThan(100)
  expect([...ids].sort()).toEqual([...new Set(tested())].sort())
})

test.each(MUTATIONS)('$name: its text is in its file once', ({ file, from }) => {
  expect(read(file).split(from)).toHaveLength(2)
})

test('each scenario of the explorer has a planted bug that it finds', () => {
  const used = MUTATIONS.map(({ scenario }) => scenario)
  expect(SCENARIOS.map(({ name }) => name).filter((name) => !used.includes(name))).toEqual([])
})
