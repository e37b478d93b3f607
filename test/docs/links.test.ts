import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { isReleased } from '../../src/cli/command-table.ts'
import { proseOf } from './markdown.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const PAGES = [
  ...readdirSync(root),
  ...['.github', 'docs', 'schema', 'src', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  ),
].filter((name) => name.endsWith('.md') && !name.includes('node_modules'))

/** Returns the anchors of a page, by GitHub's rule: lower case, without punctuation, with hyphens for spaces. */
function anchorsOf(page: string): readonly string[] {
  return proseOf(readFileSync(join(root, page), 'utf8')).flatMap((line) => {
    const [, heading] = /^#{1,6} (.*)$/.exec(line) ?? []
    if (heading === undefined) return []
    return heading
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-')
  })
}

function linksOf(page: string): readonly string[] {
  const prose = proseOf(readFileSync(join(root, page), 'utf8'))
    .join('\n')
    .replace(/`[^`\n]*`/g, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
}

test.each(PAGES)('%s: each link leads to a file, and to a heading of it', (page) => {
  for (const link of linksOf(page)) {
    if (/^(https?|mailto):/.test(link)) continue
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? page : join(dirname(page), decodeURIComponent(path))
    expect(existsSync(join(root, target)), `${page}: ${link}`).toBe(true)
    if (anchor === undefined || statSync(join(root, target)).isDirectory()) continue
    if (target.endsWith('.md')) expect(anchorsOf(target), `${page}: ${link}`).toContain(anchor)
  }
})

test.each(PAGES)('%s: each file of the code that it names exists, and has the name that stands before it', (page) => {
  const text = readFileSync(join(root, page), 'utf8')
  for (const [, path = ''] of text.matchAll(/`((?:src|test|schema|docs)\/[\w./-]+)`/g))
    expect(existsSync(join(root, path)), `${page}: ${path}`).toBe(true)
  for (const [, name = '', path = ''] of text.matchAll(/`(\w+)` in `((?:src|test)\/[\w./-]+\.tsx?)`/g))
    expect(readFileSync(join(root, path), 'utf8'), `${page}: ${path}`).toContain(name)
})

test('until there is a release, only package.json has the address of the project', () => {
  const { stdout } = spawnSync(
    'git',
    ['-c', 'safe.directory=*', 'grep', '--files-with-matches', '-E', '(github\\.com|ghcr\\.io)/cronledger'],
    { cwd: root },
  )
  expect(isReleased ? [] : stdout.toString().trim().split('\n')).toEqual(isReleased ? [] : ['package.json'])
})

test('each page is listed in the index, and each decision in its own', () => {
  const decisions = readdirSync(join(root, 'docs/development/decisions')).filter((name) => name !== 'README.md')
  expect(linksOf('docs/development/decisions/README.md')).toEqual(decisions.sort())
  const listed = linksOf('docs/README.md').map((link) => link.split('#')[0])
  const pages = PAGES.filter((page) => /^docs\/(guides|reference|explanation)\/[^.]+\.md$/.test(page))
  expect(listed).toEqual(expect.arrayContaining(pages.map((page) => page.slice('docs/'.length))))
})
