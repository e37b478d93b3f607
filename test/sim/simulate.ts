import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { Ending, Row } from '../../src/core/types.ts'
import type { LeaseLoss } from '../../src/run/lease.ts'
import type { RunSettings } from '../../src/run/settings.ts'
import type { Fate } from '../support/simulated/faulty-store.ts'
import { type HostOptions, world } from '../support/simulated/world.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
/** Half of the stated skew each way: two clocks differ by no more than the whole. */
const OFFSET_MS = 15 * SECOND_MS

/** One trigger's story, as an observer sees it who stands outside and knows the true time. */
export interface Story {
  readonly runId: string
  readonly day: number
  readonly forced: boolean
  /** When its supervisor is paused, in true time; null where it never is. `suspended`: its machine, its work with it. */
  readonly pause: { readonly fromMs: number; readonly toMs: number; readonly suspended: boolean } | null
  /** True time from which its supervisor is gone; infinite where it never is. */
  crashMs: number
  /** The true time at which it gets a stop; infinite if it gets none. */
  readonly stopMs: number
  /** The one answer that it gave, or the error's kind; null where it crashed before. */
  answer: Answer | null
  /** Each time that its work was started, and when that work was really over. */
  readonly works: { readonly attempt: number; readonly startMs: number; endMs: number }[]
}

interface Answer {
  readonly atMs: number
  readonly status: string
  /** How the work failed, if it did. */
  readonly outcome: string | null
  readonly recorded: boolean | null
  readonly noted: boolean
  /** It gave its claim up, and did not say that something of it may still land. */
  readonly withdrawn: boolean
}

/** A write that the ledger applied. */
export interface Write {
  readonly atMs: number
  readonly row: Row
}

export interface Observed {
  readonly settings: RunSettings
  readonly stories: readonly Story[]
  /** By day, in the order in which they were applied. */
  readonly writes: ReadonlyMap<number, readonly Write[]>
  readonly finals: ReadonlyMap<number, Row | null>
  /** Words of operators that the ledger was said to hold. */
  readonly words: ReadonlyArray<{ readonly day: number; readonly runId: string }>
}

