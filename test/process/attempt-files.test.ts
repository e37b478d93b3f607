import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
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
import { makeFifo } from '../support/processes/fifo.ts'

function openFiles(checkpoint: string | null = null) {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-files-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const warnings: string[] = []
  const warn = (message: string) => void warnings.push(message)
  const files = makeAttemptFiles({ TMPDIR: folder }, { checkpoint, warn })
  if (files === null) throw new Error(warnings.join())
  const { CRONLEDGER_RUN_REPORT: report = '', CRONLEDGER_RUN_CHECKPOINT: saved = '' } = files.variables
  return { folder, files, report, saved, warnings }
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
  ['facts', write('{"rows": 1234, "file": "a b"}\n'), '{"rows": 1234, "file": "a b"}'],
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
  ['a FIFO', replace(makeFifo), null, /is not a regular file/],
  ['a link to a file of root', replace((path) => symlinkSync('/etc/shadow', path)), null, /is a symbolic link/],
  ['a folder', replace((path) => mkdirSync(path)), null, /is not a regular file/],
]

// promise: odd-report-files
test.each(LEFT)('a batch that leaves %s as its report', (what, leave, expected, warning) => {
  const { folder, files, report, warnings } = openFiles()
  leave(report)
  expect(files.end()).toBe(expected)
  expect(warnings).toEqual(warning === undefined ? [] : [expect.stringMatching(warning)])
  // A folder inside it stays, because nothing is removed recursively.
  expect(readdirSync(folder)).toHaveLength(what === 'a folder' ? 1 : 0)
})

// promise: odd-report-files
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
  expect(files.end()).toBe(null)
  expect(warnings).toEqual([expect.stringMatching(/belongs to another user/)])
})

test('only the user of the run can open the folder, and what is written after the end is not kept', () => {
  const { folder, files, report, saved } = openFiles()
  expect(statSync(dirname(report)).mode & 0o777).toBe(0o700)
  expect(statSync(report)).toMatchObject({ size: 0 })
  writeFileSync(`${report}.tmp`, 'half of it')
  writeFileSync(saved, 'row 7')
  expect(files.end()).toBe(null)
  expect(existsSync(dirname(report))).toBe(false)
  expect(readdirSync(folder)).toEqual([])
  expect(files.readCheckpoint()).toBe('row 7')
  expect(() => writeFileSync(report, 'too late')).toThrow('ENOENT')
})

test('a folder that another one has replaced is left, with all that is in it', () => {
  const { folder, files, report, warnings } = openFiles('row 6')
  const victim = `${folder}/victim`
  mkdirSync(victim)
  for (const name of ['report', 'checkpoint', 'important.conf'])
    writeFileSync(`${victim}/${name}`, 'of another program')
  writeFileSync(report, 'rows 7')
  renameSync(dirname(report), `${folder}/moved`)
  symlinkSync(victim, dirname(report))
  expect(files.readCheckpoint()).toBe('row 6')
  expect(files.end()).toBe('rows 7')
  expect(readdirSync(victim)).toHaveLength(3)
  expect(warnings).toEqual([expect.stringMatching(/ is not the folder that was made .* so nothing in it was removed$/)])
})

test('a folder that another process replaces by a link at any moment costs no other file', async () => {
  const { folder, files, report } = openFiles()
  const victim = `${folder}/victim`
  mkdirSync(victim)
  const names = ['report', 'checkpoint', 'important.conf']
  for (const name of names) writeFileSync(`${victim}/${name}`, 'of another program')
  // It swaps all folders that it finds, again and again.
  const swap = `const fs = require('node:fs'); console.log('ready'); for (;;) for (const one of fs.readdirSync('.')) {
    if (!/^cronledger-run-.{6}$/.test(one)) continue
    try { fs.renameSync(one, 'moved'); fs.symlinkSync('victim', one); fs.unlinkSync(one); fs.renameSync('moved', one) } catch {}
  }`
  const swapper = spawn(process.execPath, ['-e', swap], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void swapper.kill('SIGKILL'))
  await once(swapper.stdout, 'data')
  files.end()
  expect(dirname(dirname(report))).toBe(folder)
  for (let round = 0; round < 200; round += 1)
    makeAttemptFiles({ TMPDIR: folder }, { checkpoint: 'row 6', warn: () => undefined })?.end()
  expect(readdirSync(victim).sort()).toEqual(names.toSorted())
  for (const name of names) expect(readFileSync(`${victim}/${name}`, 'utf8')).toBe('of another program')
})

// promise: no-report-folder
test('without a folder that can be written, there is no file, and one warning', () => {
  const warnings: string[] = []
  const warn = (message: string) => void warnings.push(message)
  expect(makeAttemptFiles({ TMPDIR: '/proc/nowhere' }, { checkpoint: null, warn })).toBe(null)
  expect(warnings).toEqual([expect.stringMatching(/^the batch has no files for a report and a .*ENOENT.* Set TMPDIR/)])
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

test('the line of a text is its first one that is not empty, and fits into a log', () => {
  expect(reportLine('\n  disk full\nlast good row 48211')).toBe('disk full')
  expect(reportLine(`${'é'.repeat(300)}\na`)).toBe(`${'é'.repeat(198)}…`)
})

/** What the batch leaves, the checkpoint that is kept (undefined: that of before), and the warning. */
const SAVED: [what: string, leave: (path: string) => void, kept: string | null | undefined, warning?: RegExp][] = [
  ['nothing new', () => undefined, 'row 6\n'],
  ['a rename over it', replace(write('\ufeffrow 7')), '\ufeffrow 7'],
  ['no file', unlinkSync, null],
  ['an empty file', write(''), null],
  ['4 KB', write('é'.repeat(2048)), 'é'.repeat(2048)],
  ['4 KB and a byte', write('x'.repeat(4097)), undefined, /it has more than 4096 bytes$/],
  ['100 MB', (path) => truncateSync(path, 100_000_000), undefined, /it has more than 4096 bytes$/],
  ['invalid UTF-8', write(Uint8Array.of(0xc3)), undefined, /it is not text in UTF-8$/],
  ['the character NUL', write('a\0'), undefined, /it is not text in UTF-8$/],
  ['a FIFO', replace(makeFifo), undefined, /is not a regular file$/],
  ['a link to a file of root', replace((path) => symlinkSync('/etc/shadow', path)), undefined, /is a symbolic link$/],
]

// promise: odd-report-files
test.each(SAVED)('a batch that leaves %s as its checkpoint: one warning at most', (_, leave, kept, warning) => {
  const { files, saved, warnings } = openFiles('row 6\n')
  expect(statSync(saved).mode & 0o777).toBe(0o600)
  leave(saved)
  expect([files.readCheckpoint(), files.readCheckpoint()]).toEqual([kept, kept])
  expect(warnings).toEqual(warning === undefined ? [] : [expect.stringMatching(warning)])
})

test('the first attempt of a slot has no checkpoint', () => {
  const { files, saved } = openFiles()
  expect(existsSync(saved)).toBe(false)
  expect(files.readCheckpoint()).toBe(null)
})
