import { withPause, withResumption, withRetirement } from '../../src/core/row/task-changes.ts'
import type { Change } from '../support/simulated/change-record.ts'
import { type Day, HOUR_MS, MINUTE_MS } from './day.ts'
import type { OperatorChange } from './observed.ts'

/** Resolves a slot at some time, and adds the word to `words` if the ledger was said to hold it. */
export async function resolveSome(index: number, words: { day: number; runId: string }[], day: Day): Promise<void> {
  const { at, int, fate, offset, slots } = day
  const slot = int(0, slots - 1)
  const state = (['COMPLETED', 'FAILED', 'SKIPPED'] as const)[int(0, 2)] ?? 'FAILED'
  await at.time.clock().wait(int(0, 3 * HOUR_MS))
  const runId = `word-${index}`
  const resolved = at.resolve(runId, state, { day: slot, fateOf: fate, time: { offsetMs: offset() } })
  if ((await kindOf(resolved)) === 'resolved') words.push({ day: slot, runId })
}

/** Pauses, resumes or retires the task at some time. */
export function changeSome(index: number, day: Day): { readonly made: OperatorChange; readonly doing: Promise<void> } {
  const { at, int, chance, fate, offset, slots, hasGap, log } = day
  const kind = (['pause', 'pause', 'resume', 'retire', 'pause', 'retire'] as const)[int(0, hasGap ? 5 : 3)] ?? 'pause'
  const made: OperatorChange = { kind, name: `operator-${index}`, answer: null }
  const wanted = changeOf(made, day)
  const options = { fateOf: fate, time: { offsetMs: offset() }, watch: log.watch(made.name, []) }
  // Many at about the time of a slot, when the triggers arrive, or while missed slots are caught up.
  const slot = hasGap ? slots - 1 : int(0, slots - 1)
  const waitMs = chance(60) ? slot * at.everyMs + int(0, chance(50) ? 2_000 : HOUR_MS) : int(0, slots * HOUR_MS)
  const change = async () => {
    await at.time.clock().wait(waitMs)
    made.answer = await kindOf(at.change(wanted, options).then((answer) => ({ kind: answer })))
  }
  return { made, doing: change() }
}

function changeOf({ kind, name }: OperatorChange, { at, int, chance, slots, hasGap, startMs }: Day): Change {
  const lastSlot = at.slotOfDay(slots - 1)
  // From now on, if no time is given. After a gap, a long pause would leave nothing to catch up.
  const plannedMs = chance(50)
    ? null
    : hasGap
      ? lastSlot - int(0, 2 * HOUR_MS)
      : startMs + int(-HOUR_MS, slots * HOUR_MS)
  const lastsMs = chance(hasGap ? 15 : 50) ? null : int(MINUTE_MS, hasGap ? HOUR_MS : 2 * HOUR_MS)
  const decided = (now: number) => ({ at: now, by: name, reason: name })
  const suspension = (from: number, now: number) => ({ from, until: null, ...decided(now) })
  const isOwn = ({ reason }: { readonly reason: string }) => reason === name
  switch (kind) {
    case 'pause':
      return {
        change(record, now) {
          const from = plannedMs ?? now
          return withPause(record, { ...suspension(from, now), until: lastsMs === null ? null : from + lastsMs })
        },
        isIn: ({ pauses }) => pauses.some(isOwn),
      }
    case 'resume':
      return {
        change: (record, now) => withResumption(record, now, decided(now)),
        isIn: ({ pauses, retirements }) => [...pauses, ...retirements].some(({ ended }) => ended && isOwn(ended)),
      }
    case 'retire': {
      const slot = at.slotOfDay(int(hasGap ? 1 : 0, slots - 1))
      return {
        change: (record, now) => withRetirement(record, suspension(plannedMs === null ? now : slot, now)),
        isIn: ({ retirements }) => retirements.some(isOwn),
      }
    }
  }
}

/** Returns the kind of the result, or of the error of the ledger. */
async function kindOf(result: Promise<{ readonly kind: string }>): Promise<string> {
  try {
    return (await result).kind
  } catch (error) {
    const { kind } = error as { kind?: string }
    if (kind === undefined) throw error
    return kind
  }
}
