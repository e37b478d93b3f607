import { execFileSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { reportedFacts, reportLine } from '../../src/core/row/report.ts'
import { makeAttemptFiles } from '../../src/process/attempt-files.ts'

function openFiles() {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-files-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const warnings: string[] = []
  const files = makeAttemptFiles({ TMPDIR: folder }, (message) => warnings.push(message))
  if (files === null) throw new Error(warnings.join())
  const report = files.variables['CRONLEDGER_RUN_REPORT'] ?? ''
  return { folder, files, report, warnings }
}

const write = (content: string | Uint8Array) => (path: string) => writeFileSync(path, content)
const replace = (make: (path: string) => void) => (path: string) => {
  unlinkSync(path)
  make(path)
}
const many = Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`fact${index}`, index]))
const deep = `{"a":${'['.repeat(900)}${']'.repeat(900)}}`

/** What the batch leaves, the report that is kept, and the warning. */
const LEFT: [what: string, leave: (path: string) => void, report: string | null, warning?: RegExp][] = [
  ['nothing', () => undefined, null],
  ['only white space', write(' \n\n'), null],
  [
    'facts',
    write('{"rows": 1234, "file": "a b", "complete": true}\n'),
    '{"rows": 1234, "file": "a b", "complete": true}',
  ],
  ['a text with Windows line ends', write('reading\r\ndisk full\r\n'), 'reading\ndisk full'],
  ['2 KB', write('x'.repeat(2048)), 'x'.repeat(2048)],
  ['2 KB and a byte', write('x'.repeat(2049)), `${'x'.repeat(2045)}…`],
  ['a character that is cut at 2 KB', write(`${'x'.repeat(2047)}é`), `${'x'.repeat(2045)}…`],
  ['100 MB', (path) => truncateSync(path, 100_000_000), `${'\ufffd'.repeat(681)}…`],
  ['invalid UTF-8', write(Uint8Array.of(0x61, 0xff, 0xc3, 0x28)), 'a\ufffd\ufffd('],
  ['deep JSON', write(deep), deep],
  ['terminal escapes', write('\u001b[31mdisk full\u001b[0m\u0007\u202e!'), 'disk full\ufffd\ufffd!'],
  ['a rename over it', replace(write('{"rows":1}')), '{"rows":1}'],
  ['no file any more', unlinkSync, null],
  ['no folder any more', (path) => rmSync(dirname(path), { recursive: true }), null],
  ['a FIFO', replace((path) => execFileSync('mkfifo', [path])), null, /is not a regular file/],
  ['a link to a file of root', replace((path) => symlinkSync('/etc/shadow', path)), null, /is a symbolic link/],
  ['a folder', replace((path) => mkdirSync(path)), null, /is not a regular file/],
]

test.each(LEFT)('a batch that leaves %s as its report', (what, leave, expected, warning) => {
  const { folder, files, report, warnings } = openFiles()
  leave(report)
  expect(files.readReport()).toBe(expected)
  expect(warnings).toEqual(warning === undefined ? [] : [expect.stringMatching(warning)])
  files.remove()
  // A folder inside it stays, because nothing is removed recursively.
  expect(readdirSync(folder)).toHaveLength(what === 'a folder' ? 1 : 0)
})

test.runIf(process.getuid?.() === 0).each([
  ['written by another user', (path: string) => chownSync(path, 65_534, 65_534)],
  [
    'that is a hard link to a file of another user',
    (path: string) => {
      const other = `${dirname(path)}/other`
      writeFileSync(other, 'secret')
      chownSync(other, 65_534, 65_534)
      unlinkSync(path)
      linkSync(other, path)
    },
  ],
])('a report %s is not read', (_, leave) => {
  const { files, report, warnings } = openFiles()
  leave(report)
  expect(files.readReport()).toBe(null)
  expect(warnings).toEqual([expect.stringMatching(/belongs to another user/)])
})

test('only the user of the run can open the folder, and what is written after the end is not kept', () => {
  const { folder, files, report } = openFiles()
  expect(statSync(dirname(report)).mode & 0o777).toBe(0o700)
  expect(statSync(report)).toMatchObject({ size: 0 })
  expect(files.readReport()).toBe(null)
  writeFileSync(report, 'too late')
  writeFileSync(`${report}.tmp`, 'half of it')
  files.remove()
  expect(existsSync(dirname(report))).toBe(false)
  expect(readdirSync(folder)).toEqual([])
})

test('without a folder that can be written, there is no file, and one warning', () => {
  const warnings: string[] = []
  expect(makeAttemptFiles({ TMPDIR: '/proc/nowhere' }, (message) => warnings.push(message))).toBe(null)
  expect(warnings).toEqual([expect.stringMatching(/^the batch has no file for a report, .*ENOENT.* Set TMPDIR/)])
})

test.each([
  ['{"rows":0,"ok":false,"file":"a b","day":"2026-11-29"}', 'rows=0, ok=false, file="a b", day=2026-11-29'],
  ['{"__proto__":1,"constructor":2}', '__proto__=1, constructor=2'],
  [JSON.stringify(many), null],
  ['{"rows":null}', null],
  ['{"rows":1e999}', null],
  ['{"rows":[1]}', null],
  ['{}', null],
  ['{"rows":1', null],
  ['[1]', null],
  [deep, null],
  ['12', null],
])('the facts of the report %s', (report, line) => {
  expect(reportedFacts(report) === null ? null : reportLine(report)).toBe(line)
})

test('the line of a text is its last one, and fits into a log', () => {
  expect(reportLine('Traceback:\n  disk full')).toBe('disk full')
  expect(reportLine(`a\n${'é'.repeat(300)}`)).toBe(`${'é'.repeat(198)}…`)
})
