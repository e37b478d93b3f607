import { LedgerError } from '../../../src/core/errors.ts'
import type { Rejection, Row } from '../../../src/core/types.ts'
import type { Clock } from '../../../src/process/clock.ts'
import type { CallOptions, Expected, Store } from '../../../src/store/store.ts'

/** The treatment of one call by the network. */
export type Fate =
  | { readonly kind: 'answered'; readonly afterMs?: number }
  /** The call is applied at once and answered late. */
  | { readonly kind: 'answeredLate'; readonly afterMs: number }
  /** The call is applied, and the answer is lost. */
  | { readonly kind: 'answerLost'; readonly afterMs?: number }
  /** The call never arrives. */
  | { readonly kind: 'dropped'; readonly afterMs?: number }
  /** The call is not answered. It is applied later, after writes that were sent after it. */
  | { readonly kind: 'held'; readonly forMs: number }
  /** The call never arrives at the table, because the credentials have just expired. A retry cannot help. */
  | { readonly kind: 'denied' }
  /** The call is not answered until the caller gives up. */
  | { readonly kind: 'stalled' }
  /** The call waits for a lock until the caller gives up, and changes nothing. */
  | { readonly kind: 'busy' }

export type Call =
  | { readonly verb: 'put'; readonly row: Row; readonly expected: Expected }
  | { readonly verb: 'note'; readonly rejection: Rejection }
  | { readonly verb: 'get' }
  | { readonly verb: 'list' | 'listSlots' | 'readEntry' | 'writeEntry' | 'listTasks' | 'readTaskEntries' }

/** Every wait of a caller ends when its signal aborts. */
export function faultyStore(inner: Store, clock: Clock, fateOf: (call: Call) => Fate): Store {
  async function pass<T>(call: Call, { signal }: CallOptions, apply: (options: CallOptions) => Promise<T>): Promise<T> {
    const arrival: CallOptions = { signal: new AbortController().signal }
    const lost = () => new LedgerError('unreachable', `${call.verb}: no answer`)
    if (signal.aborted) throw lost()
    const fate = fateOf(call)
    switch (fate.kind) {
      case 'answered':
        return orAborted(
          clock.wait(fate.afterMs ?? 0).then(() => apply(arrival)),
          signal,
          lost,
        )
      case 'answeredLate': {
        const answer = await apply(arrival)
        return orAborted(
          clock.wait(fate.afterMs).then(() => answer),
          signal,
          lost,
        )
      }
      case 'answerLost':
        await apply(arrival)
        await clock.wait(fate.afterMs ?? 0, signal)
        throw lost()
      case 'dropped':
        await clock.wait(fate.afterMs ?? 0, signal)
        throw lost()
      case 'denied':
        throw new LedgerError('denied', `${call.verb}: the token has expired`)
      case 'held':
        void clock.wait(fate.forMs).then(() => apply(arrival))
        throw lost()
      case 'stalled':
        await clock.wait(Number.MAX_SAFE_INTEGER, signal)
        throw lost()
      case 'busy':
        await clock.wait(Number.MAX_SAFE_INTEGER, signal)
        throw new LedgerError('unreachable', `${call.verb}: busy`, { isBusy: true })
    }
  }

  return {
    get: (key, options) => pass({ verb: 'get' }, options, (arrival) => inner.get(key, arrival)),
    put: (row, expected, options) =>
      pass({ verb: 'put', row, expected }, options, (arrival) => inner.put(row, expected, arrival)),
    note: (key, rejection, options) =>
      pass({ verb: 'note', rejection }, options, (arrival) => inner.note(key, rejection, arrival)),
    list: (query, options) => pass({ verb: 'list' }, options, (arrival) => inner.list(query, arrival)),
    listSlots: (range, options) => pass({ verb: 'listSlots' }, options, (arrival) => inner.listSlots(range, arrival)),
    readEntry: (key, options) => pass({ verb: 'readEntry' }, options, (arrival) => inner.readEntry(key, arrival)),
    writeEntry: (key, entry, expected, options) =>
      pass({ verb: 'writeEntry' }, options, (arrival) => inner.writeEntry(key, entry, expected, arrival)),
    listTasks: (options, days) => pass({ verb: 'listTasks' }, options, (arrival) => inner.listTasks(arrival, days)),
    readTaskEntries: (tasks, options) =>
      pass({ verb: 'readTaskEntries' }, options, (arrival) => inner.readTaskEntries(tasks, arrival)),
    close: () => inner.close(),
  }
}

async function orAborted<T>(answer: Promise<T>, signal: AbortSignal, lost: () => Error): Promise<T> {
  let giveUp = () => {}
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(lost())
    signal.addEventListener('abort', giveUp)
  })
  return Promise.race([answer, aborted]).finally(() => signal.removeEventListener('abort', giveUp))
}
