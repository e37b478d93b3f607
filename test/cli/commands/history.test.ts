import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Row } from '../../../src/core/types.ts'
import { cronledger, MAIN, scratch } from '../../support/cli.ts'
import { seedLedger } from '../../support/pages/big-ledger.ts'
import { canStartAsOther } from '../../support/processes/programs.ts'
import { onTerminal } from '../../support/processes/terminal.ts'
import { rowWith, SUCCEEDED } from '../../support/rows.ts'

const folder = scratch()
const FIRST = Date.UTC(2026, 0, 1)

function rowAt(at: number, zone = 'UTC'): Row {
  const row = rowWith({ ending: SUCCEEDED })
  const attempts = row.attempts.map((one) => ({ ...one, startedAt: at + 5_000, endedAt: at + 6_000 }))
  return { ...row, slot: at, windowEnd: at + 60_000, schedule: { expression: '0 3 * * *', zone }, attempts } as Row
}

/** `EVERY=1` reads more. A run that holds all of them needs 2 KB for each. */
const ROWS = process.env['EVERY'] ? 50_000 : 20_000

/**
 * A heap in which the program has room, and these rows have none: Node ends with an error there. The peak of a process's
 * memory would say less, since it depends on how late a version of Node collects its garbage.
 */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=24' }

describe('a history of very many rows', () => {
  const path = join(folder, 'big.db')
  const args = ['history', '--store', `file:${path}`, '--task', 'nightly', '--status', 'recorded']
  function* rows() {
    for (let index = 0; index < ROWS; index++) yield rowAt(FIRST + index * 60_000)
  }
  beforeAll(() => seedLedger(path, rows()))

  test.each(['json', 'table'])('very many rows as %s: all of them, in constant memory', async (format) => {
    const ended = await cronledger([...args, '--limit', '0', '--format', format], { env: SMALL_HEAP })
    const lines = ended.stdout.trimEnd().split('\n')
    expect({ ...ended, stdout: lines.length }).toMatchObject({ code: 0, stderr: '', stdout: ROWS + 2 })
    expect(ended.stdout).toContain('2026-01-01T00:00:00Z')
  })

  test.each(['table', 'ndjson'])('very many rows as %s: a closed pipe ends it well', async (format) => {
    const command = `"$@" | head -n 1; echo "\${PIPESTATUS[0]}"`
    const words = [process.execPath, MAIN, ...args, '--limit', '0', '--format', format]
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command, 'bash', ...words])
    expect(stdout.split('\n').slice(1, 2)).toEqual(['0'])
    expect(stderr).toBe('')
  })

  test('Ctrl-C ends a history while the reader does not read', async () => {
    const child = spawn(process.execPath, [MAIN, ...args, '--limit', '0', '--format', 'ndjson'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    // Readable, and not read: the pipe is full by then or soon.
    await once(child.stdout, 'readable')
    child.kill('SIGINT')
    const [code] = await once(child, 'exit')
    expect(code).toBe(130)
    expect(child.stderr.read()).toBeNull()
  })

  test('Ctrl-C ends a history while nothing that it finds is wanted', async () => {
    // Its own signal, after the head of the table is written, finds it searching, however fast it is.
    const preload = `const { stdout } = process, { write } = stdout
      stdout.write = (text, done) =>
        write.call(stdout, text, (error) => { process.kill(process.pid, 'SIGINT'); done(error) })`
    const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(preload)}` }
    const search = [...args.slice(0, -1), 'rejected', '--format', 'csv']
    expect(await cronledger(search, { env })).toMatchObject({ code: 130, stderr: '' })
  })

  test('a full disk is said in a line', async () => {
    const command = `"$@" --limit 0 --format csv > /dev/full`
    const failure = await promisify(execFile)('bash', ['-c', command, 'bash', process.execPath, MAIN, ...args]).catch(
      (error) => error,
    )
    expect(failure).toMatchObject({
      code: 75,
      stderr: expect.stringMatching(/^cronledger: standard output cannot be written: ENOSPC.*\n$/),
    })
  })
})

test.runIf(canStartAsOther)('history of a ledger of another user: 77, with the user who may look at it', async () => {
  chmodSync(folder, 0o755)
  const path = join(folder, 'private', 'ledger.db')
  mkdirSync(dirname(path), { mode: 0o755 })
  seedLedger(path, [rowAt(FIRST)])
  for (const closed of [path, dirname(path)]) {
    const ended = await cronledger(['history', '--store', `file:${path}`], { uid: 65_534, gid: 65_534 })
    expect(ended).toMatchObject({
      code: 77,
      stderr: `cronledger: file ledger "${path}" belongs to root, and this user has no access to it. Run the command as root, for example: sudo -u root cronledger check --store file:${path}\n`,
    })
    expect(ended.stdout, closed).toBe('')
    chmodSync(dirname(path), 0o700)
  }
})

describe('on a terminal', () => {
  const path = join(folder, 'zone.db')
  const store = `file:${path}`
  seedLedger(path, [rowAt(FIRST, 'America/Argentina/Buenos_Aires')])
  const shown = async (columns: number, env: Record<string, string> = {}): Promise<string[]> => {
    const args = ['history', '--store', store, '--task', 'nightly', '--status', 'recorded']
    return (await onTerminal(args, env, columns)).trimEnd().split('\r\n')
  }

  test('history on a terminal of 60 columns has no longer line, and states have colour', async () => {
    const lines = await shown(60)
    expect(lines).toHaveLength(4)
    expect(lines[1]).toContain('\u001b[32mcompleted\u001b[0m')
    expect(lines.every((line) => stripVTControlCharacters(line).length <= 60)).toBe(true)
  })

  test('history on a terminal of 200 columns has everything, and with NO_COLOR no colour', async () => {
    const [head, line] = await shown(200, { NO_COLOR: '1' })
    expect(head).toContain('LOCAL TIME')
    expect(line).not.toContain('\u001b')
    expect((await shown(200, { NO_COLOR: '' }))[1]).toContain('\u001b')
  })
})
