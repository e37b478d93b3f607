import type { RunEvent } from '../../src/core/event.ts'
import type { Rejection, Resolution, Row, ScheduleSpec, StoredRow, Survivor, Trigger } from '../../src/core/types.ts'
import type { Clock } from '../../src/process/clock.ts'
import type { ClaimRequest } from '../../src/run/claim.ts'
import type { EffectiveSettings, RunIo } from '../../src/run/claimed-slot.ts'
import { execute, type LiveAttempt, type RunResult, type WorkEnd } from '../../src/run/execute.ts'
import { type ResolveResult, resolveSlot } from '../../src/run/resolve.ts'
import { type RunSettings, readSettings } from '../../src/run/settings.ts'
import { type SeenSchedules, seenSchedules } from '../../src/run/task-record.ts'
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
  /** Called with each wait of the host, before it begins: a way to act at that very moment. */
  readonly onWait?: (ms: number) => void
  /** How far its clocks have moved on while it was blocked, in milliseconds. */
  readonly blockedMs?: () => number
  /** Called with each event of its log. */
  readonly onEvent?: (event: RunEvent) => void
  /** In place of what the settings say, as where they would refuse the combination. */
  readonly overrides?: Partial<EffectiveSettings>
  /** Run id in the environment of its process. */
  readonly insideOf?: string
  /** Told to stop before it began. */
  readonly stopped?: boolean
  readonly force?: { readonly by: string; readonly reason: string }
  readonly survivor?: Survivor
  /** What the host's program has seen of the registry before; default: nothing. */
  readonly seen?: SeenSchedules
  readonly schedule?: ScheduleSpec
  /** Days after the first slot; default 0. */
  readonly day?: number
}

/** One trigger, run to its end. */
export interface Run {
  readonly result: Promise<RunResult<string>>
  readonly events: RunEvent[]
  /** How often the work was started. */
  starts(): number
  stop(): void
}

/** A ledger in memory, hosts around it, and time that passes only when everybody waits. */
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
      insideOf: options.insideOf,
      ...(settings.overlap !== 'allow' && { phase: 'waiting' }),
    }
    const io: RunIo = {
      store: faultyStore(ledger, clock, options.fateOf ?? (() => ({ kind: 'answered', afterMs: 5 }))),
      clock,
      newId: () => `id-${++ids}`,
      random: () => 0.5,
      stop: stop.signal,
      seen: options.seen ?? seenSchedules(clock),
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

  /** A person's word on a slot. */
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

/** Work that takes `ms` and goes well, or ends at once when its lease is lost. */
export function works(ms: number) {
  return async ({ lost }: LiveAttempt, clock: Clock): Promise<WorkEnd<string>> => {
    await clock.wait(ms, lost)
    return lost.aborted ? { outcome: 'leaseLost' } : { outcome: 'succeeded', value: 'done' }
  }
}

/** Work that takes `ms` and goes wrong. */
export function failsAfter(ms: number) {
  return async ({ lost }: LiveAttempt, clock: Clock): Promise<WorkEnd<string>> => {
    await clock.wait(ms, lost)
    return lost.aborted ? { outcome: 'leaseLost' } : { outcome: 'failed', exitCode: 3 }
  }
}

/** Calls of one verb, or puts of one kind, meet the fates given in turn; all others are answered. */
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
