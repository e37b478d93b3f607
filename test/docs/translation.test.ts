// A translation falls behind without a word. So a file in pages/ has a sum of each English section at the time of its
// translation. `TRANSLATED=1` writes the sums of today: run it after the Japanese page was made the same again.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'

const root = new URL('../../', import.meta.url)
const PAGES = {
  'README.md': 'test/docs/pages/README.ja.yaml',
  'docs/guides/operating.md': 'test/docs/pages/operating.ja.yaml',
}

/** Returns a sum of the prose of each section, by its heading. Outputs and links have tests of their own. */
function sumsOf(page: string): Readonly<Record<string, string>> {
  const text = readFileSync(new URL(page, root), 'utf8')
  const prose = text.replace(/^( *)```[\s\S]*?^ *```$/gm, '').replace(/\]\([^)]*\)/g, ']')
  const sections = prose.split(/^(?=##+ )/m).map((section) => {
    const [, heading = 'the top'] = /^##+ (.*)$/m.exec(section) ?? []
    return [heading, createHash('sha256').update(section.replace(/\s+/g, ' ').trim()).digest('hex').slice(0, 12)]
  })
  return Object.fromEntries(sections)
}

test.each(Object.entries(PAGES))('%s: no section has changed since its translation', (page, beside) => {
  const path = new URL(beside, root)
  const sums = sumsOf(page)
  if (process.env['TRANSLATED'] !== undefined) writeFileSync(path, stringify(sums))
  const translated: Record<string, string> = parse(readFileSync(path, 'utf8'))
  const headings = new Set([...Object.keys(sums), ...Object.keys(translated)])
  expect([...headings].filter((heading) => sums[heading] !== translated[heading])).toEqual([])
})
