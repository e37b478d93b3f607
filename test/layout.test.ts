// The rules about files that no tool of ours checks.
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

test('what decides whether a batch runs is small enough to be read, and has no words, pages or commands in it', () => {
  const files = new Set<string>()
  const add = (path: string) => {
    if (files.has(path)) return
    files.add(path)
    for (const [, name = ''] of read(path).matchAll(/from '(\.[^']+)'/g)) add(join(dirname(path), name))
  }
  add('src/run/execute.ts')
  expect([...files].filter((path) => /^src\/(?:verdict|format|audit|web|cli)\//.test(path))).toEqual([])
  const lines = [...files].reduce((sum, path) => sum + read(path).split('\n').length - 1, 0)
  expect(files.size).toBeGreaterThan(40)
  expect(lines).toBeLessThan(9_500)
})
