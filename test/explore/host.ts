import type { RunEvent } from '../../src/core/event.ts'
import { EMPTY_TASK_RECORD, type TaskRecord } from '../../src/core/task/task-record.ts'
import type { Row, Trigger } from '../../src/core/types.ts'
import type { Clock } from '../../src/process/clock.ts'
import { execute, type LiveAttempt, type WorkEnd } from '../../src/run/execute.ts'
import type { LeaseLoss } from '../../src/run/lease.ts'
import { expectationsOf, type Settings } from '../../src/run/settings.ts'
import { knownRecords, unlessStarting } from '../../src/run/task/task-record.ts'
import { EMPTY, type Hash, mix } from './hash.ts'
import type { RecordKnowledge } from './ledger.ts'
import type { Port } from './network.ts'
import { operatorAnswer } from './operator.ts'
import { DAY_MS, type HostPlan, isTrigger, START_MS, slotOf, TASK } from './scenario.ts'

const SCHEDULE = { schedule: { expression: '0 3 * * *', zone: 'UTC' }, zoneData: '2026a' }
/** Returns a task record that says what all runs of the scenario state, and no pause. So they write nothing into it. */
export const knownRecord = (settings: Settings): TaskRecord => ({
  ...EMPTY_TASK_RECORD,
  // The slots before the first one were due, in the scenarios in which that matters.
  schedules: [{ since: START_MS - (settings.sinceLastSuccess ? 7 : 0) * DAY_MS, spec: SCHEDULE.schedule }],
  expectations: { since: START_MS, ...expectationsOf(settings) },
})

export interface Work {
  readonly number: number
  /** The slot after which its work begins. Null: it does all that there is, or only that of its own slot. */
  readonly since: number | null
  readonly startMs: number
  endMs: number | null
  succeeded: boolean
  end(outcome: 'succeeded' | 'failed' | 'leaseLost' | 'interrupted'): void
}

export interface Answer {
  readonly status: string
  readonly cause: string | null
  readonly outcome: string | null
  readonly attempt: number | null
  readonly recorded: boolean | null
  readonly noted: boolean
  /** Whether the process said that none of its writes can land later. */
  readonly certain: boolean
}

interface Timer {
  readonly atMs: number
  readonly fire: () => void
}

/** Everything that it hears must pass through `hear`, which determines its state. */
export interface Host {
  readonly plan: HostPlan
  readonly slot: number
  life: 'idle' | 'alive' | 'ended' | 'crashed'
  paused: boolean
  wokeMs: number | null
  stopped: boolean
  history: Hash
  readonly works: Work[]
  readonly events: RunEvent[]
  answer: Answer | null
  /** The true time at which it sent the latest of its writes that the ledger applied. */
  leaseFromMs: number | null
  /** The state of the slot before its own, by its latest read of that. Null: it has read none. */
  before: Row['state'] | null
  /** The rows that were removed after its first answer, so it may have read them. */
  readonly removed: { readonly row: Row; readonly atMs: number }[]
  /** Whether it wrote after its lease had ended, so that another run may have done its work again. */
  hasLapsed: boolean
  readonly knows: RecordKnowledge
  hear(text: string): void
  nextMs(): number
  fireNext(): void
  begin(): void
  stop(): void
  pause(): void
  wake(): void
  crash(): void
}

interface Surroundings {
  readonly settings: Settings
  store(host: string): Port
  now(): number
  onStart(host: Host, work: Work): void
  onAnswer(host: Host, answer: Answer): void
  onError(error: unknown): void
}

