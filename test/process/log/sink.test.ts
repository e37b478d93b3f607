import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openRelay, openSink } from '../../../src/process/log/sink.ts'
import { scratch } from '../../support/cli.ts'

const folder = scratch()
let pipes = 0

function pipe() {
  const path = join(folder, `pipe-${++pipes}`)
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY)
  onTestFinished(() => closeSync(writer))
  return {
    reader,
    writer,
    read(): string {
      const buffer = Buffer.alloc(1 << 20)
      let length = 0
      try {
        for (;;) {
          const count = readSync(reader, buffer, length, buffer.length - length, null)
          if (count === 0) break
          length += count
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      }
      return buffer.toString('latin1', 0, length)
    },
  }
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `line ${index} ${'.'.repeat(500)}`)
const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')

test('the log writes at once', () => {
  const { writer, read } = pipe()
  openSink(writer).write('größe')
  expect(read()).toBe(Buffer.from('größe\n').toString('latin1'))
})

test('a line that is longer than the pipe holds arrives in one piece', async () => {
  const { writer, read } = pipe()
  const sink = openSink(writer)
  const long = 'x'.repeat(200_000)
  sink.write(long)
  sink.write('next')
  let all = ''
  while (all.length < long.length + 6) {
    all += read()
    await sink.flush(10)
  }
  expect(all === `${long}\nnext\n`).toBe(true)
})

test('drops the oldest lines of too many, and says how many', async () => {
  const { writer, read } = pipe()
  const sink = openSink(writer)
  for (const line of numbered(3_000)) sink.write(line)
  let all = ''
  while (!all.includes('line 2999 ')) {
    all += read()
    await sink.flush(1)
  }
  const numbers = all.split('\n').flatMap((line) => line.match(/^line (\d+) \.{500}$/)?.[1] ?? [])
  const lost = Number(all.match(/^cronledger: (\d+) lines of this log were dropped: slow reader$/m)?.[1])
  expect(numbers.length + lost).toBe(3_000)
  // The gap is where the line says that it is.
  const lines = all.trimEnd().split('\n')
  const gap = lines.findIndex((line) => line.startsWith('cronledger'))
  expect(lines[gap - 1]).toMatch(new RegExp(`^line ${gap - 1} `))
  expect(lines[gap + 1]).toMatch(new RegExp(`^line ${gap + lost} `))
  expect(lines.length - gap - 1).toBe(1_000)
})

test('a closed descriptor and a full disk end the log', async () => {
  const full = openSync('/dev/full', 'w')
  onTestFinished(() => closeSync(full))
  for (const fd of [1_000_000, full]) {
    const sink = openSink(fd)
    sink.write('line')
    await sink.flush(60_000)
  }
})

test('lines of a log in a file stand after what others wrote to the same descriptor', () => {
  const path = join(folder, 'log')
  const fd = openSync(path, 'w')
  onTestFinished(() => closeSync(fd))
  const sink = openSink(fd)
  writeSync(fd, 'child\n')
  sink.write('log')
  writeSync(fd, 'child again\n')
  expect(readFileSync(path, 'utf8')).toBe('child\nlog\nchild again\n')
})

const HOW = [
  ['by itself', undefined],
  ['by a relay, where the descriptor cannot be opened again', openRelay],
] as const

describe.each(HOW)('%s', (_, relay) => {
  const open = (writer: number) => openSink(writer, relay?.(writer))
  const flagsOf = (writer: number) =>
    readFileSync(`/proc/self/fdinfo/${writer}`, 'utf8').match(/flags:\s*(\d+)/)?.[1] ?? ''

  test('a full pipe holds nothing up, flush ends after its time, and the lines come when they are read', async () => {
    const { writer, read } = pipe()
    const sink = open(writer)
    const lines = numbered(300)
    for (const line of lines) sink.write(line)
    await sink.flush(500)
    let all = read()
    expect(all.length).toBeLessThan(text(lines).length)
    const flushed = sink.flush(60_000)
    while (all.length < text(lines).length) {
      await new Promise(setImmediate)
      all += read()
    }
    await flushed
    expect(all).toBe(text(lines))
  })

  test('the flags of the descriptor stay, and a batch that makes it non-blocking costs no line', async () => {
    const { writer, read } = pipe()
    const before = flagsOf(writer)
    expect(Number.parseInt(before, 8) & constants.O_NONBLOCK).toBe(0)
    const sink = open(writer)
    sink.write('first')
    await sink.flush(60_000)
    expect(flagsOf(writer)).toBe(before)
    const nonBlocking = 'import fcntl, os; fcntl.fcntl(2, fcntl.F_SETFL, fcntl.fcntl(2, fcntl.F_GETFL) | os.O_NONBLOCK)'
    execFileSync('python3', ['-c', nonBlocking], { stdio: ['ignore', 'ignore', writer] })
    const lines = numbered(300)
    for (const line of lines) sink.write(line)
    let all = ''
    while (all.length < text(['first', ...lines]).length) {
      await new Promise(setImmediate)
      all += read()
    }
    expect(all).toBe(text(['first', ...lines]))
  })

  test('a reader that goes away, or is gone from the start, ends the log, and flush does not wait for it', async () => {
    for (const lines of [numbered(300), []]) {
      const { reader, writer } = pipe()
      const sink = open(writer)
      for (const line of lines) sink.write(line)
      closeSync(reader)
      await sink.flush(60_000)
      sink.write('more')
      await sink.flush(60_000)
    }
  })
})

test('by a relay, a machine that stands still for longer than the limit of a flush costs no line', async () => {
  const { writer, read } = pipe()
  const sink = openSink(writer, openRelay(writer))
  sink.write('line')
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim()
  const relay = Number(children.split(' ').at(-1))
  process.kill(relay, 'SIGSTOP')
  const flushed = sink.flush(1_000)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_100)
  setTimeout(() => process.kill(relay, 'SIGCONT'), 50)
  await flushed
  expect(read()).toBe('line\n')
})

test('by a relay, lines arrive in order and unchanged, whatever characters they have', async () => {
  const { writer, read } = pipe()
  const sink = openSink(writer, openRelay(writer))
  const lines = ['größe 日本', String.raw`\0101 \n %s "$HOME" \`id\``, '\n{"metric":1}', '  \t ', '', ...numbered(20)]
  for (const line of lines) sink.write(line)
  await sink.flush(60_000)
  expect(read()).toBe(Buffer.from(text(lines)).toString('latin1'))
})
