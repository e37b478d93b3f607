import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { Ending, Row } from '../../src/core/types.ts'
import type { LeaseLoss } from '../../src/run/lease.ts'
import type { RunSettings } from '../../src/run/terms.ts'
import type { Fate } from '../support/faulty-store.ts'
import { type HostOptions, world } from '../support/world.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/** One trigger's story, as an observer sees it who stands outside and knows the true time. */
export interface Story {
  readonly runId: string
  readonly forced: boolean
  readonly settings: RunSettings
  /** True time from which its supervisor was paused or gone; infinite when it never was. */
  readonly disturbedMs: number
  readonly crashed: boolean
  /** The one answer that it gave: a status, or the error's kind; null where it crashed before. */
  answer: { readonly status: string; readonly attempt: number | null; readonly noted: boolean } | null
  /** Each time that its work was started, and when that work was really over. */
  readonly works: { readonly attempt: number; readonly startMs: number; endMs: number }[]
}

export interface Observed {
  readonly stories: readonly Story[]
  /** Every write that the ledger applied, in order, with its true time. */
  readonly writes: ReadonlyArray<{ readonly atMs: number; readonly row: Row }>
  readonly final: Row | null
}

/** Many triggers of one slot, from many hosts, on a bad day: everything that happens follows from `seed`. */
export async function simulate(seed: number): Promise<Observed> {
  const random = xoroshiro128plus(seed)
  const int = (from: number, to: number) => uniformInt(random, from, to)
  const chance = (percent: number) => int(1, 100) <= percent
  const { time, ledger, trigger, find } = world()
  const writes: { atMs: number; row: Row }[] = []
  const { put } = ledger
  ledger.put = async (row, expected, call) => {
    const answer = await put(row, expected, call)
    if (answer.kind === 'ok') writes.push({ atMs: time.now(), row })
    return answer
  }

  const retries = chance(50)
  const settings: RunSettings = { maxAttempts: retries ? int(2, 4) : 1 }
  // A day is calm, bad, or has an outage for everybody.
  const faultPercent = [0, 5, 20, 40][int(0, 3)] ?? 0
  const outageMs = chance(25) ? time.now() + int(0, HOUR_MS) : Number.POSITIVE_INFINITY
  const outageEndMs = outageMs + int(SECOND_MS, 20 * MINUTE_MS)

  function fate(): Fate {
    if (time.now() >= outageMs && time.now() < outageEndMs) return { kind: chance(50) ? 'dropped' : 'stalled' }
    if (!chance(faultPercent)) return { kind: 'answered', afterMs: int(1, chance(5) ? 4 * SECOND_MS : 50) }
    switch (int(0, 4)) {
      case 0:
        return { kind: 'answerLost', afterMs: int(0, 5 * SECOND_MS) }
      case 1:
        return { kind: 'answeredLate', afterMs: int(0, 10 * SECOND_MS) }
      case 2:
        return { kind: 'held', forMs: int(1, chance(20) ? 20 * MINUTE_MS : 5 * SECOND_MS) }
      case 3:
        return { kind: 'stalled' }
      default:
        return { kind: 'dropped', afterMs: int(0, SECOND_MS) }
    }
  }

  async function tell(story: Story, options: HostOptions, startMs: number): Promise<void> {
    await time.clock().wait(startMs - time.now())
    const run = trigger(
      story.runId,
      async (attempt, clock) => {
        const work = { attempt: attempt.number, startMs: time.now(), endMs: Number.POSITIVE_INFINITY }
        story.works.push(work)
        // The child lives by true time: a paused or killed supervisor does not stop it.
        const child = new AbortController()
        const naturalEnd = time.clock().wait(int(1, chance(30) ? 2 * HOUR_MS : 10 * MINUTE_MS), child.signal)
        const over = naturalEnd.then(() => {
          work.endMs = time.now()
        })
        const stop = () => {
          const { killInMs } = attempt.lost.reason as LeaseLoss
          void time
            .clock()
            .wait(int(0, killInMs))
            .then(() => child.abort())
        }
        attempt.lost.addEventListener('abort', stop, { once: true })
        await over
        attempt.lost.removeEventListener('abort', stop)
        await clock.wait(0)
        return endingOf(child.signal.aborted)
      },
      options,
    )
    if (chance(10))
      void time
        .clock(options.time)
        .wait(int(0, 10 * MINUTE_MS))
        .then(run.stop)
    const settle = (status: string, attempt: number | null) => {
      const noted = run.events.some((event) => 'noted' in event && event.noted)
      story.answer = { status, attempt, noted }
    }
    await run.result.then(
      (result) => settle(result.status, 'attempt' in result ? result.attempt : null),
      (error: { kind?: string }) => {
        if (error.kind === undefined) throw error
        settle(error.kind, null)
      },
    )
  }

  function endingOf(
    stopped: boolean,
  ): (Ending & { outcome: 'leaseLost' | 'failed' }) | { outcome: 'succeeded'; value: string } {
    if (stopped) return { outcome: 'leaseLost' }
    return chance(60) ? { outcome: 'succeeded', value: 'done' } : { outcome: 'failed', exitCode: 3 }
  }

  const stories: Story[] = []
  const telling: Promise<void>[] = []
  for (let index = 0; index < int(2, 8); index++) {
    const startMs = time.now() + (chance(50) ? int(0, 2 * SECOND_MS) : int(0, 3 * HOUR_MS))
    const forced = chance(20)
    const pauseMs = chance(20) ? startMs + int(0, 20 * MINUTE_MS) : Number.POSITIVE_INFINITY
    const crashMs = chance(20) ? startMs + int(0, 20 * MINUTE_MS) : Number.POSITIVE_INFINITY
    const options: HostOptions = {
      settings,
      fateOf: fate,
      ...(forced ? { force: { by: 'operator', reason: `reason ${index}` } } : {}),
      time: {
        offsetMs: int(-15 * SECOND_MS, 15 * SECOND_MS),
        ...(Number.isFinite(pauseMs) ? { pause: { fromMs: pauseMs, toMs: pauseMs + int(1, HOUR_MS) } } : {}),
        crashMs,
      },
    }
    const story: Story = {
      runId: `run-${index}`,
      forced,
      settings,
      disturbedMs: Math.min(pauseMs, crashMs),
      crashed: Number.isFinite(crashMs),
      answer: null,
      works: [],
    }
    stories.push(story)
    const crashed = story.crashed ? time.clock().wait(crashMs - time.now()) : new Promise<void>(() => undefined)
    telling.push(Promise.race([tell(story, options, startMs), crashed]))
  }
  await time.run(Promise.all(telling))
  // Writes that were held, and children that outlive their supervisor, come to their end.
  await time.run(time.clock().wait(24 * HOUR_MS))
  return { stories, writes, final: (await find()) as Row | null }
}
