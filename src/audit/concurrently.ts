import { setMaxListeners } from 'node:events'
import { link } from '../process/clock.ts'

/**
 * The number of items that are read at a time. DynamoDB answers them in parallel, and one reader must not take all its
 * throughput.
 */
const AT_A_TIME = 16

/**
 * The largest number of items in memory. Later items can go on while one long item is read, and memory stays bounded.
 */
const MAX_LANES = 64

/**
 * The largest number of results of one item in memory. The reading of that item pauses there until the caller takes
 * them.
 */
const MAX_LANE_RESULTS = 100

/** One item, with the results that the caller has not taken yet. */
interface Lane<Result> {
  readonly results: Result[]
  hasEnded: boolean
  failure: { readonly error: unknown } | null
}

/**
 * Reads up to 16 items at a time and yields their results in the order of the items, as if they were read one after the
 * other. Holds up to 64 items in memory, with about 100 results of each.
 *
 * An error is thrown after the results of the items before it, and no further item is begun. The signal that `items`
 * and `read` are given aborts with any of `parents`, and when the caller stops or an error is thrown.
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
  const lanes = openLanes(items(over.signal), (item) => read(item, over.signal))
  try {
    for (let lane = await lanes.first(); lane !== null; lane = await lanes.first()) {
      while (lane.results.length > 0 || !lane.hasEnded) {
        for (const result of lane.results.splice(0)) yield result
        await lanes.refilled(lane)
      }
      if (lane.failure !== null) throw lane.failure.error
      lanes.removeFirst()
    }
  } finally {
    lanes.stop()
    over.abort()
    unlink()
  }
}

interface Lanes<Result> {
  /** Returns the lane to read from now, or null if there are no more items. */
  first(): Promise<Lane<Result> | null>
  /** Resolves when the lane has results again, or has ended. */
  refilled(lane: Lane<Result>): Promise<void>
  removeFirst(): void
  /** Ends the reading of all items. */
  stop(): void
}

function openLanes<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  read: (item: Item) => AsyncIterable<Result>,
): Lanes<Result> {
  const lanes: Lane<Result>[] = []
  const waiting: (() => Promise<void>)[] = []
  const condition = openCondition()
  const { changed, change } = condition
  const state: LanesState = { hasFailed: false, isStopped: false }
  const isOver = () => state.hasFailed || state.isStopped
  let reading = 0
  let hasAll = false

  /** Items begin in order. So each item before one that fails has begun, and is read to its end. */
  function begin(): void {
    while (reading < AT_A_TIME && !isOver()) {
      const next = waiting.shift()
      if (next === undefined) return
      reading += 1
      void next().then(() => {
        reading -= 1
        begin()
      })
    }
  }

  async function fill(): Promise<void> {
    try {
      for await (const item of items) {
        const lane: Lane<Result> = { results: [], hasEnded: false, failure: null }
        lanes.push(lane)
        waiting.push(() => readInto(lane, read(item), state, condition))
        begin()
        change()
        while (lanes.length >= MAX_LANES && !isOver()) await changed()
        if (isOver()) return
      }
    } catch (error) {
      lanes.push({ results: [], hasEnded: true, failure: { error } })
    } finally {
      hasAll = true
      change()
    }
  }

  void fill()
  return {
    async first() {
      while (lanes.length === 0 && !hasAll) await changed()
      return lanes[0] ?? null
    },
    async refilled(lane) {
      change()
      while (lane.results.length === 0 && !lane.hasEnded) await changed()
    },
    removeFirst() {
      lanes.shift()
      change()
    },
    stop() {
      state.isStopped = true
      change()
    },
  }
}

interface LanesState {
  /** No further item is begun. */
  hasFailed: boolean
  /** The caller does not want the results any more. */
  isStopped: boolean
}

/** Reads the results of one item into its lane. Never rejects. */
async function readInto<Result>(
  lane: Lane<Result>,
  results: AsyncIterable<Result>,
  state: LanesState,
  { changed, change }: Condition,
): Promise<void> {
  try {
    for await (const result of results) {
      lane.results.push(result)
      change()
      while (lane.results.length >= MAX_LANE_RESULTS && !state.isStopped) await changed()
      if (state.isStopped) return
    }
  } catch (error) {
    lane.failure = { error }
    state.hasFailed = true
  } finally {
    lane.hasEnded = true
    change()
  }
}

interface Condition {
  /** Resolves with the next change. The caller must then check the state again. */
  changed(): Promise<void>
  change(): void
}

function openCondition(): Condition {
  let resolve = () => {}
  let next: Promise<void> | null = null
  return {
    changed() {
      next ??= new Promise((resolved) => {
        resolve = resolved
      })
      return next
    },
    change() {
      resolve()
      next = null
    },
  }
}
