// The rules of CONTRIBUTING about files and names that no tool of ours checks.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const filesIn = (folder: string, name: RegExp) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    // The benchmark installs its peers beside it.
    .filter((path) => name.test(path) && !path.includes('node_modules'))
    .map((path) => join(folder, path))

test('the folders of the fast loop have no test that needs the build or a server', () => {
  const [, list = ''] = /const UNIT = \[(.*?)\]/.exec(read('test/vitest.config.ts')) ?? []
  const folders = [...list.matchAll(/'([\w/]+)'/g)].map(([, name]) => `test/${name}`)
  expect(folders).toContain('test/run')
  const imports = /from '[./]*support\/(cli|servers|proxy|pages\/serve)\.ts'/
  const slow = folders.flatMap((folder) => filesIn(folder, /\.ts$/)).filter((path) => imports.test(read(path)))
  expect(slow).toEqual([])
})

test('a name that a file of src exports is declared at the top level of no other file', () => {
  const declaration = /^(export )?(?:async )?(?:function\*?|const|let|class|interface|type) (\w+)/gm
  const files = new Map<string, Set<string>>()
  const exported = new Set<string>()
  for (const path of filesIn('src', /\.tsx?$/)) {
    for (const [, isExported, name = ''] of read(path).matchAll(declaration)) {
      files.set(name, (files.get(name) ?? new Set()).add(path))
      if (isExported) exported.add(name)
    }
  }
  expect(exported.size).toBeGreaterThan(100)
  const doubled = [...exported].filter((name) => (files.get(name)?.size ?? 0) > 1)
  expect(doubled.map((name) => [name, ...(files.get(name) ?? [])])).toEqual([])
})

test('a folder of src and test has at most 16 files', () => {
  const count = new Map<string, number>()
  for (const path of ['src', 'test'].flatMap((folder) => filesIn(folder, /\.\w+$/))) {
    count.set(dirname(path), (count.get(dirname(path)) ?? 0) + 1)
  }
  expect([...count].filter(([, files]) => files > 16)).toEqual([])
})
