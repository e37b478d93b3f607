import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { SCENARIOS } from '../explore/scenarios.ts'
import { MUTATIONS } from '../sim/mutations.ts'
import { BOUNDS } from '../sim/planted/bounds.ts'

const root = new URL('../../', import.meta.url)
const text = readFileSync(new URL('docs/development/promises.md', root), 'utf8')
const named = [...text.matchAll(/`(test\/\S+) › ([^`]+)`/g)].map(([, file = '', name = '']) => [file, name] as const)

test.each(named)('%s › %s is a test', (file, name) => {
  const source = readFileSync(new URL(file, root), 'utf8')
  // As an argument of `test`, `it` or `describe`, with all that may stand between: .skipIf(…), .each(…), a line end.
  const calls = source.split(/\b(?=(?:test|it|describe)(?:\.|\())/)
  expect(
    calls.filter((call) => [`'${name}'`, `\`${name}\``, `"${name}"`].some((quoted) => call.includes(quoted))),
  ).not.toEqual([])
})

test('both pages have the same edges, each names a test, and each file that is named exists', () => {
  const promised = readFileSync(new URL('docs/explanation/promises.md', root), 'utf8')
  const tested = tableOf('edge | tests')
  expect(tested.length).toBeGreaterThan(17)
  expect(tested.map(([edge]) => edge)).toEqual(tableOf('edge | promise', promised).map(([edge]) => edge))
  for (const [, tests] of tested) expect(tests).toMatch(/`test\/\S+ › [^`]+`/)
  for (const [, file = ''] of text.matchAll(/`(test\/[\w/.-]+\.ts)/g))
    expect(existsSync(new URL(file, root)), file).toBe(true)
})

/** The rows of the table whose heading begins so, each as its cells. */
function tableOf(heading: string, page = text): string[][] {
  const [, section = ''] = page.split(`| ${heading} |`)
  const [table = ''] = section.split('\n\n', 1)
  return table
    .split('\n')
    .slice(2)
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map((cells) => cells.slice(1, -1))
}

test('the table of planted bugs has every bug that is planted, and the tests that must find it', () => {
  const rows = tableOf('planted bug')
  expect(rows.map(([name]) => name)).toEqual(MUTATIONS.map(({ name }) => name))
  for (const [index, { simulation, scenario }] of MUTATIONS.entries()) {
    const [name, seed, explored, schedules] = rows[index] ?? []
    expect(seed, name).toMatch(simulation === false ? /^-$/ : /^\d+$/)
    expect(explored, name).toBe(scenario ?? '-')
    expect(schedules, name).toMatch(scenario === undefined ? /^-$/ : /^\d+$/)
  }
})

test.each(MUTATIONS)('$name: its text is in its file once', ({ file, from }) => {
  const source = readFileSync(new URL(file, root), 'utf8')
  expect(source.split(from)).toHaveLength(2)
})

test('the number of all schedules of the explorer is the sum of its table', () => {
  const schedules = tableOf('scenario').map(([, , , count = '']) => Number(count.replaceAll(',', '')))
  const sum = schedules.reduce((before, count) => before + count, 0)
  expect(text).toContain(` ${sum.toLocaleString('en-US')} in all`)
})

test('the table of the explorer has every scenario, and each has a planted bug that it finds', () => {
  expect(tableOf('scenario').map(([name]) => name)).toEqual(SCENARIOS.map(({ name }) => name))
  const used = MUTATIONS.map(({ scenario }) => scenario)
  expect(SCENARIOS.map(({ name }) => name).filter((name) => !used.includes(name))).toEqual([])
})

test('the table of bounds has every bound, and the planted bug that proves it', () => {
  expect(tableOf('bound').map(([name, bug]) => [name, bug])).toEqual(BOUNDS.map(({ name, bug }) => [name, bug]))
  const explored = MUTATIONS.flatMap(({ name, scenario }) => (scenario === undefined ? [] : [name]))
  expect(BOUNDS.filter(({ bug }) => !explored.includes(bug))).toEqual([])
})
