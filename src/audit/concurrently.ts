import { setMaxListeners } from 'node:events'
import { link } from '../process/clock.ts'

/** DynamoDB answers them in parallel, and one reader must not take all its throughput. */
const AT_A_TIME = 16

/** The largest number of items in memory. Later items can go on while one long item is read. */
const MAX_BEGUN = 64

/** The largest number of results of an item in memory. The others are read when it is the turn of the item. */
const MAX_READ_AHEAD = 100

interface Begun<Result> {
  readonly first: readonly Result[]
  readonly failure: { readonly error: unknown } | null
  readonly rest: AsyncIterable<Result>
}

/**
 * Reads up to 16 items at a time and yields their results in the order of the items. Holds up to 64 items in memory, with up
 * to 100 results of each. An error is thrown after the results of the items before it. The signal aborts with any of
 * `parents`, and at the end.
 */
export async function* concurrently<Item, Result>(
  items: (signal: AbortSignal) => AsyncIterable<Item> | Iterable<Item>,
  read: (item: Item, signal: AbortSignal) => AsyncIterable<Result>,
  parents: readonly AbortSignal[],
): AsyncGenerator<Result, void, undefined> {
  const over = new AbortController()
  // Each request in flight adds a listener. We must lift the limit, otherwise Node would print a warning.
  setMaxListeners(0, over.signal)
  const unlink = link(parents, over)
  const list = iterate(items(over.signal))
  const begun: Promise<Begun<Result>>[] = []
  let reading = 0
  let hasEnded = false

  function begin(): void {
    if (hasEnded || reading === AT_A_TIME || begun.length === MAX_BEGUN) return
    reading += 1
    begun.push(
      beginNext().finally(() => {
        reading -= 1
        begin()
      }),
    )
  }

  async function beginNext(): Promise<Begun<Result>> {
    const next = await list.next().catch((error: unknown) => ({ error }))
    if ('error' in next || next.done) {
      hasEnded = true
      return { first: [], failure: 'error' in next ? next : null, rest: iterate<Result>([]) }
    }
    begin()
    const one = await readAhead(read(next.value, over.signal))
    hasEnded ||= one.failure !== null
    return one
  }

  try {
    begin()
    while (begun[0] !== undefined) {
      const { first, failure, rest } = await begun[0]
      yield* first
      if (failure !== null) throw failure.error
      yield* rest
      begun.shift()
      begin()
    }
  } finally {
    hasEnded = true
    over.abort()
    unlink()
  }
}

async function readAhead<Result>(results: AsyncIterable<Result>): Promise<Begun<Result>> {
  const rest = iterate(results)
  const first: Result[] = []
  try {
    while (first.length < MAX_READ_AHEAD) {
      const next = await rest.next()
      if (next.done) break
      first.push(next.value)
    }
    return { first, failure: null, rest }
  } catch (error) {
    return { first, failure: { error }, rest }
  }
}

async function* iterate<T>(values: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* values
}
