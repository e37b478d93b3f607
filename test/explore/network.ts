import { LedgerError } from '../../src/core/errors.ts'
import type { Key, Row } from '../../src/core/types.ts'
import type { CallOptions, EntryKey, Store } from '../../src/store/store.ts'

type Verb = 'put' | 'note' | 'get' | 'list' | 'readEntry' | 'writeEntry' | 'remove'

/**
 * - `sent`: on its way to the ledger.
 * - `stalled`: on its way for longer than a caller usually waits; the caller still waits.
 * - `applied`: the ledger has applied it, and the answer has not arrived yet.
 * - `late`: on its way, and its caller has given up. The second copy of a request that is delivered twice is late too.
 */
type RequestState = 'sent' | 'stalled' | 'applied' | 'late'

/** The scheduler decides when a request reaches the ledger, and its answer the host. */
export interface Request {
  readonly host: string
  readonly number: number
  readonly verb: Verb
  readonly row: Row | null
  readonly slot: number | null
  readonly entry: EntryKey['kind'] | null
  readonly expects: number
  readonly sentMs: number
  state: RequestState
  answer: unknown
  apply(): Promise<unknown>
  settle(answer: unknown): void
  fail(error: LedgerError): void
}

/** A host that still waits for an answer goes on in another way if the answer is another one. */
export function textOf({ host, number, state, answer }: Request): string {
  const content = answer instanceof Error ? answer.message : JSON.stringify(answer)
  return `${host}${number}${state}${state === 'applied' ? content : ''}`
}

export const isWrite = ({ verb }: Request) => verb === 'put' || verb === 'note' || verb === 'writeEntry'

export function remove(pool: Request[], request: Request): void {
  const index = pool.indexOf(request)
  if (index !== -1) pool.splice(index, 1)
}

const NEVER: CallOptions = { signal: new AbortController().signal }

export type Port = Store & { remove(key: Key, options: CallOptions): Promise<void> }

type Sender = <T>(
  verb: Verb,
  about: Partial<Pick<Request, 'slot' | 'row' | 'entry' | 'expects'>>,
  apply: () => Promise<T>,
  options: CallOptions,
) => Promise<T>

/** Returns the function by which a host puts a request into the pool, and waits for its answer. */
function senderOf(host: string, pool: Request[], now: () => number): Sender {
  let count = 0
  return (verb, about, apply, { signal }) =>
    new Promise((resolve, reject) => {
      const lost = () => new LedgerError('unreachable', `${verb}: no answer`)
      if (signal.aborted) return reject(lost())
      count += 1
      const end = () => signal.removeEventListener('abort', giveUp)
      const request: Request = {
        slot: null,
        row: null,
        entry: null,
        expects: 0,
        ...about,
        host,
        number: count,
        verb,
        sentMs: now(),
        state: 'sent',
        answer: undefined,
        apply,
        settle(answer) {
          end()
          resolve(answer as Parameters<typeof resolve>[0])
        },
        fail(error) {
          end()
          reject(error)
        },
      }
      function giveUp() {
        const isOnItsWay = request.state === 'sent' || request.state === 'stalled'
        if (isOnItsWay && isWrite(request)) request.state = 'late'
        else remove(pool, request)
        reject(lost())
      }
      signal.addEventListener('abort', giveUp, { once: true })
      pool.push(request)
    })
}

export function portOf(
  host: string,
  ledger: Store & { remove(key: Key): void },
  pool: Request[],
  now: () => number,
): Port {
  const send = senderOf(host, pool, now)
  return {
    get: ({ slot, task }, options) => send('get', { slot }, () => ledger.get({ task, slot }, NEVER), options),
    put(row, expected, options) {
      const expects = expected === 'absent' ? 0 : expected.version
      return send('put', { slot: row.slot, row, expects }, () => ledger.put(row, expected, NEVER), options)
    },
    note: (key, rejection, options) =>
      send('note', { slot: key.slot }, () => ledger.note(key, rejection, NEVER), options),
    readEntry: (key, options) => send('readEntry', { entry: key.kind }, () => ledger.readEntry(key, NEVER), options),
    writeEntry(key, entry, expected, options) {
      const expects = expected === 'absent' ? 0 : expected
      return send(
        'writeEntry',
        { entry: key.kind, expects },
        () => ledger.writeEntry(key, entry, expected, NEVER),
        options,
      )
    },
    list: (query, options) => send('list', {}, () => ledger.list(query, NEVER), options),
    listSlots: () => Promise.reject(new Error('a run lists nothing')),
    listTasks: () => Promise.reject(new Error('a run lists nothing')),
    readTaskEntries: () => Promise.reject(new Error('a run lists nothing')),
    close() {},
    remove: (key, options) => send('remove', { slot: key.slot }, async () => ledger.remove(key), options),
  }
}
