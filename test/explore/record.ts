import type { EntryKey, Store } from '../../src/store/store.ts'

/** What a host knows of the record of the task, as an observer sees it who looks at the ledger when a request is sent. */
export interface RecordKnowledge {
  /** Whether its latest read of the record was answered. */
  isRead: boolean
  /** Whether the pause was in the ledger when it sent its latest request about the record. */
  askedInPause: boolean
  /** The same for its latest request that was answered: it must know the pause. */
  isPaused: boolean
}

const isRecord = ({ kind }: EntryKey) => kind === '#task'

/** Returns the store of a host, and keeps what the host knows of the record. */
export function watchRecord(store: Store, knows: () => RecordKnowledge, isPausedNow: () => boolean): Store {
  async function ask<T>(send: () => Promise<T>): Promise<T> {
    const isPaused = isPausedNow()
    knows().askedInPause = isPaused
    const answer = await send()
    knows().isPaused = isPaused
    return answer
  }
  return {
    ...store,
    async readEntry(key, options) {
      const send = () => store.readEntry(key, options)
      if (!isRecord(key)) return send()
      knows().isRead = false
      const answer = await ask(send)
      knows().isRead = true
      return answer
    },
    writeEntry(key, entry, expected, options) {
      const send = () => store.writeEntry(key, entry, expected, options)
      return isRecord(key) ? ask(send) : send()
    },
  }
}
