import type { RunEvent } from '../../../src/core/event.ts'
import type { Rejection, Resolution, Row, ScheduleSpec, StoredRow, Survivor, Trigger } from '../../../src/core/types.ts'
import type { Clock } from '../../../src/process/clock.ts'
import type { ClaimRequest } from '../../../src/run/claim.ts'
import type { RunIo } from '../../../src/run/claimed-slot.ts'
import { execute, type LiveAttempt, type RunResult, type Taken, type WorkEnd } from '../../../src/run/execute.ts'
import { type ResolveResult, resolveSlot } from '../../../src/run/resolve.ts'
import { type RunSettings, readSettings, type Settings } from '../../../src/run/settings.ts'
import { type KnownRecords, knownRecords } from '../../../src/run/task-record.ts'
import { type Call, type Fate, faultyStore } from './faulty-store.ts'
import { memoryStore } from './memory-store.ts'
import { type HostTime, virtualTime } from './virtual-clock.ts'

const SLOT = Date.parse('2026-11-24T03:00:00Z')
export const TASK = 'nightly'
const DAY_MS = 86_400_000
const SCHEDULE = { schedule: { expression: '0 3 * * *', zone: 'UTC' }, zoneData: '2026a' }
const slotOfDay = (day: number) => SLOT + day * DAY_MS

export interface HostOptions {
  readonly time?: HostTime
  readonly fateOf?: (call: Call) => Fate
  readonly settings?: RunSettings
  /** Called before each wait of the host, so that a test can act at that moment. */
  readonly onWait?: (ms: number) => void
  /** Returns the time, in milliseconds, for which the host was blocked. Its clocks are ahead by this time. */
  readonly blockedMs?: () => number
  /** Called with each event of its log. */
  readonly onEvent?: (event: RunEvent) => void
  /** Settings that replace those of `settings`, also where the product would refuse the combination. */
  readonly overrides?: Partial<Settings>
  /** The run id in the environment of its process. */
  readonly insideOf?: readonly string[]
  /** Whether the run gets a stop before it begins. */
  readonly stopped?: boolean
  readonly force?: { readonly by: string; readonly reason: string }
  readonly survivor?: Survivor
  /** The task records that the host's program has already seen; none by default. */
  readonly known?: KnownRecords
  readonly schedule?: ScheduleSpec
  /** The slot, in days after the first one; 0 by default. */
  readonly day?: number
}

/** A trigger and its run. */
export interface Run {
  readonly result: Promise<RunResult<string> | Taken>
  readonly events: RunEvent[]
  /** Returns how often the work was started. */
  starts(): number
  stop(): void
}

/** Returns a `fateOf` that answers every request, and the list of the requests that it has answered. */
export function recordVerbs() {
  const verbs: string[] = []
  const fateOf = ({ verb }: Call): Fate => {
    verbs.push(verb)
    return { kind: 'answered', afterMs: 5 }
  }
  return { verbs, fateOf }
}

