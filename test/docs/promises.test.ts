import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MUTATIONS } from '../sim/mutations.ts'

const root = new URL('../../', import.meta.url)
const text = readFileSync(new URL('docs/promises.md', root), 'utf8')
const named = [...text.matchAll(/`(test\/\S+) › ([^`]+)`/g)].map(([, file = '', name = '']) => [file, name] as const)

test.each(named)('%s › %s is a test', (file, name) => {
  const source = readFileSync(new URL(file, root), 'utf8')
  // As an argument of `test`, `it` or `describe`, with all that may stand between: .skipIf(…), .each(…), a line end.
  const calls = source.split(/\b(?=(?:test|it|describe)(?:\.|\())/)
  expect(
    calls.filter((call) => [`'${name}'`, `\`${name}\``, `"${name}"`].some((quoted) => call.includes(quoted))),
  ).not.toEqual([])
})

test('each edge of the table names a test, and each file that is told of is there', () => {
  const [table = ''] = text.split('\n## ')
  const lines = table.split('\n').filter((line) => line.startsWith('| ') && !/^\| (edge|---)/.test(line))
  expect(lines.length).toBeGreaterThan(17)
  for (const line of lines) expect(line).toMatch(/`test\/\S+ › [^`]+`/)
  for (const [, file = ''] of text.matchAll(/`(test\/[\w/.-]+\.ts)/g))
    expect(existsSync(new URL(file, root)), file).toBe(true)
})

test('the table of planted bugs is the list that is planted', () => {
  const [, section = ''] = text.split('| planted bug |')
  const lines = section.split('\n## ', 1)[0]?.match(/^\| .* \| \d+ \| /gm) ?? []
  expect(lines.map((line) => line.split(' | ')[0]?.slice(2))).toEqual(MUTATIONS.map(({ name }) => name))
})
