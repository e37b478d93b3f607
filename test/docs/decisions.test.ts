import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const folder = new URL('../../docs/development/decisions/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8')
const pages = readdirSync(folder).filter((name) => name !== 'README.md')

test.each(pages)('%s has a number, a status, a context, a decision and its consequences', (page) => {
  const text = read(page)
  expect(text).toMatch(new RegExp(`^# ${page.slice(0, 4)}: \\S.*\n\nStatus: accepted\n`))
  for (const heading of ['Context', 'Decision', 'Consequences']) expect(text).toContain(`\n## ${heading}\n`)
})

test('the numbers have no holes', () => {
  const numbers = pages.map((page) => Number(page.slice(0, 4))).sort((a, b) => a - b)
  expect(numbers).toEqual(pages.map((_, index) => index + 1))
})

test('the index has each decision with its title, in order', () => {
  const listed = [...read('README.md').matchAll(/^\| \[(\d{4})\]\(([^)]+)\) \| (.+) \|$/gm)]
  const expected = pages.sort().map((page) => [page.slice(0, 4), page, /^# \d{4}: (.*)$/m.exec(read(page))?.[1]])
  expect(listed.map(([, number, page, title]) => [number, page, title])).toEqual(expected)
})
