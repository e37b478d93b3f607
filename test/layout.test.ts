import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

test('the folders of the fast loop have no test that needs the build or a server', () => {
  const [, list = ''] = /const UNIT = \[(.*?)\]/.exec(read('vitest.config.ts')) ?? []
  const folders = [...list.matchAll(/'([\w/]+)'/g)].map(([, name = '']) => name)
  expect(folders).toContain('run')
  const files = folders.flatMap((folder) =>
    readdirSync(new URL(folder, import.meta.url), { recursive: true, encoding: 'utf8' }).map(
      (name) => `${folder}/${name}`,
    ),
  )
  const imports = /from '[./]*support\/(cli|servers|proxy|pages\/serve)\.ts'/
  expect(files.filter((path) => path.endsWith('.ts') && imports.test(read(path)))).toEqual([])
})

test('what decides whether a batch runs is small enough to be read', () => {
  const files = new Set<string>()
  const add = (path: string) => {
    if (files.has(path)) return
    files.add(path)
    for (const [, name = ''] of read(path).matchAll(/from '(\.[^']+)'/g)) add(join(dirname(path), name))
  }
  add('../src/run/execute.ts')
  const lines = [...files].reduce((sum, path) => sum + read(path).split('\n').length - 1, 0)
  expect(files.size).toBeGreaterThan(40)
  expect(lines).toBeLessThan(9_500)
})
