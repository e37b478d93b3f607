// What GitHub would say about the workflows, without GitHub, and what must be the same in several files.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as Service from '@actions/languageservice'
import { build } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'
import type * as Documents from 'vscode-languageserver-textdocument'
import { parse } from 'yaml'
import { scratch } from '../support/cli.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const yamlIn = (folder: string) =>
  readdirSync(join(ROOT, folder)).flatMap((name) => (name.endsWith('.yml') ? [`${folder}/${name}`] : []))
const WORKFLOWS = yamlIn('.github/workflows')

let checker: Pick<typeof Service, 'validate'> & Pick<typeof Documents, 'TextDocument'>

// The package imports JSON in a way that Node refuses and a bundler accepts.
beforeAll(async () => {
  const outfile = join(scratch(), 'checker.cjs')
  const contents = `export { validate } from '@actions/languageservice'
export { TextDocument } from 'vscode-languageserver-textdocument'`
  await build({ stdin: { contents, resolveDir: ROOT }, bundle: true, platform: 'node', outfile })
  checker = createRequire(import.meta.url)(outfile)
})

async function problemsOf(path: string, text: string): Promise<readonly string[]> {
  const document = checker.TextDocument.create(`file:///${path}`, 'yaml', 1, text)
  const problems = await checker.validate(document)
  return problems.map(({ range, message }) => `line ${range.start.line + 1}: ${message}`)
}

test.each(WORKFLOWS)('%s is a valid workflow', async (path) => {
  expect(await problemsOf(path, read(path))).toEqual([])
})

test('every action is named by a commit, with its version beside it', () => {
  const uses = WORKFLOWS.flatMap((path) => read(path).match(/uses: (?!\.\/).*/g) ?? [])
  expect(uses.length).toBeGreaterThan(0)
  expect(uses.filter((line) => !/^uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([])
})

test('every script that a workflow calls exists', () => {
  const scripts = WORKFLOWS.flatMap((path) => read(path).match(/(?<=[\s:])\.ci\/[\w-]+/g) ?? [])
  expect(readdirSync(join(ROOT, '.ci')).map((name) => `.ci/${name}`)).toEqual(
    expect.arrayContaining([...new Set(scripts)]),
  )
})

test.each(['.github/dependabot.yml', ...yamlIn('.github/ISSUE_TEMPLATE')])('%s can be read', (path) => {
  expect(parse(read(path))).toBeTypeOf('object')
})

test('the workflow tests the versions that .ci/node-versions tests, from the oldest that package.json allows', () => {
  const versions = /set -- (.*)/.exec(read('.ci/node-versions'))?.[1]?.split(' ')
  expect(parse(read('.github/workflows/ci.yml')).jobs.node.strategy.matrix.node).toEqual(versions)
  expect(JSON.parse(read('package.json')).engines.node).toBe(`>=${versions?.[0]}`)
})

test('the workflow runs the steps of .ci/deep', () => {
  const steps = /set -- (.*)/.exec(read('.ci/deep'))?.[1]?.split(' ')
  expect(parse(read('.github/workflows/ci.yml')).jobs.deep.strategy.matrix.step).toEqual(steps)
})

test('the executable has the same Node in a release and in an image', () => {
  const node = /^NODE=(\d+)$/m.exec(read('.ci/release'))?.[1]
  expect(read('Dockerfile')).toContain(`ARG NODE_IMAGE=docker.io/library/node:${node}-`)
})
