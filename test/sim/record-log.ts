import { decodeTaskRecord, isNewerRecord } from '../../src/core/task/task-record.ts'
import type { EntryKey, Store } from '../../src/store/store.ts'
import type { HostOptions } from '../support/simulated/world.ts'
import type { RecordRequest, Version } from './observed.ts'

/** Sees every request about the record of the task, and brings requests, versions and starts into one order. */
export interface RecordLog {
  readonly versions: readonly Version[]
  /** Returns the next place in the order. */
  next(): number
  /** Watches the requests of one host, and adds them to `requests`. */
  watch(name: string, requests: RecordRequest[]): NonNullable<HostOptions['watch']>
}

const isRecord = ({ kind }: EntryKey) => kind === '#task'

export function recordLog(nowMs: () => number): RecordLog {
  const versions: Version[] = []
  let order = 0
  const next = () => order++

  function asked(store: Store, requests: RecordRequest[]): Store {
    async function send<T>(verb: RecordRequest['verb'], ask: () => Promise<T>): Promise<T> {
      const request = { verb, sentMs: nowMs(), sent: next(), answered: Number.POSITIVE_INFINITY, conflict: false }
      requests.push(request)
      const answer = await ask()
      request.answered = next()
      request.conflict = answer === 'conflict'
      return answer
    }
    return {
      ...store,
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
    watch: (name, requests) => ({
      asked: (store) => asked(store, requests),
      applied: (ledger) => applied(ledger, name),
    }),
  }
}
