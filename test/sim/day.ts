import type { RunSettings } from '../../src/run/settings.ts'
import type { Fate } from '../support/simulated/faulty-store.ts'
import { world } from '../support/simulated/world.ts'
import { type Chance, chanceOf } from './chance.ts'
import type { Write } from './observed.ts'
import { type RecordLog, recordLog } from './record-log.ts'

export const SECOND_MS = 1_000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const TIMES = {
  leaseMs: 10 * MINUTE_MS,
  heartbeatMs: MINUTE_MS,
  skewMs: 30 * SECOND_MS,
  killAfterMs: 20 * SECOND_MS,
} as const satisfies RunSettings
/** Half of the stated skew each way: two clocks differ by no more than the whole. */
export const OFFSET_MS = TIMES.skewMs / 2

/**
 * - `slots`: triggers of a few daily slots arrive within hours. Nobody changes the task.
 * - `task`: triggers of hourly slots arrive from hour to hour, and operators change the task at the same time.
 * - `ranges`: the same, and each run does the work since the last success (`--since-last-success`).
 * - `waits`: the same as `task`, and each slot comes after slots of another task, after the slot before it, or after both.
 */
export type Subject = 'slots' | 'task' | 'ranges' | 'waits'

export interface Day extends Chance {
  readonly subject: Subject
  readonly at: ReturnType<typeof world>
  readonly startMs: number
  readonly slots: number
  readonly hasGap: boolean
  readonly hasRanges: boolean
  readonly settings: RunSettings
  readonly after: Pick<RunSettings, 'after' | 'afterTimeoutMs'> | null
  readonly isCalm: boolean
  readonly writes: ReadonlyMap<number, Write[]>
  readonly log: RecordLog
  fate(): Fate
  /** Returns a wall clock that is off, drifts, or jumps, and never leaves the stated skew. */
  offset(): (nowMs: number) => number
}

export function daysOf(seed: number, subject: Subject): readonly Day[] {
  const random = chanceOf(seed)
  const { int, chance } = random
  if (subject === 'waits') return daysInChain(random)
  const hasRanges = subject === 'ranges'
  const isOfTask = subject === 'task' || hasRanges
  const hasGap = isOfTask && chance(60)
  const slots = hasGap ? int(3, 6) : isOfTask ? int(hasRanges ? 3 : 1, 4) : chance(50) ? 1 : int(2, 3)
  // All slots of a day about single slots are due at once.
  const at = isOfTask ? world('hourly') : world('daily', slots - 1)
  return [dayOf({ subject, at, slots, hasGap, hasRanges, after: null, log: recordLog(at) }, random)]
}

const FREQUENCIES = [
  ['threeHourly', 'hourly'],
  ['hourly', 'hourly'],
  ['hourly', 'threeHourly'],
] as const

function daysInChain(random: Chance): readonly Day[] {
  const { int, chance } = random
  const [own, upstream] = FREQUENCIES[int(0, 2)] ?? FREQUENCIES[0]
  const at = world(own)
  const feed = world(upstream, 0, { task: 'feed', time: at.time, ledger: at.ledger })
  const hours = 3 * int(1, 2)
  const log = recordLog(at)
  const names = [['feed'], ['feed'], ['self'], ['feed', 'self']][int(0, 3)] ?? ['feed']
  const slotsOf = ({ everyMs }: Day['at']) => 1 + (hours * HOUR_MS) / everyMs
  const hasGap = chance(40)
  const after = { after: names, afterTimeoutMs: chance(hasGap ? 10 : 30) ? 0 : int(1, hasGap ? 240 : 120) * MINUTE_MS }
  const subject = 'waits'
  return [
    dayOf({ subject, at, slots: slotsOf(at), hasGap: false, hasRanges: false, after, log }, random),
    dayOf(
      {
        subject,
        at: feed,
        slots: slotsOf(feed),
        hasGap,
        hasRanges: hasGap,
        after: null,
        log: recordLog(feed, log.next),
      },
      random,
    ),
  ]
}

function dayOf(
  known: Pick<Day, 'subject' | 'at' | 'slots' | 'hasGap' | 'hasRanges' | 'after' | 'log'>,
  { int, chance }: Chance,
): Day {
  const { at, slots, log } = known
  const { time, ledger, slotOfDay, everyMs } = at
  const startMs = time.now()
  const writes = new Map<number, Write[]>(Array.from({ length: slots }, (_, slot) => [slot, []]))
  const { put } = ledger
  ledger.put = async (row, expected, call) => {
    const answer = await put(row, expected, call)
    if (answer.kind === 'ok' && row.task === at.task)
      writes.get((row.slot - slotOfDay(0)) / everyMs)?.push({ atMs: time.now(), order: log.next(), row })
    return answer
  }
  const settings = settingsOf(known.hasRanges, { int, chance })
  // A day is calm, bad, or has an outage for everybody.
  // A run that waits sends many requests.
  const faultPercent = ([0, 5, 20, 40][int(0, 3)] ?? 0) / (known.subject === 'waits' ? 5 : 1)
  const outageMs = chance(known.subject === 'waits' ? 10 : 25) ? startMs + int(0, HOUR_MS) : Number.POSITIVE_INFINITY
  const outageEndMs = outageMs + int(SECOND_MS, 20 * MINUTE_MS)

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

  function offset(): (nowMs: number) => number {
    const [before, after] = [int(-OFFSET_MS, OFFSET_MS), int(-OFFSET_MS, OFFSET_MS)]
    const jumpMs = startMs + int(0, 3 * HOUR_MS)
    if (chance(50)) return () => before
    if (chance(50)) return (nowMs) => (nowMs < jumpMs ? before : after)
    return (nowMs) => before + (after - before) * Math.min(1, Math.max(0, (nowMs - startMs) / (6 * HOUR_MS)))
  }

  const isCalm = faultPercent === 0 && !Number.isFinite(outageMs)
  return { ...known, int, chance, startMs, settings, isCalm, writes, fate, offset }
}

function settingsOf(hasRanges: boolean, { int, chance }: Chance): RunSettings {
  const maxAttempts = chance(50) ? int(2, 4) : 1
  const retries = maxAttempts > 1 && chance(40) ? { retryDelayMs: int(0, 20 * MINUTE_MS), retryBackoff: int(1, 2) } : {}
  const chosen = (['allow', 'skip', 'wait'] as const)[chance(50) ? 0 : int(1, 2)] ?? 'allow'
  const overlap = hasRanges && chosen === 'allow' ? 'wait' : chosen
  const patience = overlap === 'wait' ? { overlapTimeoutMs: int(10 * MINUTE_MS, 4 * HOUR_MS) } : {}
  return { ...TIMES, maxAttempts, ...retries, overlap, ...patience }
}