/** Returns a ledger in memory, functions that run hosts on it, and time that passes only when every host waits. */
export function world() {
  const time = virtualTime(SLOT + 5_000)
  const ledger = memoryStore()
  let ids = 0

  function trigger(
    runId: string,
    work: (attempt: LiveAttempt, clock: Clock) => Promise<WorkEnd<string>>,
    options: HostOptions = {},
  ): Run {
    const settings = { ...readSettings(options.settings ?? {}), ...options.overrides }
    const slot = slotOfDay(options.day ?? 0)
    const hostClock = time.clock(options.time)
    const { blockedMs = () => 0 } = options
    const clock: Clock = {
      now: () => hostClock.now() + blockedMs(),
      monotonicMs: () => hostClock.monotonicMs() + blockedMs(),
      wait(ms, signal) {
        options.onWait?.(ms)
        return hostClock.wait(ms, signal)
      },
    }
    const stop = new AbortController()
    if (options.stopped) stop.abort({ atMs: clock.monotonicMs() })
    const events: RunEvent[] = []
    let starts = 0
    const how: Trigger =
      options.force === undefined
        ? { kind: 'scheduled', eventTime: slot, source: 'event-time' }
        : { kind: 'forced', ...options.force }
    const request: ClaimRequest = {
      task: TASK,
      window: { slot, end: slot + DAY_MS },
      ...SCHEDULE,
      ...(options.schedule && { schedule: options.schedule }),
      runId,
      trigger: how,
      host: { host: `host-of-${runId}` },
      objection: null,
      retentionMs: settings.retentionMs,
      insideOf: options.insideOf ?? [],
      ...(settings.overlap !== 'allow' && { phase: 'waiting' }),
    }
    const io: RunIo = {
      store: faultyStore(ledger, clock, options.fateOf ?? (() => ({ kind: 'answered', afterMs: 5 }))),
      clock,
      newId: () => `id-${++ids}`,
      random: () => 0.5,
      stop: stop.signal,
      known: options.known ?? knownRecords(clock),
      findSurvivor: () => options.survivor ?? null,
      emit(event) {
        events.push(event)
        options.onEvent?.(event)
      },
    }
    const result = execute(
      request,
      (attempt) => {
        starts += 1
        return work(attempt, clock)
      },
      settings,
      io,
    )
    return {
      result,
      events,
      starts: () => starts,
      stop: () => stop.abort({ atMs: clock.monotonicMs() }),
    }
  }

  /** Resolves a slot as an operator does. */
  function resolve(
    runId: string,
    state: Resolution['state'],
    options: Pick<HostOptions, 'time' | 'fateOf' | 'day'> = {},
  ): Promise<ResolveResult> {
    const clock = time.clock(options.time)
    const slot = slotOfDay(options.day ?? 0)
    const word = {
      task: TASK,
      window: { slot, end: slot + DAY_MS },
      ...SCHEDULE,
      runId,
      state,
      by: 'ada',
      reason: runId,
    }
    const { skewMs, ledgerTimeoutMs } = readSettings({})
    const store = faultyStore(ledger, clock, options.fateOf ?? (() => ({ kind: 'answered', afterMs: 5 })))
    return resolveSlot(
      word,
      { skewMs, ledgerTimeoutMs },
      { store, clock, newId: () => `id-${++ids}`, random: () => 0.5 },
    )
  }

  return {
    time,
    ledger,
    trigger,
    resolve,
    async row(day = 0): Promise<Row> {
      const found = await ledger.get({ task: TASK, slot: slotOfDay(day) }, { signal: new AbortController().signal })
      if (found === null || 'newerSchema' in found) throw new Error(`no row, but ${JSON.stringify(found)}`)
      return found
    },
    find(day = 0): Promise<StoredRow | null> {
      return ledger.get({ task: TASK, slot: slotOfDay(day) }, { signal: new AbortController().signal })
    },
    note(rejection: Rejection) {
      return ledger.note({ task: TASK, slot: SLOT }, rejection, { signal: new AbortController().signal })
    },
  }
}

/** Returns work that succeeds after `ms`, or ends at once when its lease is lost. */
export function works(ms: number) {
  return async ({ lost }: LiveAttempt, clock: Clock): Promise<WorkEnd<string>> => {
    await clock.wait(ms, lost)
    return lost.aborted ? { outcome: 'leaseLost' } : { outcome: 'succeeded', value: 'done' }
  }
}

/** Returns work that fails after `ms`, or ends at once when its lease is lost. */
export function failsAfter(ms: number) {
  return async ({ lost }: LiveAttempt, clock: Clock): Promise<WorkEnd<string>> => {
    await clock.wait(ms, lost)
    return lost.aborted ? { outcome: 'leaseLost' } : { outcome: 'failed', exitCode: 3 }
  }
}

/** Returns a `fateOf`. The calls that match `which` meet the given fates in turn, and all other calls are answered. */
export function fates(which: (call: Call) => boolean, ...planned: Fate[]): (call: Call) => Fate {
  const left = [...planned]
  return (call) => (which(call) ? left.shift() : undefined) ?? { kind: 'answered', afterMs: 5 }
}

const attemptOf = (call: Call) => (call.verb === 'put' ? call.row.attempts.at(-1) : undefined)
export const isClaim = (call: Call) => call.verb === 'put' && call.row.state === 'PENDING' && isFirstLease(call.row)
export const isRenewal = (call: Call) => call.verb === 'put' && call.row.state === 'PENDING' && !isFirstLease(call.row)
export const isFinish = (call: Call) =>
  call.verb === 'put' && call.row.state !== 'PENDING' && attemptOf(call)?.outcome !== 'notStarted'

function isFirstLease(row: Row): boolean {
  const startedAt = row.attempts.at(-1)?.startedAt ?? 0
  return (row.leaseUntil ?? 0) - startedAt === readSettings({}).leaseMs
}
