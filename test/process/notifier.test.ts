import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { type Clock, systemClock } from '../../src/process/clock.ts'
import { NOTIFY_TIMEOUT_MS, openNotifier } from '../../src/process/notifier.ts'
import { readStat } from '../../src/process/proc.ts'
import { livingMember, sendSignal } from '../../src/process/process-group.ts'
import { scratch } from '../support/cli.ts'
import { gate } from '../support/gate.ts'

const folder = scratch()
let files = 0
let file: string
beforeEach(() => {
  file = join(folder, `file-${++files}`)
})

/** Prints the id of the process group, whose leader is the parent of the command. */
const GROUP = 'cut -d " " -f 5 /proc/$$/stat'

const NEVER = new AbortController().signal
let slots = 0
const notice = (input: string, slot = `slot ${++slots}`) => ({
  kind: 'failed',
  slot,
  input,
  env: { ...process.env, FILE: file },
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate)
}

async function written(path = file): Promise<string> {
  await until(() => existsSync(path) && statSync(path).size > 0)
  return readFileSync(path, 'utf8').trim()
}

function clockUntil(due: Promise<void>): Clock {
  return { ...systemClock, wait: (ms, signal) => (ms === NOTIFY_TIMEOUT_MS ? due : systemClock.wait(ms, signal)) }
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

test.each([
  ['exit 4', /^exit code 4$/],
  ['echo one >&2; echo two >&2; exit 4', /^exit code 4: two$/],
  ['kill -SEGV $$', /^exit code 139/],
  ['no-such-command', /^exit code 127: .*no-such-command.*not found$/],
  ['\0', /^the command could not be started: /],
])('a command that fails is told with its reason: %j', async (command, line) => {
  const [, reason] =
    /^1 of 1 notifications failed\. The first failure \(event failed\): (.*)/.exec(`${await once(command)}`) ?? []
  expect(reason).toMatch(line)
})

test('of many notices that fail for different reasons, the reason of the first is told', async () => {
  const notifier = openNotifier('read n; echo "reason $n" >&2; exit $n', patientClock)
  for (const n of [1, 2, 3]) notifier.send(notice(`${n}\n`, 'one slot'))
  expect(await notifier.end(NEVER)).toMatch(/^3 of 3 notifications failed\. .*: exit code 1: reason 1$/)
})

test('notices about more slots than anybody reads are not sent, but those about other slots are', async () => {
  const notifier = openNotifier('echo >> "$FILE"', patientClock)
  for (let n = 0; n < 203; n++) notifier.send(notice('', `slot ${n}`))
  notifier.send(notice('', 'slot 0'))
  expect(await notifier.end(NEVER)).toBe('3 more were not sent, because one process notifies about at most 200 slots')
  expect(statSync(file).size).toBe(201)
})

test('the stdin of a notification is a pipe that a program can open by its name', async () => {
  const command =
    'for name in /dev/stdin /dev/fd/0 /proc/self/fd/0; do [ -p $name ] || exit 1; done; cat /dev/stdin > "$FILE"'
  expect(await once(command)).toBe(null)
  expect(readFileSync(file, 'utf8')).toBe('{"event":"failed"}\n')
})

test('the stdin of a notification is a pipe that has each byte of the notice, also more than a pipe holds', async () => {
  const input = `${'日本語 \u0081\u0088 \\n "$(id)" '.repeat(10_000)}\n`
  expect(await once('cat /dev/stdin > "$FILE"', input)).toBe(null)
  expect(readFileSync(file, 'utf8')).toBe(input)
})

// promise: notification-order
test('the notices about one slot are sent in their order, each after the end of the one before', async () => {
  const notifier = openNotifier('read n; echo "begin $n" >> "$FILE"; cat; echo "end $n" >> "$FILE"', patientClock)
  for (const n of [1, 2, 3, 4, 5]) notifier.send(notice(`${n}\n`, 'one slot'))
  expect(await notifier.end(NEVER)).toBe(null)
  const expected = [1, 2, 3, 4, 5].flatMap((n) => [`begin ${n}`, `end ${n}`])
  expect(readFileSync(file, 'utf8').trim().split('\n')).toEqual(expected)
})

test('the order is kept if the first command is killed at its limit', async () => {
  const { opened: due, open: beDue } = gate()
  const limits = [due]
  const clock: Clock = {
    ...systemClock,
    wait: (ms, signal) =>
      ms === NOTIFY_TIMEOUT_MS ? (limits.shift() ?? new Promise(() => {})) : systemClock.wait(ms, signal),
  }
  const notifier = openNotifier('read n; echo "$n" >> "$FILE"; [ "$n" != 1 ] || exec sleep 300', clock)
  for (const n of [1, 2]) notifier.send(notice(`${n}\n`, 'one slot'))
  expect(await written()).toBe('1')
  beDue()
  expect(await notifier.end(NEVER)).toMatch(/^1 of 2 notifications failed\. .* was killed$/)
  expect(readFileSync(file, 'utf8')).toBe('1\n2\n')
})

test('the order of the notices about one slot does not keep those about others waiting', async () => {
  const notifier = openNotifier(`read n; [ "$n" = 3 ] || exec sleep 300; ${GROUP} > "$FILE"`, patientClock)
  for (const n of [1, 2, 3]) notifier.send(notice(`${n}\n`, n === 3 ? 'another slot' : 'one slot'))
  const third = Number(await written())
  await until(() => readStat(third) === null)
  expect(await notifier.end(AbortSignal.abort())).toMatch(/^2 of 3 notifications failed\. /)
})

test('no command starts in the turn of the event loop in which the batch starts', async () => {
  const isStarted = () => process.getActiveResourcesInfo().includes('ProcessWrap')
  // A command of an earlier test.
  await until(() => !isStarted())
  const notifier = openNotifier('cat > "$FILE"', patientClock)
  notifier.send(notice(''))
  for (let n = 0; n < 10; n++) await Promise.resolve()
  expect(isStarted()).toBe(false)
  await until(isStarted)
  expect(await notifier.end(NEVER)).toBe(null)
})

test('a command that reads nothing of a megabyte', async () => {
  expect(await once('exec <&-; exit 0', 'x'.repeat(1 << 20))).toBe(null)
})

test('ten megabytes on each of its outputs', async () => {
  const flood = 'head -c 10000000 /dev/zero | tr "\\0" x'
  const said = await once(`${flood}; ${flood} >&2; exit 3`)
  expect(said).toBe(`1 of 1 notifications failed. The first failure (event failed): exit code 3: ${'x'.repeat(300)}`)
})

test('what it leaves in the background is gone with it', async () => {
  expect(await once(`sleep 300 & ${GROUP} > "$FILE"`)).toBe(null)
  const group = Number(await written())
  onTestFinished(() => void sendSignal(-group, 'SIGKILL'))
  await until(() => livingMember(group) === null)
})

test('what it leaves in a session of its own is not waited for longer than the limit, and no failure', async () => {
  const { opened: due, open: beDue } = gate()
  const leaving = `until [ -s "$FILE" ]; do :; done; ${GROUP} > "$FILE.leader"`
  const command = `setsid sh -c 'echo $$ > "$FILE"; exec sleep 300' & ${leaving}`
  const notifier = openNotifier(command, clockUntil(due))
  notifier.send(notice(''))
  const group = Number(await written())
  onTestFinished(() => void sendSignal(-group, 'SIGKILL'))
  const leader = Number(await written(`${file}.leader`))
  // Reaped by Node, which then knows its exit code.
  await until(() => readStat(leader) === null)
  beDue()
  expect(await notifier.end(NEVER)).toBe(null)
})

const stubborn = `trap "" TERM INT; (trap "" TERM; sleep 300) & ${GROUP} >> "$FILE"; wait`

test('the limit of a notification kills a command that hangs, and its children, whatever they ignore', async () => {
  const { opened: due, open: beDue } = gate()
  const notifier = openNotifier(stubborn, clockUntil(due))
  notifier.send(notice(''))
  const group = Number(await written())
  expect(livingMember(group)).not.toBe(null)
  beDue()
  expect(await notifier.end(NEVER)).toMatch(
    /: the command did not end in time \(10s, or less after a stop\) and was killed$/,
  )
  await until(() => livingMember(group) === null)
})

test('the limit of a notification kills a command also where it is over before Node reports the start', async () => {
  const notifier = openNotifier('sleep 60', clockUntil(Promise.resolve()))
  notifier.send(notice(''))
  expect(await notifier.end(NEVER)).toMatch(/ did not end in time \(10s, or less after a stop\) and was killed$/)
})

test('a stop kills the notice that is being sent, and starts no other', async () => {
  const notifier = openNotifier(stubborn, patientClock)
  for (let n = 0; n < 6; n++) notifier.send(notice(''))
  const groups = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [])
  await until(() => groups().length === 4)
  expect(await notifier.end(AbortSignal.abort())).toMatch(/^6 of 6 notifications failed\. /)
  await until(() => groups().every((group) => livingMember(group) === null))
  expect(groups()).toHaveLength(4)
})

test('a notification is killed at once', async () => {
  const notifier = openNotifier(stubborn, patientClock)
  notifier.send(notice(''))
  const group = Number(await written())
  notifier.kill()
  await until(() => livingMember(group) === null)
  expect(await notifier.end(NEVER)).toMatch(/killed$/)
})
