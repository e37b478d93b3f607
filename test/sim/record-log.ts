import { decodeTaskRecord, isNewerRecord } from '../../src/core/task/task-record.ts'
import type { EntryKey, Store } from '../../src/store/store.ts'
import type { HostOptions, world } from '../support/simulated/world.ts'
import type { Listing, RecordRequest, RowRead, Version } from './observed.ts'

/** Sees every request about the record of the task, and brings requests, versions and starts into one order. */
export interface RecordLog {
  readonly versions: readonly Version[]
  next(): number
  /** Watches the requests of one host, and adds them to `requests`, and its reads of rows to `reads` and `lists`. */
  watch(name: string, kept: Kept): NonNullable<HostOptions['watch']>
}

interface Kept {
  readonly requests: RecordRequest[]
  readonly reads?: RowRead[]
  readonly lists?: Listing[]
}

/** A run reads pages of up to this many rows around its own slot, and larger ones of the slots that it comes after. */
const MOST_AROUND = 100

/** `next`: that of the log of another task on the same ledger. */
export function recordLog({ task, time }: ReturnType<typeof world>, next = counter()): RecordLog {
  const versions: Version[] = []
  const isRecord = (key: EntryKey) => key.kind === '#task' && key.task === task

  function asked(store: Store, { requests, reads = [], lists = [] }: Kept): Store {
    async function send<T>(verb: RecordRequest['verb'], ask: () => Promise<T>): Promise<T> {
      const request = { verb, sentMs: time.now(), sent: next(), answered: Number.POSITIVE_INFINITY, conflict: false }
      requests.push(request)
      const answer = await ask()
      request.answered = next()
      request.conflict = answer === 'conflict'
      return answer
    }
    return {
      ...store,
      async get(key, options) {
        const { task, slot: since } = key
        const read: RowRead = { task, since, until: since + 1, sent: next(), answered: Number.POSITIVE_INFINITY }
        reads.push(read)
        const row = await store.get(key, options)
        read.answered = next()
        return row
      },
      async list(query, options) {
        const read: Listing = { sent: next(), answered: Number.POSITIVE_INFINITY }
        lists.push(read)
        const page = await store.list(query, options)
        read.answered = next()
        // Other lists end after some rows.
        if (query.kind === 'task' && query.limit > MOST_AROUND) {
          const { task, since = 0, until = Number.POSITIVE_INFINITY } = query
          reads.push({ task, since, until, ...read })
        }
        return page
      },
      readEntry(key, options) {
        const ask = () => store.readEntry(key, options)
        return isRecord(key) ? send('read', ask) : ask()
      },
      writeEntry(key, entry, expected, options) {
        const ask = () => store.writeEntry(key, entry, expected, options)
        return isRecord(key) ? send('write', ask) : ask()
      },
    }
  }

  function applied(ledger: Store, by: string): Store {
    return {
      ...ledger,
      async writeEntry(key, entry, expected, options) {
        const answer = await ledger.writeEntry(key, entry, expected, options)
        if (!isRecord(key) || answer !== 'ok') return answer
        const record = decodeTaskRecord(entry.document, key.task)
        if (isNewerRecord(record)) throw new Error('a record that this version cannot write')
        versions.push({ order: next(), record, by })
        return answer
      },
    }
  }

  return {
    versions,
    next,
    watch: (name, kept) => ({
      asked: (store) => asked(store, kept),
      applied: (ledger) => applied(ledger, name),
    }),
  }
}

function counter(): () => number {
  let order = 0
  return () => order++
}
