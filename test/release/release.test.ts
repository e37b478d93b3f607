// The parts of `.ci/release` that decide whether a release may begin, and what it says.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { isReleased } from '../../src/cli/command-table.ts'
import { scratch } from '../support/cli.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

function release(changelog: string) {
  const folder = scratch()
  mkdirSync(join(folder, '.ci'))
  cpSync(join(ROOT, '.ci/release'), join(folder, '.ci/release'))
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ version: '1.2.0', repository: { url: 'git+https://github.com/o/r.git' } }),
  )
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

test('the notes of a release have a link to the pages of its tag, each checksum, and a line to install for both processors', async () => {
  const folder = scratch()
  const names = ['x64', 'arm64'].flatMap((arch) => [
    `cronledger-1.2.0-linux-${arch}`,
    `cronledger_1.2.0_${arch.replace('x64', 'amd64')}.deb`,
  ])
  const sums = names.map((name, index) => [String(index).repeat(64), name] as const)
  const writeSums = (of: typeof sums) =>
    writeFileSync(join(folder, 'SHA256SUMS'), of.map(([sum, name]) => `${sum}  ${name}\n`).join(''))
  const call = release(WHOLE.replace('A thing', '[A thing](docs/thing.md)'))
  writeSums(sums)
  const notes = await call('notes', folder)
  expect(notes).toContain('[A thing](https://github.com/o/r/blob/v1.2.0/docs/thing.md)')
  for (const [sum, name] of sums) {
    const place = `https://github.com/o/r/releases/download/v1.2.0/${name}`
    expect(notes).toMatch(new RegExp(`curl .*${place}\necho "${sum}  .*sha256sum --check && sudo `))
    expect(notes.includes(`ADD --checksum=sha256:${sum} --chmod=755 ${place} `)).toBe(!name.endsWith('.deb'))
  }
  writeSums(sums.slice(1))
  expect(await call('notes', folder)).toBe('release: SHA256SUMS has no cronledger-1.2.0-linux-x64\n')
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

test('the changelog of this checkout has a section for the version of the package, once there is a release', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const headings = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8').match(/^## .*/gm)
  if (!isReleased) expect(headings).toEqual(['## Unreleased'])
  else expect(headings).toContainEqual(expect.stringMatching(new RegExp(`^## ${version} - \\d{4}-\\d\\d-\\d\\d$`)))
})
