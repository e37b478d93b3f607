import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Clock, systemClock } from '../../src/process/clock.ts'
import { NOTIFY_TIMEOUT_MS, openNotifier } from '../../src/process/notifier.ts'
import { readStat } from '../../src/process/proc.ts'
import { livingMember, signalGroup } from '../../src/process/process-group.ts'
import { scratch } from '../support/cli.ts'

const folder = scratch()
let files = 0
let file: string
beforeEach(() => {
  file = join(folder, `file-${++files}`)
})

const NEVER = new AbortController().signal
const notice = (input: string) => ({ kind: 'failed', input, env: { ...process.env, FILE: file } })

/** Waits until the condition holds. The time limit of the test ends the wait. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate)
}

async function written(path = file): Promise<string> {
  await until(() => existsSync(path) && statSync(path).size > 0)
  return readFileSync(path, 'utf8').trim()
}

/** A clock whose time for a notification is over when the test says so. */
function clockUntil(due: Promise<void>): Clock {
  return {
    ...systemClock,
    wait: (ms, signal) => (ms === NOTIFY_TIMEOUT_MS ? due : systemClock.wait(ms, signal)),
  }
}

/** Nothing of a notification is late, however busy the machine is. */
const patientClock = clockUntil(new Promise(() => {}))

async function once(command: string, input = '{"event":"failed"}\n'): Promise<string | null> {
  const notifier = openNotifier(command, patientClock)
  notifier.send(notice(input))
  return notifier.end(NEVER)
}

test('the command reads the notice to its end, by a shell', async () => {
  expect(await once('cat | tr a-z A-Z > "$FILE"')).toBe(null)
  expect(readFileSync(file, 'utf8')).toBe('{"EVENT":"FAILED"}\n')
})

describe('what goes wrong is one line', () => {
  for (const [command, line] of [
    ['exit 4', 'exit code 4'],
    ['echo one >&2; echo two >&2; exit 4', 'exit code 4: two'],
    ['kill -SEGV $$', 'SIGSEGV'],
    ['no-such-command', /^exit code 127: .*no-such-command.*not found$/],
    ['\0', /^the command could not be started: /],
  ] as const) {
    test(command, async () => {
      const said = await once(command)
      expect(said).toMatch(/^1 of 1 notifications failed\. The first failure \(event failed\): /)
      expect(said?.replace(/^.*?\(event failed\): /, '')).toEqual(
        typeof line === 'string' ? line : expect.stringMatching(line),
      )
    })
  }

  test('of many, the first and how many', async () => {
    const notifier = openNotifier('read n; [ $n -lt 3 ] || { echo $n >&2; exit 1; }', patientClock)
    for (let n = 0; n < 4; n++) notifier.send(notice(`${n}\n`))
    expect(await notifier.end(NEVER)).toBe(
      '1 of 4 notifications failed. The first failure (event failed): exit code 1: 3',
    )
  })

  test('more than anybody reads are not sent', async () => {
    const notifier = openNotifier('echo >> "$FILE"', patientClock)
    for (let n = 0; n < 103; n++) notifier.send(notice(''))
    expect(await notifier.end(NEVER)).toBe('3 more were not sent, because one process sends at most 100')
    expect(statSync(file).size).toBe(100)
  })

  test('a limit that was reached does not hide why those failed that were sent', async () => {
    const notifier = openNotifier('exit 22', patientClock)
    for (let n = 0; n < 103; n++) notifier.send(notice(''))
    expect(await notifier.end(NEVER)).toBe(
      '100 of 100 notifications failed. The first failure (event failed): exit code 22. 3 more were not sent, because one process sends at most 100',
    )
  })
})

describe('nothing of it matters', () => {
  test('a command that reads nothing of a megabyte', async () => {
    expect(await once('exec <&-; exit 0', 'x'.repeat(1 << 20))).toBe(null)
  })

  test('ten megabytes on each of its outputs', async () => {
    const flood = 'head -c 10000000 /dev/zero | tr "\\0" x'
    const said = await once(`${flood}; ${flood} >&2; exit 3`)
    expect(said).toBe(`1 of 1 notifications failed. The first failure (event failed): exit code 3: ${'x'.repeat(300)}`)
  })

  test('what it leaves in the background is gone with it', async () => {
    expect(await once('sleep 300 & echo $$ > "$FILE"')).toBe(null)
    const group = Number(await written())
    onTestFinished(() => void signalGroup(group, 'SIGKILL'))
    await until(() => livingMember(group) === null)
  })

  test('what it leaves in a session of its own is not waited for longer than the limit, and no failure', async () => {
    const { promise: due, resolve: beDue } = resolvers()
    const leaving = 'until [ -s "$FILE" ]; do :; done; echo $$ > "$FILE.leader"'
    const command = `setsid sh -c 'echo $$ > "$FILE"; exec sleep 300' & ${leaving}`
    const notifier = openNotifier(command, clockUntil(due))
    notifier.send(notice(''))
    const group = Number(await written())
    onTestFinished(() => void signalGroup(group, 'SIGKILL'))
    const leader = Number(await written(`${file}.leader`))
    // Reaped by Node, which then knows its exit code.
    await until(() => readStat(leader) === null)
    beDue()
    expect(await notifier.end(NEVER)).toBe(null)
  })
})

describe('the limit', () => {
  const stubborn = 'trap "" TERM INT; (trap "" TERM; sleep 300) & echo $$ >> "$FILE"; wait'

  test('kills a command that hangs, and its children, whatever they ignore', async () => {
    const { promise: due, resolve: beDue } = resolvers()
    const notifier = openNotifier(stubborn, clockUntil(due))
    notifier.send(notice(''))
    const group = Number(await written())
    expect(livingMember(group)).not.toBe(null)
    beDue()
    expect(await notifier.end(NEVER)).toBe(
      '1 of 1 notifications failed. The first failure (event failed): the command did not end in time (10s, or less after a stop) and was killed',
    )
    await until(() => livingMember(group) === null)
  })

  test('a hanging one holds up no other', async () => {
    const notifier = openNotifier('read n; [ $n = 0 ] && exec sleep 300; echo $$ > "$FILE"', patientClock)
    notifier.send(notice('0\n'))
    notifier.send(notice('1\n'))
    const other = Number(await written())
    await until(() => readStat(other) === null)
    expect(await notifier.end(AbortSignal.abort())).toMatch(/^1 of 2 notifications failed\. /)
  })

  test('of the end: kills what runs, and starts nothing more', async () => {
    const notifier = openNotifier(stubborn, patientClock)
    for (let n = 0; n < 6; n++) notifier.send(notice(''))
    const groups = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [])
    await until(() => groups().length === 4)
    expect(await notifier.end(AbortSignal.abort())).toMatch(/^6 of 6 notifications failed\. /)
    await until(() => groups().every((group) => livingMember(group) === null))
    expect(groups()).toHaveLength(4)
  })

  test('kill is at once', async () => {
    const notifier = openNotifier(stubborn, patientClock)
    notifier.send(notice(''))
    const group = Number(await written())
    notifier.kill()
    await until(() => livingMember(group) === null)
    expect(await notifier.end(NEVER)).toMatch(/killed$/)
  })
})

function resolvers() {
  let resolve = () => {}
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil
  })
  return { promise, resolve }
}
