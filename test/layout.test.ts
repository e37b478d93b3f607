import { readdirSync, readFileSync } from 'node:fs'
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
