import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { concurrently } from '../../src/audit/concurrently.ts'
import { gate } from '../support/gate.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

async function settle(): Promise<void> {
  for (let count = 0; count < 200; count += 1) await nextTurn()
}

function gates() {
  const all = Array.from({ length: 1_000 }, gate)
  return { open: (item: number) => all[item]?.open(), passed: (item: number) => all[item]?.opened }
}

test('16 are read at a time, and their results keep the order of the items', async () => {
  const { open, passed } = gates()
  const begun: number[] = []
  async function* read(item: number) {
    begun.push(item)
    await passed(item)
    yield `${item}a`
    yield `${item}b`
  }
  const results = collect(concurrently(() => numbers(40), read, []))
  await settle()
  expect(begun).toEqual(numbers(16))
  for (const item of numbers(40).reverse()) {
    open(item)
    await settle()
  }
  expect(begun).toEqual(numbers(40))
  expect(await results).toEqual(numbers(40).flatMap((item) => [`${item}a`, `${item}b`]))
})

// promise: many-tasks
test('a long item does not stop the others, and memory stays bounded', async () => {
  const { open, passed } = gates()
  const taken = new Map<number, number>()
  async function* read(item: number) {
    taken.set(item, 0)
    if (item === 0) await passed(item)
    const count = item === 1 ? 100_000 : 3
    for (let index = 0; index < count; index += 1) {
      taken.set(item, index + 1)
      yield item
    }
  }
  const results = concurrently(() => numbers(1_000), read, [])
  const first = results.next()
  await settle()
  expect(taken.size).toBe(64)
  expect(taken.get(1)).toBe(100)
  open(0)
  expect(await first).toEqual({ done: false, value: 0 })
  expect(await collect(results)).toHaveLength(2 + 100_000 + 998 * 3)
})

test('items that are read at the same time are taken from their list no further than memory holds', async () => {
  let listed = 0
  async function* items() {
    for (; ; listed += 1) yield listed
  }
  async function* read(_: number, signal: AbortSignal): AsyncGenerator<never> {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
  }
  const caller = new AbortController()
  const first = concurrently(items, read, [caller.signal]).next()
  await settle()
  // Sixteen wait for their answers, so no further one is taken.
  expect(listed).toBe(15)
  caller.abort()
  await expect(first).rejects.toThrow('aborted')
})

const failure = new Error('item 20 failed')

test('an error comes in its turn, after the results of the items before it; no later item begins', async () => {
  const { open, passed } = gates()
  const begun: number[] = []
  async function* read(item: number) {
    begun.push(item)
    if (item === 20) throw failure
    await passed(item)
    yield item
  }
  const got: number[] = []
  const ended = (async () => {
    for await (const item of concurrently(() => numbers(100), read, [])) got.push(item)
  })()
  // The failure is there long before its turn comes.
  for (const item of numbers(16).reverse()) {
    open(item)
    await settle()
  }
  for (const item of numbers(20)) open(item)
  await expect(ended).rejects.toBe(failure)
  expect(got).toEqual(numbers(20))
  expect(Math.max(...begun)).toBeLessThan(36)
})

test('an error of the list of items comes after the results of all that were listed', async () => {
  async function* items() {
    yield 0
    yield 1
    throw failure
  }
  const got: number[] = []
  const read = async function* (item: number) {
    await nextTurn()
    yield item
  }
  await expect(
    (async () => {
      for await (const item of concurrently(items, read, [])) got.push(item)
    })(),
  ).rejects.toBe(failure)
  expect(got).toEqual([0, 1])
})

test('of one item ends the requests of the others, and leaves no rejection unhandled', async () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  let aborted = 0
  const { open, passed } = gates()
  async function* read(item: number, signal: AbortSignal): AsyncGenerator<never> {
    if (item === 0) {
      await passed(0)
      throw failure
    }
    await new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        aborted += 1
        reject(new Error('aborted'))
      }),
    )
  }
  const results = collect(concurrently(() => numbers(100), read, []))
  await settle()
  open(0)
  await expect(results).rejects.toBe(failure)
  await settle()
  process.off('unhandledRejection', note)
  expect({ aborted, unhandled }).toEqual({ aborted: 15, unhandled: [] })
})

describe('an end before the last item', () => {
  /** The first item ends at once, and the others when their requests are ended. */
  async function* read(item: number, signal: AbortSignal) {
    yield item
    if (item > 0) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
  }

  test('a caller that stops ends the requests that are in flight', async () => {
    const signals = new Set<AbortSignal>()
    const results = concurrently(
      () => numbers(100),
      (item, signal) => {
        signals.add(signal)
        return read(item, signal)
      },
      [],
    )
    for await (const item of results) {
      expect(item).toBe(0)
      break
    }
    expect([...signals].map(({ aborted }) => aborted)).toEqual([true])
  })
})