/** Many triggers of a few neighbouring slots, from many hosts, on a bad day: all that happens follows from `seed`. */
export async function simulate(seed: number): Promise<Observed> {
  const random = xoroshiro128plus(seed)
  const int = (from: number, to: number) => uniformInt(random, from, to)
  const chance = (percent: number) => int(1, 100) <= percent
  const { time, ledger, trigger, resolve, find } = world()
  const startMs = time.now()
  const days = chance(50) ? 1 : int(2, 3)
  const writes = new Map<number, Write[]>(Array.from({ length: days }, (_, day) => [day, []]))
  const { put } = ledger
  ledger.put = async (row, expected, call) => {
    const answer = await put(row, expected, call)
    if (answer.kind === 'ok')
      writes.get(Math.floor((row.slot - startMs + HOUR_MS) / (24 * HOUR_MS)))?.push({ atMs: time.now(), row })
    return answer
  }

  const settings = settingsOf()
  // A day is calm, bad, or has an outage for everybody.
  const faultPercent = [0, 5, 20, 40][int(0, 3)] ?? 0
  const outageMs = chance(25) ? startMs + int(0, HOUR_MS) : Number.POSITIVE_INFINITY
  const outageEndMs = outageMs + int(SECOND_MS, 20 * MINUTE_MS)

  function settingsOf(): RunSettings {
    const maxAttempts = chance(50) ? int(2, 4) : 1
    const retries =
      maxAttempts > 1 && chance(40) ? { retryDelayMs: int(0, 20 * MINUTE_MS), retryBackoff: int(1, 2) } : {}
    const overlap = (['allow', 'skip', 'wait'] as const)[chance(50) ? 0 : int(1, 2)] ?? 'allow'
    const patience = overlap === 'wait' ? { overlapTimeoutMs: int(10 * MINUTE_MS, 4 * HOUR_MS) } : {}
    return { maxAttempts, ...retries, overlap, ...patience }
  }

  function fate(): Fate {
    if (time.now() >= outageMs && time.now() < outageEndMs) return { kind: chance(50) ? 'dropped' : 'stalled' }
    if (!chance(faultPercent)) return { kind: 'answered', afterMs: int(1, chance(5) ? 4 * SECOND_MS : 50) }
    switch (int(0, 5)) {
      case 0:
        return { kind: 'answerLost', afterMs: int(0, 5 * SECOND_MS) }
      case 1:
        return { kind: 'answeredLate', afterMs: int(0, 10 * SECOND_MS) }
      case 2:
        return { kind: 'held', forMs: int(1, chance(20) ? 20 * MINUTE_MS : 5 * SECOND_MS) }
      case 3:
        return { kind: 'stalled' }
      case 4:
        return { kind: 'denied' }
      default:
        return { kind: 'dropped', afterMs: int(0, SECOND_MS) }
    }
  }

  /** A wall clock that is off, drifts, or jumps, and never leaves the stated skew. */
  function offset(): (nowMs: number) => number {
    const [before, after] = [int(-OFFSET_MS, OFFSET_MS), int(-OFFSET_MS, OFFSET_MS)]
    const jumpMs = startMs + int(0, 3 * HOUR_MS)
    if (chance(50)) return () => before
    if (chance(50)) return (nowMs) => (nowMs < jumpMs ? before : after)
    return (nowMs) => before + (after - before) * Math.min(1, Math.max(0, (nowMs - startMs) / (6 * HOUR_MS)))
  }

  async function emit(story: Story, options: HostOptions, beginMs: number): Promise<void> {
    await time.clock().wait(beginMs - time.now())
    const run = trigger(
      story.runId,
      async (attempt, clock) => {
        const work = { attempt: attempt.number, startMs: time.now(), endMs: Number.POSITIVE_INFINITY }
        story.works.push(work)
        // The child lives by its machine's time: a paused or killed supervisor does not stop it.
        const child = new AbortController()
        const machine = time.clock(story.pause?.suspended ? { suspend: story.pause } : {})
        const naturalEnd = machine.wait(int(1, chance(30) ? 2 * HOUR_MS : 10 * MINUTE_MS), child.signal)
        const over = naturalEnd.then(() => {
          work.endMs = time.now()
        })
        const stop = () => {
          const { killInMs } = attempt.lost.reason as LeaseLoss
          // Most batches use up the time that they are given.
          const takesMs = chance(50) ? killInMs : int(0, killInMs)
          void clock.wait(takesMs).then(() => child.abort())
        }
        attempt.lost.addEventListener('abort', stop, { once: true })
        await over
        attempt.lost.removeEventListener('abort', stop)
        await clock.wait(0)
        return endingOf(child.signal.aborted)
      },
      options,
    )
    if (Number.isFinite(story.stopMs)) {
      void time
        .clock(options.time)
        .wait(story.stopMs - time.now())
        .then(run.stop)
    }
    const settle = (status: string, facts: object) => {
      story.answer = {
        atMs: time.now(),
        status,
        outcome: 'outcome' in facts ? String(facts.outcome) : null,
        recorded: 'recorded' in facts ? facts.recorded === true : null,
        noted: run.events.some((event) => 'noted' in event && event.noted),
        withdrawn:
          (status === 'unreachable' || status === 'denied' || run.events.some(({ event }) => event === 'withdrawn')) &&
          !run.events.some((event) => event.event === 'withdrawn' && !event.certain),
      }
    }
    await run.result.then(
      (result) => settle(result.status, result),
      (error: { kind?: string }) => {
        if (error.kind === undefined) throw error
        settle(error.kind, {})
      },
    )
  }

  function endingOf(
    stopped: boolean,
  ): (Ending & { outcome: 'leaseLost' | 'failed' }) | { outcome: 'succeeded'; value: string } {
    if (stopped) return { outcome: 'leaseLost' }
    return chance(60) ? { outcome: 'succeeded', value: 'done' } : { outcome: 'failed', exitCode: 3 }
  }

  /** At the slot, some time later, or about when the lease of one that crashed or was paused runs out. */
  function beginning(): number {
    const disturbed = stories.map(({ crashMs, pause }) => pause?.fromMs ?? crashMs).filter(Number.isFinite)
    const at = disturbed[int(0, 3)]
    if (at !== undefined && chance(50)) return at + int(9 * MINUTE_MS, 11 * MINUTE_MS)
    return startMs + (chance(50) ? int(0, 2 * SECOND_MS) : int(0, 3 * HOUR_MS))
  }

  const stories: Story[] = []
  const telling: Promise<unknown>[] = []
  const triggers = int(2, 8) + 2 * (days - 1)
  for (let index = 0; index < triggers; index++) {
    const beginMs = beginning()
    const forced = chance(20)
    // As good as at once: between a call and its answer.
    const pauseMs = beginMs + (chance(30) ? int(0, 50) : int(0, 20 * MINUTE_MS))
    const story: Story = {
      runId: `run-${index}`,
      day: int(0, days - 1),
      forced,
      pause: chance(20) ? { fromMs: pauseMs, toMs: pauseMs + int(1, HOUR_MS), suspended: chance(33) } : null,
      crashMs: chance(15) ? beginMs + int(0, 20 * MINUTE_MS) : Number.POSITIVE_INFINITY,
      stopMs: chance(10) ? beginMs + int(0, 10 * MINUTE_MS) : Number.POSITIVE_INFINITY,
      answer: null,
      works: [],
    }
    // Some crash at a step: as a call leaves, or as it is applied.
    let stepsLeft = chance(10) ? int(1, 6) : Number.POSITIVE_INFINITY
    const crash = () => {
      story.crashMs = Math.min(story.crashMs, time.now())
      gone()
    }
    let gone = () => {}
    const isGone = new Promise<void>((resolve) => {
      gone = resolve
    })
    if (Number.isFinite(story.crashMs))
      void time
        .clock()
        .wait(story.crashMs - time.now())
        .then(gone)
    const options: HostOptions = {
      day: story.day,
      settings,
      fateOf() {
        stepsLeft -= 1
        if (stepsLeft > 0) return fate()
        crash()
        return { kind: chance(50) ? 'answerLost' : 'dropped' }
      },
      ...(forced ? { force: { by: 'operator', reason: `reason ${index}` } } : {}),
      time: {
        offsetMs: offset(),
        ...(story.pause !== null && { [story.pause.suspended ? 'suspend' : 'pause']: story.pause }),
        crashMs: () => story.crashMs,
      },
    }
    stories.push(story)
    telling.push(Promise.race([emit(story, options, beginMs), isGone]))
  }

  const words: { day: number; runId: string }[] = []
  async function say(index: number): Promise<void> {
    const day = int(0, days - 1)
    const state = (['COMPLETED', 'FAILED', 'SKIPPED'] as const)[int(0, 2)] ?? 'FAILED'
    await time.clock().wait(int(0, 3 * HOUR_MS))
    const runId = `word-${index}`
    const resolveResult = await resolve(runId, state, { day, fateOf: fate, time: { offsetMs: offset() } }).catch(
      (error: { kind?: string }) => {
        if (error.kind === undefined) throw error
        return { kind: error.kind }
      },
    )
    if (resolveResult.kind === 'resolved') words.push({ day, runId })
  }
  if (chance(30)) telling.push(say(0))
  if (chance(15)) telling.push(say(1))

  await time.run(Promise.all(telling))
  // Writes that were held, and children that outlive their supervisor, come to their end.
  await time.run(time.clock().wait(24 * HOUR_MS))
  const finals = new Map<number, Row | null>()
  for (let day = 0; day < days; day++) finals.set(day, (await find(day)) as Row | null)
  return { settings, stories, writes, finals, words }
}
