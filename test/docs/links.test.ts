import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { proseOf } from './markdown.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const PAGES = [
  ...readdirSync(root),
  ...['.github', 'docs', 'schema', 'src', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  ),
].filter((name) => name.endsWith('.md') && !name.includes('node_modules'))

/** Returns the anchors of a page, by GitHub's rule: lower case, without punctuation, with hyphens for spaces. */
function anchorsOf(page: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const line of proseOf(readFileSync(join(root, page), 'utf8'))) {
    for (const [, id = ''] of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id)
    const heading = /^#{1,6} (.*)$/.exec(line)?.[1]
    if (heading === undefined) continue
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-')
    let anchor = slug
    for (let copy = 1; anchors.has(anchor); copy++) anchor = `${slug}-${copy}`
    anchors.add(anchor)
  }
  return anchors
}

function linksOf(page: string): readonly string[] {
  const prose = proseOf(readFileSync(join(root, page), 'utf8'))
    .join('\n')
    .replace(/`[^`\n]*`/g, '')
  return [
    ...[...prose.matchAll(/\]\(<?([^)>\s]+)>?(?: "[^"]*")?\)/g)].map(([, target = '']) => target),
    ...[...prose.matchAll(/<(?:img|a)\b[^>]*?(?:src|href)="([^"]+)"/g)].map(([, target = '']) => target),
  ]
}

test.each(PAGES)('%s: each link leads to a file, and to a heading of it', (page) => {
  for (const link of linksOf(page)) {
    if (/^(https?|mailto):/.test(link)) continue
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? page : join(dirname(page), decodeURIComponent(path))
    expect(existsSync(join(root, target)), `${page}: ${link}`).toBe(true)
    if (anchor === undefined || statSync(join(root, target)).isDirectory()) continue
    if (target.endsWith('.md')) expect([...anchorsOf(target)], `${page}: ${link}`).toContain(anchor)
  }
})

test.each(PAGES)('%s: each file of the code that it names exists, and has the name that stands before it', (page) => {
  const text = readFileSync(join(root, page), 'utf8')
  for (const [, path = ''] of text.matchAll(/`((?:src|test|schema|docs)\/[\w./-]+)`/g))
    expect(existsSync(join(root, path)), `${page}: ${path}`).toBe(true)
  for (const [, name = '', path = ''] of text.matchAll(/`(\w+)` in `((?:src|test)\/[\w./-]+\.tsx?)`/g))
    expect(readFileSync(join(root, path), 'utf8'), `${page}: ${path}`).toContain(name)
})

test('each page is listed in the index', () => {
  const listed = linksOf('docs/README.md').map((link) => link.split('#')[0])
  const pages = PAGES.filter((page) => /^docs\/(guides|reference|explanation)\/[^.]+\.md$/.test(page))
  expect(listed).toEqual(expect.arrayContaining(pages.map((page) => page.slice('docs/'.length))))
})

// The pages of decisions.

const DECISIONS = new URL('../../docs/development/decisions/', import.meta.url)
const decision = (name: string) => readFileSync(new URL(name, DECISIONS), 'utf8')
const decisions = readdirSync(DECISIONS).filter((name) => name !== 'README.md')

test.each(decisions)('%s has a number, a status, a context, a decision and its consequences', (page) => {
  const text = decision(page)
  expect(text).toMatch(new RegExp(`^# ${page.slice(0, 4)}: \\S.*\n\nStatus: accepted\n`))
  for (const heading of ['Context', 'Decision', 'Consequences']) expect(text).toContain(`\n## ${heading}\n`)
})

test('the numbers have no holes', () => {
  const numbers = decisions.map((page) => Number(page.slice(0, 4))).sort((a, b) => a - b)
  expect(numbers).toEqual(decisions.map((_, index) => index + 1))
})

test('the index has each decision with its title, in order', () => {
  const listed = [...decision('README.md').matchAll(/^\| \[(\d{4})\]\(([^)]+)\) \| (.+) \|$/gm)]
  const expected = decisions
    .sort()
    .map((page) => [page.slice(0, 4), page, /^# \d{4}: (.*)$/m.exec(decision(page))?.[1]])
  expect(listed.map(([, number, page, title]) => [number, page, title])).toEqual(expected)
})
