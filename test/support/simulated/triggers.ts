import { slotsToCatchUp } from '../../../src/audit/slots-to-catch-up.ts'
import type { RunContext, RunEvent } from '../../../src/core/event.ts'
import type { Instant } from '../../../src/core/types.ts'
import type { Clock } from '../../../src/process/clock.ts'
import type { LiveAttempt, WorkEnd } from '../../../src/run/execute.ts'
import { runTrigger, type TriggerOptions } from '../../../src/run/run-trigger.ts'
import { isFirstRun } from '../../../src/run/task/admission.ts'
import type { FindMissed } from '../../../src/run/task/catch-up.ts'
import { knownRecords, unlessStarting } from '../../../src/run/task/task-record.ts'
import { DAY_MS, SLOT } from '../rows.ts'
import { type Call, type Fate, faultyStore } from './faulty-store.ts'
import { memoryStore } from './memory-store.ts'
import { type HostTime, virtualTime } from './virtual-clock.ts'
import { recordsOf, TASK } from './world.ts'

/** The first slot of a world, and the time at which it begins is 5 s later. */

export const slotOf = (day: number): Instant => SLOT + day * DAY_MS

/** Does not yield to the event loop: virtual time passes while a host waits for the event loop of this process. */
const findMissed: FindMissed = (known, range, deps) => slotsToCatchUp(known, range, deps, async () => {})

export interface TriggerHost {
  readonly fateOf?: (call: Call) => Fate
  readonly time?: HostTime
  readonly onEvent?: (event: RunEvent, context: RunContext) => void
}

export function triggers() {
  const time = virtualTime(SLOT + 5_000)
  const ledger = memoryStore()
  let ids = 0

  function trigger(
    options: Partial<TriggerOptions>,
    work: (attempt: LiveAttempt, clock: Clock) => Promise<WorkEnd<string>>,
    { fateOf = () => ({ kind: 'answered', afterMs: 5 }), onEvent, time: hostTime }: TriggerHost = {},
  ) {
    const clock = time.clock(hostTime)
    const stop = new AbortController()
    const store = faultyStore(ledger, clock, fateOf)
    const events: { readonly slot: Instant; readonly event: RunEvent }[] = []
    const started: Instant[] = []
    const result = runTrigger<string>(
      { task: TASK, schedule: '0 3 * * *', ...options },
      () => (attempt) => {
        started.push(attempt.slot)
        return work(attempt, clock)
      },
      stop.signal,
      {
        storeName: 'memory:',
        isLocal: () => false,
        open: async () => ({ store, warnings: [] }),
        findMissed,
        host: async () => ({ host: { host: 'host' }, place: null }),
        clock,
        newId: () => `id-${++ids}`,
        random: () => 0.5,
        known: unlessStarting(knownRecords(clock)),
        env: {},
        zoneData: '2026a',
        log(event, context) {
          // Each ledger begins without tasks.
          if (isFirstRun(event)) return
          events.push({ slot: context.window.slot, event })
          onEvent?.(event, context)
        },
      },
    )
    return { result, events, started, stop: () => stop.abort({ atMs: clock.monotonicMs() }) }
  }

  return { time, ledger, ...recordsOf(ledger), trigger }
}
