import { slotsToCatchUp } from '../../src/audit/slots-to-catch-up.ts'
import { LedgerError } from '../../src/core/errors.ts'
import type { RunEvent } from '../../src/core/event.ts'
import { exitCodeOf } from '../../src/exit-code.ts'
import { type Attempt, tryFunction } from '../../src/function-work.ts'
import { readMethods } from '../../src/ledger.ts'
import { type Clock, systemClock } from '../../src/process/clock.ts'
import type { TriggerOptions, TriggerParts } from '../../src/run/run-trigger.ts'
import { knownRecords, unlessStarting } from '../../src/run/task/task-record.ts'
import type { Store } from '../../src/store/store.ts'
import { openTestStore } from './servers.ts'

let ids = 0

/** Returns what `cronledger` does on the table behind `endpoint`, without a process. */
export const openTable = (endpoint: string) => inProcess(openTestStore(endpoint))

/** Returns what `cronledger` does on a ledger, without a process: it runs triggers, whose batch is a function, and reads. */
export function inProcess(store: Store, clock: Clock = systemClock) {
  const parts: Omit<TriggerParts, 'log'> = {
    storeName: 'dynamodb:ledger',
    isLocal: () => false,
    open: async () => ({ store, warnings: [] }),
    host: async () => ({ host: { host: 'host' }, place: null }),
    known: unlessStarting(knownRecords(clock)),
    findMissed: slotsToCatchUp,
    clock,
    newId: () => `id-${process.pid}-${++ids}`,
    random: Math.random,
    env: {},
    zoneData: '2026a',
  }
  return {
    store,
    /** Runs a trigger. Returns the exit code of `cronledger run`, how often the batch ran, and the events. */
    async run(
      options: TriggerOptions & { readonly signal?: AbortSignal },
      batch: (attempt: Attempt) => unknown = () => undefined,
    ) {
      let started = 0
      const events: RunEvent[] = []
      const work = (attempt: Attempt) => {
        started += 1
        return batch(attempt)
      }
      const log = (event: RunEvent) => void events.push(event)
      const ended = await tryFunction(options, work, { ...parts, log }).catch((error: unknown) => {
        if (error instanceof LedgerError) return error
        throw error
      })
      return { code: exitCodeOf(ended), started, events }
    },
    reading: (pageTimeoutMs: number) => readMethods(async () => ({ store, clock, pageTimeoutMs, signals: [] })),
  }
}
