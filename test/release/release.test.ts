// The parts of `.ci/release` that decide whether a release may begin, and what it says.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { scratch } from '../support/cli.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

/** Calls `.ci/release` in a folder that has only this changelog and version 1.2.0. */
function release(changelog: string) {
  const folder = scratch()
  mkdirSync(join(folder, '.ci'))
  cpSync(join(ROOT, '.ci/release'), join(folder, '.ci/release'))
  writeFileSync(join(folder, 'package.json'), '{ "version": "1.2.0" }')
  writeFileSync(join(folder, 'CHANGELOG.md'), changelog)
  return (...args: string[]) =>
    run(join(folder, '.ci/release'), args).then(
      ({ stdout }) => stdout,
      ({ stderr }) => stderr,
    )
}

const WHOLE = `# Changelog

## Unreleased

## 1.2.0 - 2026-11-26

### New

- A thing.

## 1.1.0 - 2026-10-01

- An older thing.
`

test('the notes of a release are its section of the changelog', async () => {
  expect(await release(WHOLE)('notes')).toBe('### New\n\n- A thing.\n')
  const last = `${WHOLE.split('\n## 1.1.0')[0]}`
  expect(await release(last)('notes')).toBe('### New\n\n- A thing.\n')
})

test.each([
  ['another version', WHOLE, 'v1.1.0', 'the tag is v1.1.0, but package.json has version 1.2.0'],
  ['no date', WHOLE.replace(' - 2026-11-26', ''), 'v1.2.0', 'CHANGELOG.md has no heading "## 1.2.0 - YYYY-MM-DD"'],
  ['nothing new', WHOLE.replace(/### New\n\n.*\n/, ''), 'v1.2.0', 'the section of 1.2.0 in CHANGELOG.md is empty'],
  [
    'a change that would not be in the notes',
    WHOLE.replace('## Unreleased\n', '## Unreleased\n\n- Forgotten.\n'),
    'v1.2.0',
    'CHANGELOG.md has changes under Unreleased. Move them to 1.2.0',
  ],
])('a release does not begin: %s', async (_, changelog, tag, problem) => {
  expect(await release(changelog)('check', tag)).toBe(`release: ${problem}\n`)
})

test('a release begins if tag, package and changelog agree', async () => {
  expect(await release(WHOLE)('check', 'v1.2.0')).toBe('')
})

test('the changelog of this checkout has a section for the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const headings = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8').match(/^## .*/gm)
  expect(headings).toContainEqual(expect.stringMatching(new RegExp(`^## ${version} - \\d{4}-\\d\\d-\\d\\d$`)))
})
