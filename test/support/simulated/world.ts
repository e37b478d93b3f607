import type { RunEvent } from '../../../src/core/event.ts'
import type { KnownPlace } from '../../../src/core/place.ts'
import { claimedAtOf } from '../../../src/core/row/attempts.ts'
import type { Rerunnable } from '../../../src/core/row/policy.ts'
import { isUnreadable } from '../../../src/core/row/status.ts'
import { isNewerRecord, type TaskRecord } from '../../../src/core/task/task-record.ts'
import type {
  AttemptRecord,
  EventTimeSource,
  Rejection,
  Resolution,
  Row,
  ScheduleSpec,
  StoredRow,
  Survivor,
  Trigger,
} from '../../../src/core/types.ts'
import type { Clock } from '../../../src/process/clock.ts'
import type { ClaimRequest } from '../../../src/run/claim.ts'
import type { Taken } from '../../../src/run/enter.ts'
import { execute, type LiveAttempt, type RunResult, type WorkEnd } from '../../../src/run/execute.ts'
import type { LeaseLoss } from '../../../src/run/lease.ts'
import { type ResolveResult, resolveSlot } from '../../../src/run/resolve.ts'
import { type RunSettings, readSettings, type Settings } from '../../../src/run/settings.ts'
import { isFirstRun } from '../../../src/run/task/admission.ts'
import {
  changeTask,
  type KnownRecords,
  knownRecords,
  readChangeable,
  readRecord,
  type TaskChangeRequest,
  writeRecord,
} from '../../../src/run/task/task-record.ts'
import type { RunIo, WriteIo } from '../../../src/run/write.ts'
import type { Store } from '../../../src/store/store.ts'
import { HOUR_MS, SLOT } from '../rows.ts'
import { type Call, type Fate, faultyStore } from './faulty-store.ts'
import { memoryStore } from './memory-store.ts'
import { type HostTime, type VirtualTime, virtualTime } from './virtual-clock.ts'

export const TASK = 'nightly'
const SCHEDULES = {
  daily: { schedule: { expression: '0 3 * * *', zone: 'UTC' }, everyMs: 24 * HOUR_MS },
  hourly: { schedule: { expression: '0 * * * *', zone: 'UTC' }, everyMs: HOUR_MS },
  threeHourly: { schedule: { expression: '0 */3 * * *', zone: 'UTC' }, everyMs: 3 * HOUR_MS },
} as const

export interface HostOptions {
  readonly time?: HostTime
  readonly fateOf?: (call: Call) => Fate
  readonly settings?: RunSettings
  readonly onWait?: (ms: number) => void
  /** Returns the time, in milliseconds, for which the host was blocked. Its clocks are ahead by this time. */
  readonly blockedMs?: () => number
  readonly onEvent?: (event: RunEvent) => void
  /** Settings that replace those of `settings`, also where the product would refuse the combination. */
  readonly overrides?: Partial<Settings>
  readonly insideOf?: readonly string[]
  readonly stopped?: boolean
  readonly force?: {
    readonly by: string
    readonly reason: string
    /** The statuses that the force is meant for; the usual ones by default. */
    readonly only?: readonly Rerunnable[]
    /** When the operator asked for it. By default, attempts that began later do not matter. */
    readonly askedAt?: number
    readonly ignoresAfter?: true
  }
  readonly survivor?: Survivor
  /** The task records that the host's program has already seen; none by default. */
  readonly known?: KnownRecords
  readonly schedule?: ScheduleSpec
  readonly place?: KnownPlace
  /** The slot, in windows after the first one; 0 by default. A window is a day, if the world does not say otherwise. */
  readonly day?: number
  /** How a scheduled trigger knows its slot; by default from an event time. */
  readonly source?: EventTimeSource
  /** Stops the run. A process that runs several slots has one for all of them. */
  readonly stop?: AbortController
  readonly watch?: Watch
}

interface ResolveOptions extends Port, Pick<HostOptions, 'day' | 'survivor'> {
  readonly endedRun?: string
  /** The run of the survivor; by default the one that the operator names. */
  readonly survivorOf?: string
}

/** Lets a test see the requests of one host. Each function returns the store that is used in place of the given one. */
interface Watch {
  /** Wraps the store as the host sees it: each call of the host passes, with the answer that it gets. */
  asked(store: Store): Store
  /** Wraps the ledger behind the network: each call that reaches it passes. */
  applied(store: Store): Store
}

