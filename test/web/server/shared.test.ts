import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { NO_FINDINGS } from '../../../src/verdict/judge.ts'
import { type AppOptions, openReadings } from '../../../src/web/server/answers.tsx'
import type { NeedsOfAll } from '../../../src/web/server/read/needs.ts'
import { shareAnswers, shareNeeds } from '../../../src/web/server/shared.ts'
import { gate } from '../../support/gate.ts'

function handReading() {
  const done = gate()
  let tasks = 0
  let error: Error | null = null
  const needs = (isWhole: boolean): NeedsOfAll => ({
    tasks,
    of: tasks,
    isWhole,
    count: NO_FINDINGS,
    byTask: new Map(),
    problems: [],
    faults: [],
    when: '',
    now: 0,
    zone: '',
    ofOwner: () => expect.unreachable(),
  })
  const whole = done.opened.then(() => {
    if (error !== null) throw error
    return needs(true)
  })
  return {
    reading: { whole, soFar: () => needs(false) },
    read(count: number) {
      tasks = count
    },
    end: () => done.open(),
    fail(message: string) {
      error = new Error(message)
      done.open()
    },
  }
}

/** A clock that is set by hand. Its waits are over when the test says so. */
function handClock() {
  let atMs = 0
  let waits: (() => void)[] = []
  return {
    clock: {
      now: () => atMs,
      monotonicMs: () => atMs,
      wait: () => new Promise<void>((resolve) => waits.push(resolve)),
    },
    pass(ms: number) {
      atMs += ms
      for (const resolve of waits) resolve()
      waits = []
    },
  }
}

function open() {
  const { clock, pass } = handClock()
  const readings: ReturnType<typeof handReading>[] = []
  const shared = shareNeeds(clock, () => {
    const made = handReading()
    readings.push(made)
    return made.reading
  })
  const numbersOf = ({ tasks, isWhole }: NeedsOfAll) => `${tasks} ${isWhole ? 'in all' : 'so far'}`
  const get = () => shared().then(numbersOf)
  return { get, pass, readings, reading: (index: number) => readings[index] ?? expect.unreachable() }
}

test('viewers share one reading, also shortly after its end', async () => {
  const { get, pass, readings, reading } = open()
  const both = [get(), get()]
  pass(10)
  reading(0).read(3)
  reading(0).end()
  expect(await Promise.all(both)).toEqual(['3 in all', '3 in all'])
  pass(50)
  expect(await get()).toBe('3 in all')
  expect(readings).toHaveLength(1)
  pass(1)
  void get()
  expect(readings).toHaveLength(2)
})

test('a long reading goes on without a page that waits for it', async () => {
  const { get, pass, readings, reading } = open()
  const early = get()
  reading(0).read(3)
  pass(5_000)
  expect(await early).toBe('3 so far')
  reading(0).read(7)
  const late = get()
  pass(5_000)
  expect(await late).toBe('7 so far')
  reading(0).read(9)
  reading(0).end()
  await reading(0).reading.whole
  expect(await get()).toBe('9 in all')
  expect(readings).toHaveLength(1)
})

test('a page waits for the first task, however long', async () => {
  const { get, pass, reading } = open()
  let answered = ''
  const answer = get().then((text) => {
    answered = text
  })
  for (let times = 0; times < 2; times += 1) {
    pass(5_000)
    await yieldToEventLoop()
    expect(answered).toBe('')
  }
  reading(0).read(1)
  pass(5_000)
  await answer
  expect(answered).toBe('1 so far')
})

test('the last whole findings are given, however old, until the next are whole', async () => {
  const { get, pass, reading } = open()
  const first = get()
  reading(0).read(9)
  reading(0).end()
  expect(await first).toBe('9 in all')
  for (const later of [1, 3_600_000]) {
    pass(later)
    const again = get()
    reading(1).read(2)
    pass(5_000)
    expect(await again).toBe('9 in all')
  }
  reading(1).end()
  await reading(1).reading.whole
  expect(await get()).toBe('2 in all')
})

test('an error goes to the pages that wait, and the next page tries again', async () => {
  const { get, reading } = open()
  const both = [get(), get()]
  reading(0).fail('gone')
  for (const one of both) await expect(one).rejects.toThrow('gone')
  const next = get()
  reading(1).read(1)
  reading(1).end()
  expect(await next).toBe('1 in all')
})

test.each([
  ['goes to the next page', 0],
  ['is forgotten after a minute', 60_000],
])('an error that no page waited for %s', async (_, ms) => {
  const { get, pass, readings, reading } = open()
  const first = get()
  reading(0).read(1)
  pass(5_000)
  await first
  reading(0).fail('gone')
  await yieldToEventLoop()
  if (ms > 0) pass(ms)
  else await expect(get()).rejects.toThrow('gone')
  await yieldToEventLoop()
  const next = get()
  reading(1).read(2)
  reading(1).end()
  expect(await next).toBe('2 in all')
  expect(readings).toHaveLength(2)
})

test('what is read in the background waits for the pages that are being read, but not for long', async () => {
  const { clock, pass } = handClock()
  const { reading, turn } = openReadings({ clock } as unknown as AppOptions)
  const isOver = async (waiting: Promise<void>) => {
    let over = false
    void waiting.then(() => {
      over = true
    })
    await yieldToEventLoop()
    return over
  }
  expect(await isOver(turn())).toBe(true)
  const page = gate()
  const read = reading(60_000, [], () => page.opened)
  const long = turn()
  for (let passed = 0; passed < 5_000; passed += 100) {
    expect(await isOver(long)).toBe(false)
    pass(100)
  }
  expect(await isOver(long)).toBe(true)
  const short = turn()
  page.open()
  await read
  pass(100)
  expect(await isOver(short)).toBe(true)
})

test('those who ask at the same time get one answer, and so do those who ask soon after', async () => {
  const { clock, pass } = handClock()
  const shared = shareAnswers<number>(clock)
  let made = 0
  const make = async () => {
    made += 1
    pass(10)
    return made
  }
  expect(await Promise.all([shared('a', make), shared('a', make)])).toEqual([1, 1])
  pass(50)
  expect(await shared('a', make)).toBe(1)
  pass(1)
  expect(await shared('a', make)).toBe(2)
  expect(await shared('b', make)).toBe(3)
})

test('an error is not kept', async () => {
  const shared = shareAnswers<number>(handClock().clock)
  await expect(shared('a', () => Promise.reject(new Error('gone')))).rejects.toThrow('gone')
  expect(await shared('a', async () => 1)).toBe(1)
})

test('memory holds the latest answers only', async () => {
  const shared = shareAnswers<string>(handClock().clock)
  for (let index = 0; index < 11; index += 1) await shared(`${index}`, async () => 'first')
  expect(await shared('10', async () => 'second')).toBe('first')
  expect(await shared('0', async () => 'second')).toBe('second')
})