export function hostOf(plan: HostPlan, around: Surroundings): Host {
  const { now, settings } = around
  const slot = slotOf(plan)
  const known = knownRecord(settings)
  const timers: Timer[] = []
  const stop = new AbortController()
  const store = around.store(plan.name)
  const unheard: (() => void)[] = []
  let ids = 0

  const clock: Clock = {
    now: () => now() + (plan.offsetMs ?? 0),
    monotonicMs: now,
    wait(ms, signal) {
      if (signal?.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        const timer: Timer = { atMs: now() + Math.max(0, ms), fire: end }
        function end() {
          signal?.removeEventListener('abort', end)
          const index = timers.indexOf(timer)
          if (index !== -1) timers.splice(index, 1)
          resolve()
        }
        signal?.addEventListener('abort', end, { once: true })
        const later = timers.findIndex(({ atMs }) => atMs > timer.atMs)
        timers.splice(later === -1 ? timers.length : later, 0, timer)
      })
    },
  }

  const host: Host = {
    plan,
    slot,
    life: 'idle',
    paused: false,
    wokeMs: null,
    stopped: false,
    history: mix(EMPTY, plan.name),
    works: [],
    events: [],
    answer: null,
    leaseFromMs: null,
    before: null,
    removed: [],
    hasLapsed: false,
    knows: { isRead: plan.asks !== true, askedInPause: false, isPaused: false },
    hear(text) {
      host.history = mix(host.history, `${now()} ${text};`)
    },
    nextMs: () => timers[0]?.atMs ?? Number.POSITIVE_INFINITY,
    fireNext() {
      host.hear('timer')
      timers[0]?.fire()
    },
    begin() {
      host.life = 'alive'
      host.hear('begin')
      const doing = isTrigger(plan) ? run() : operate()
      doing.then((answer) => {
        host.life = 'ended'
        host.answer = answer
        around.onAnswer(host, answer)
      }, around.onError)
    },
    stop() {
      host.stopped = true
      host.hear('stop')
      stop.abort({ atMs: now() })
    },
    pause() {
      host.paused = true
    },
    wake() {
      host.paused = false
      host.wokeMs = now()
      host.hear('wake')
      for (const say of unheard.splice(0)) say()
    },
    crash() {
      host.life = 'crashed'
    },
  }

  /** Starts work. It ends when the scheduler ends it, or within the allowed time after a lost lease or a stop. */
  function work({ number, since, lost }: LiveAttempt): Promise<WorkEnd<string>> {
    return new Promise((resolve) => {
      const made: Work = {
        number,
        since,
        startMs: now(),
        endMs: null,
        succeeded: false,
        end(outcome) {
          if (made.endMs !== null) return
          made.endMs = now()
          made.succeeded = outcome === 'succeeded' && !lost.aborted
          const told = lost.aborted ? 'leaseLost' : outcome
          const say = () => {
            host.hear(told)
            resolve(told === 'succeeded' ? { outcome: told, value: 'done' } : { outcome: told })
          }
          if (host.paused) unheard.push(say)
          else if (host.life === 'alive') say()
        },
      }
      const endIn = (ms: number, outcome: 'leaseLost' | 'interrupted') =>
        void clock.wait(ms).then(() => made.end(outcome))
      lost.addEventListener('abort', () => endIn((lost.reason as LeaseLoss).killInMs, 'leaseLost'))
      stop.signal.addEventListener('abort', () => endIn(settings.killAfterMs, 'interrupted'))
      host.works.push(made)
      around.onStart(host, made)
    })
  }

  async function run(): Promise<Answer> {
    const trigger: Trigger =
      plan.does === 'force'
        ? { kind: 'forced', by: 'operator', reason: plan.name }
        : { kind: 'scheduled', eventTime: slot, source: 'event-time' }
    const own = {
      ...settings,
      ...(plan.only !== undefined && { forceStatus: plan.only }),
      ...(plan.isPlain && { sinceLastSuccess: false, overlap: 'allow' as const }),
    }
    const request = {
      task: TASK,
      window: { slot, end: slot + DAY_MS },
      ...SCHEDULE,
      runId: plan.name,
      trigger,
      host: { host: plan.name },
      objection: null,
      retentionMs: null,
      ...((own.overlap !== 'allow' || own.after !== null) && { phase: 'waiting' as const }),
    }
    const io = {
      store,
      clock,
      newId: () => `${plan.name}${++ids}`,
      random: () => 0.5,
      stop: stop.signal,
      known: plan.asks ? unlessStarting(knownRecords(clock)) : { get: () => known, recent: () => known, add() {} },
      findSurvivor: () => null,
      emit: (event: RunEvent) => void host.events.push(event),
    }
    return execute(request, work, own, io).then(
      (result) => answerOf(result.status, result),
      (error: { kind?: string }) => {
        if (error.kind === undefined) throw error
        return answerOf(error.kind, {})
      },
    )
  }

  async function operate(): Promise<Answer> {
    if (plan.does === 'remove') {
      await store.remove({ task: TASK, slot }, { signal: stop.signal })
      return answerOf('removed', {})
    }
    const io = { store, clock, newId: () => `${plan.name}${++ids}`, random: () => 0.5 }
    return answerOf(await operatorAnswer(plan, SCHEDULE, settings, io), {})
  }

  function answerOf(status: string, facts: object): Answer {
    const known = facts as {
      readonly cause?: string
      readonly outcome?: string
      readonly attempt?: number | null
      readonly recorded?: boolean
    }
    const uncertain = host.events.some((event) => event.event === 'withdrawn' && !event.certain)
    // A run that waited for another slot, gave way to it, could not note that or retried does not report whether its last write can land
    // later.
    const silent = host.events.some(
      (event) =>
        event.event === 'waiting' ||
        event.event === 'retry' ||
        'holder' in event ||
        ('by' in event && !('noted' in event && event.noted)),
    )
    const open = status === 'unrecorded' || status === 'unanswered' || known.recorded === false
    const nothing = known.attempt === null
    return {
      status,
      cause: known.cause ?? null,
      outcome: known.outcome ?? null,
      attempt: known.attempt ?? null,
      recorded: known.recorded ?? null,
      noted: host.events.some((event) => 'noted' in event && event.noted),
      certain: !uncertain && !silent && (nothing || !open),
    }
  }

  return host
}