type Port = Pick<HostOptions, 'time' | 'fateOf' | 'watch'>

export interface Run {
  readonly result: Promise<RunResult<string> | Taken>
  readonly events: RunEvent[]
  starts(): number
  stop(): void
}

export function recordVerbs() {
  const verbs: string[] = []
  const fateOf = ({ verb }: Call): Fate => {
    verbs.push(verb)
    return { kind: 'answered', afterMs: 5 }
  }
  return { verbs, fateOf }
}

/** Time passes only when every host waits. `beside`: the world of another task, whose ledger and time it has. */
export function world(
  frequency: keyof typeof SCHEDULES = 'daily',
  firstDay = 0,
  beside: {
    readonly task?: string
    readonly time?: VirtualTime
    readonly ledger?: ReturnType<typeof memoryStore>
  } = {},
) {
  const { schedule, everyMs } = SCHEDULES[frequency]
  const { task = TASK, time = virtualTime(SLOT + firstDay * everyMs + 5_000), ledger = memoryStore() } = beside
  const slotOfDay = (day: number) => SLOT + day * everyMs
  const zoneData = '2026a'
  let ids = 0

  function portOf(clock: Clock, { fateOf, watch }: Port): Store {
    const behind = watch === undefined ? ledger : watch.applied(ledger)
    const port = faultyStore(behind, clock, fateOf ?? (() => ({ kind: 'answered', afterMs: 5 })))
    return watch === undefined ? port : watch.asked(port)
  }

  function operatorIo(options: Port): WriteIo {
    const clock = time.clock(options.time)
    return { store: portOf(clock, options), clock, newId: () => `id-${++ids}`, random: () => 0.5 }
  }

  function hostIo(options: HostOptions, stop: AbortSignal, emit: (event: RunEvent) => void): RunIo {
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
    return {
      store: portOf(clock, options),
      clock,
      newId: () => `id-${++ids}`,
      random: () => 0.5,
      stop,
      known: options.known ?? knownRecords(clock),
      findSurvivor: () => options.survivor ?? null,
      emit,
    }
  }

  function trigger(
    runId: string,
    work: (attempt: LiveAttempt, clock: Clock) => Promise<WorkEnd<string>>,
    options: HostOptions = {},
  ): Run {
    const { by = '', reason = '', only, askedAt, ignoresAfter } = options.force ?? {}
    const settings: Settings = {
      ...readSettings(options.settings ?? {}),
      ...(only !== undefined && { forceStatus: only }),
      ...(askedAt !== undefined && { forceAskedAt: askedAt }),
      ...options.overrides,
    }
    const { place = null } = options
    const slot = slotOfDay(options.day ?? 0)
    const events: RunEvent[] = []
    const stop = options.stop ?? new AbortController()
    const io = hostIo(options, stop.signal, (event) => {
      // Each world begins without tasks.
      if (isFirstRun(event)) return
      events.push(event)
      options.onEvent?.(event)
    })
    const { clock } = io
    if (options.stopped) stop.abort({ atMs: clock.monotonicMs() })
    let starts = 0
    const how: Trigger =
      options.force === undefined
        ? { kind: 'scheduled', eventTime: slot, source: options.source ?? 'event-time' }
        : { kind: 'forced', by, reason, ...(ignoresAfter && { ignoresAfter }) }
    const request: ClaimRequest = {
      task,
      window: { slot, end: slot + everyMs },
      schedule: options.schedule ?? schedule,
      zoneData,
      runId,
      trigger: how,
      host: { host: `host-of-${runId}` },
      objection: null,
      retentionMs: settings.retentionMs,
      insideOf: options.insideOf ?? [],
      knownPlace: place,
      ...(place !== null && place !== 'unknown' && { place }),
      ...((settings.overlap !== 'allow' || settings.after !== null) && { phase: 'waiting' }),
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
    return { result, events, starts: () => starts, stop: () => stop.abort({ atMs: clock.monotonicMs() }) }
  }

  async function play(runId: string, options: HostOptions = {}, work = works(1_000)) {
    const { verbs, fateOf } = recordVerbs()
    const run = trigger(runId, work, { fateOf, ...options })
    const result = await time.run(run.result)
    return { verbs, result, events: run.events, names: run.events.map(({ event }) => event), starts: run.starts() }
  }

  function resolve(runId: string, state: Resolution['state'], options: ResolveOptions = {}): Promise<ResolveResult> {
    const slot = slotOfDay(options.day ?? 0)
    const word = {
      task,
      window: { slot, end: slot + everyMs },
      schedule,
      zoneData,
      runId,
      state,
      by: 'ada',
      reason: runId,
      ...(options.endedRun !== undefined && { endedRun: options.endedRun }),
    }
    const { skewMs, ledgerTimeoutMs } = readSettings({})
    const { survivor, survivorOf = options.endedRun } = options
    const io = {
      ...operatorIo(options),
      findSurvivor: ({ attempts }: { readonly attempts: readonly AttemptRecord[] }) =>
        survivor !== undefined && attempts.some(({ runId: own }) => own === survivorOf) ? survivor : null,
    }
    return resolveSlot(word, { skewMs, ledgerTimeoutMs }, io)
  }

  async function change(request: Omit<TaskChangeRequest, 'task' | 'what'>, options: Port = {}): Promise<boolean> {
    const io = { ...operatorIo(options), signals: [], pageTimeoutMs: readSettings({}).ledgerTimeoutMs }
    const found = await readChangeable(task, io)
    return (await changeTask({ task, what: 'the change', ...request }, found, io)).changed
  }

  return {
    task,
    time,
    ledger,
    ...recordsOf(ledger),
    slotOfDay,
    everyMs,
    expression: schedule.expression,
    hostIo,
    trigger,
    play,
    resolve,
    change,
    async row(day = 0): Promise<Row> {
      const found = await ledger.get({ task, slot: slotOfDay(day) }, { signal: new AbortController().signal })
      if (found === null || isUnreadable(found)) throw new Error(`no row, but ${JSON.stringify(found)}`)
      return found
    },
    find(day = 0): Promise<StoredRow | null> {
      return ledger.get({ task, slot: slotOfDay(day) }, { signal: new AbortController().signal })
    },
    note(rejection: Rejection) {
      return ledger.note({ task, slot: SLOT }, rejection, { signal: new AbortController().signal })
    },
  }
}

export function recordsOf(ledger: Store) {
  const call = { signal: new AbortController().signal }
  async function read() {
    const { record, version } = await readRecord(TASK, ledger, call)
    if (isNewerRecord(record)) throw new Error('a newer record')
    return { record, version }
  }
  return {
    record: async () => (await read()).record,
    async changeRecord(change: (record: TaskRecord) => TaskRecord | null): Promise<void> {
      const { record, version } = await read()
      const changed = change(record)
      const written = changed && (await writeRecord(TASK, changed, version, ledger, call))
      if (written !== 'ok') throw new Error('unchanged')
    },
  }
}

export function works(ms: number) {
  return async ({ lost }: LiveAttempt, clock: Clock): Promise<WorkEnd<string>> => {
    await clock.wait(ms, lost)
    return lost.aborted ? { outcome: 'leaseLost' } : { outcome: 'succeeded', value: 'done' }
  }
}

export function failsAfter(ms: number) {
  return async ({ lost }: LiveAttempt, clock: Clock): Promise<WorkEnd<string>> => {
    await clock.wait(ms, lost)
    return lost.aborted ? { outcome: 'leaseLost' } : { outcome: 'failed', exitCode: 3 }
  }
}

/** Returns work that goes on until its lease is lost, and a list of when that was (on its monotonic clock), and what it heard. */
export function worksUntilLost() {
  const heard: (LeaseLoss & { readonly atMs: number })[] = []
  const work = async ({ lost }: LiveAttempt, clock: Clock): Promise<WorkEnd<string>> => {
    await clock.wait(24 * HOUR_MS, lost)
    heard.push({ ...lost.reason, atMs: clock.monotonicMs() })
    return { outcome: 'leaseLost' }
  }
  return { work, heard }
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
  const attempt = row.attempts.at(-1)
  if (attempt === undefined) return false
  return [claimedAtOf(attempt), attempt.startedAt].includes((row.leaseUntil ?? 0) - readSettings({}).leaseMs)
}
