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

interface Surroundings {
  readonly settings: Settings
  store(host: string): Port
  now(): number
  onStart(host: Host, work: Work): void
  onAnswer(host: Host, answer: Answer): void
  onError(error: unknown): void
}

/** Everything that it hears must pass through `hear`, which determines its state. */
export class Host {
  readonly plan: HostPlan
  readonly slot: number
  life: 'idle' | 'alive' | 'ended' | 'crashed' = 'idle'
  paused = false
  wokeMs: number | null = null
  stopped = false
  history: Hash
  readonly works: Work[] = []
  readonly events: RunEvent[] = []
  answer: Answer | null = null
  /** The true time at which it sent the latest of its writes that the ledger applied. */
  leaseFromMs: number | null = null
  /** The state of the slot before its own, by its latest read of that. Null: it has read none. */
  before: Row['state'] | null = null
  /** The rows that were removed after its first answer, so it may have read them. */
  readonly removed: { readonly row: Row; readonly atMs: number }[] = []
  /** Whether it wrote after its lease had ended, so that another run may have done its work again. */
  hasLapsed = false
  readonly knows: RecordKnowledge
  readonly #around: Surroundings
  readonly #store: Port
  readonly #timers: Timer[] = []
  readonly #clock: Clock
  readonly #stop = new AbortController()
  readonly #unheard: (() => void)[] = []
  #ids = 0

  constructor(plan: HostPlan, around: Surroundings) {
    this.plan = plan
    this.slot = slotOf(plan)
    this.history = mix(EMPTY, plan.name)
    this.knows = { isRead: plan.asks !== true, askedInPause: false, isPaused: false }
    this.#around = around
    this.#store = around.store(plan.name)
    this.#clock = clockWith(this.#timers, around.now, plan.offsetMs)
  }

  hear(text: string): void {
    this.history = mix(this.history, `${this.#around.now()} ${text};`)
  }

  nextMs(): number {
    return this.#timers[0]?.atMs ?? Number.POSITIVE_INFINITY
  }

  fireNext(): void {
    this.hear('timer')
    this.#timers[0]?.fire()
  }

  begin(): void {
    this.life = 'alive'
    this.hear('begin')
    const doing = isTrigger(this.plan) ? this.#run() : this.#operate()
    doing.then((answer) => {
      this.life = 'ended'
      this.answer = answer
      this.#around.onAnswer(this, answer)
    }, this.#around.onError)
  }

  stop(): void {
    this.stopped = true
    this.hear('stop')
    this.#stop.abort({ atMs: this.#around.now() })
  }

  pause(): void {
    this.paused = true
  }

  wake(): void {
    this.paused = false
    this.wokeMs = this.#around.now()
    this.hear('wake')
    for (const say of this.#unheard.splice(0)) say()
  }

  crash(): void {
    this.life = 'crashed'
  }

  /** Starts work. It ends when the scheduler ends it, or within the allowed time after a lost lease or a stop. */
  #work({ number, since, lost }: LiveAttempt): Promise<WorkEnd<string>> {
    const { now, settings, onStart } = this.#around
    return new Promise((resolve) => {
      const end = (outcome: Parameters<Work['end']>[0]) => {
        if (made.endMs !== null) return
        made.endMs = now()
        made.succeeded = outcome === 'succeeded' && !lost.aborted
        const told = lost.aborted ? 'leaseLost' : outcome
        const say = () => {
          this.hear(told)
          resolve(told === 'succeeded' ? { outcome: told, value: 'done' } : { outcome: told })
        }
        if (this.paused) this.#unheard.push(say)
        else if (this.life === 'alive') say()
      }
      const made: Work = { number, since, startMs: now(), endMs: null, succeeded: false, end }
      const endIn = (ms: number, outcome: 'leaseLost' | 'interrupted') =>
        void this.#clock.wait(ms).then(() => end(outcome))
      lost.addEventListener('abort', () => endIn((lost.reason as LeaseLoss).killInMs, 'leaseLost'))
      this.#stop.signal.addEventListener('abort', () => endIn(settings.killAfterMs, 'interrupted'))
      this.works.push(made)
      onStart(this, made)
    })
  }

  async #run(): Promise<Answer> {
    const { plan, slot } = this
    const { settings } = this.#around
    const clock = this.#clock
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
    const known = knownRecord(settings)
    const io = {
      ...this.#writeIo(),
      stop: this.#stop.signal,
      known: plan.asks ? unlessStarting(knownRecords(clock)) : { get: () => known, recent: () => known, add() {} },
      findSurvivor: () => null,
      emit: (event: RunEvent) => void this.events.push(event),
    }
    return execute(request, (attempt) => this.#work(attempt), own, io).then(
      (result) => answerOf(result.status, result, this.events),
      (error: { kind?: string }) => {
        if (error.kind === undefined) throw error
        return answerOf(error.kind, {}, this.events)
      },
    )
  }

  #writeIo() {
    const newId = () => {
      this.#ids += 1
      return `${this.plan.name}${this.#ids}`
    }
    return { store: this.#store, clock: this.#clock, newId, random: () => 0.5 }
  }

  async #operate(): Promise<Answer> {
    const { plan, slot } = this
    if (plan.does === 'remove') {
      await this.#store.remove({ task: TASK, slot }, { signal: this.#stop.signal })
      return answerOf('removed', {}, this.events)
    }
    const status = await operatorAnswer(plan, SCHEDULE, this.#around.settings, this.#writeIo())
    return answerOf(status, {}, this.events)
  }
}

function clockWith(timers: Timer[], now: () => number, offsetMs = 0): Clock {
  return {
    now: () => now() + offsetMs,
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
}

function answerOf(status: string, facts: object, events: readonly RunEvent[]): Answer {
  const known = facts as {
    readonly cause?: string
    readonly outcome?: string
    readonly attempt?: number | null
    readonly recorded?: boolean
  }
  const uncertain = events.some((event) => event.event === 'withdrawn' && !event.certain)
  // A run that waited for another slot, gave way to it, could not note that or retried does not report whether its last write can land
  // later.
  const silent = events.some(
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
    noted: events.some((event) => 'noted' in event && event.noted),
    certain: !uncertain && !silent && (nothing || !open),
  }
}
