import { withPause, withResumption, withRetirement } from '../../src/core/task/task-changes.ts'
import type { Decided } from '../../src/core/task/task-record.ts'
import type { Row } from '../../src/core/types.ts'
import type { TaskChangeRequest } from '../../src/run/task/task-record.ts'
import { type Day, HOUR_MS, MINUTE_MS } from './day.ts'
import type { OperatorChange, Story } from './observed.ts'

export async function resolveSome(index: number, words: { day: number; runId: string }[], day: Day): Promise<void> {
  const { at, int, fate, offset, slots } = day
  const slot = int(0, slots - 1)
  const state = (['COMPLETED', 'FAILED', 'SKIPPED'] as const)[int(0, 2)] ?? 'FAILED'
  await at.time.clock().wait(int(0, 3 * HOUR_MS))
  const runId = `word-${index}`
  const resolved = at.resolve(runId, state, { day: slot, fateOf: fate, time: { offsetMs: offset() } })
  if ((await kindOf(resolved)) === 'resolved') words.push({ day: slot, runId })
}

/** The operator may be wrong: the run may be alive, or not be the latest one of the slot. */
export async function resolveNamed(
  index: number,
  words: { day: number; runId: string }[],
  named: Map<string, string>,
  stories: readonly Story[],
  day: Day,
): Promise<void> {
  const { at, int, chance, fate, offset, slots, startMs } = day
  const state = (['COMPLETED', 'COMPLETED', 'FAILED', 'SKIPPED'] as const)[int(0, 3)] ?? 'FAILED'
  const runId = `word-${index}`
  const disturbed = stories.filter(({ crashMs, pause }) => Number.isFinite(crashMs) || pause !== null)
  const story = chance(70) ? disturbed[int(0, Math.max(0, disturbed.length - 1))] : undefined
  const slot = story?.day ?? int(0, slots - 1)
  const lostMs =
    story === undefined ? startMs : Math.min(story.crashMs, story.pause?.fromMs ?? Number.POSITIVE_INFINITY)
  const waitMs = lostMs - at.time.now() + int(0, story === undefined ? 3 * HOUR_MS : 12 * MINUTE_MS)
  await at.time.clock().wait(Math.max(0, waitMs))
  const row = (await at.find(slot)) as Row | null
  const latest = row?.attempts.at(-1)?.runId
  const endedRun = chance(85) ? latest : `run-${int(0, 3)}`
  if (endedRun === undefined) return
  named.set(runId, endedRun)
  const options = { day: slot, endedRun, fateOf: fate, time: { offsetMs: offset() } }
  if ((await kindOf(at.resolve(runId, state, options))) === 'resolved') words.push({ day: slot, runId })
}

export function changeSome(index: number, day: Day): { readonly made: OperatorChange; readonly doing: Promise<void> } {
  const { at, int, chance, fate, offset, slots, hasGap, log } = day
  const kinds = ['pause', 'pause', 'resume', 'retire', 'pause', 'retire'] as const
  const made: OperatorChange = {
    kind: kinds[int(0, hasGap ? 5 : 3)] ?? 'pause',
    name: `operator-${index}`,
    answer: null,
  }
  const host = { offsetMs: offset() }
  // Many at about the time of a slot, when the triggers arrive, or while missed slots are caught up.
  const slot = hasGap ? slots - 1 : int(0, slots - 1)
  const waitMs = chance(60) ? slot * at.everyMs + int(0, chance(50) ? 2_000 : HOUR_MS) : int(0, slots * HOUR_MS)
  const change = async () => {
    await at.time.clock().wait(waitMs)
    const wanted = changeOf(made, at.time.clock(host).now(), day)
    const options = { fateOf: fate, time: host, watch: log.watch(made.name, { requests: [] }) }
    made.answer = await kindOf(at.change(wanted, options).then((changed) => ({ kind: changed ? 'made' : 'unneeded' })))
  }
  return { made, doing: change() }
}

function changeOf(
  { kind, name }: OperatorChange,
  now: number,
  { at, int, chance, slots, hasGap, startMs }: Day,
): Pick<TaskChangeRequest, 'change' | 'isIn'> {
  const decided = { at: now, by: name, reason: name }
  const isOwn = (one: Decided | undefined) => one?.reason === name
  switch (kind) {
    case 'pause': {
      // From now on, if no time is given. After a gap, a long pause would leave nothing to catch up.
      const lateMs = hasGap ? at.slotOfDay(slots - 1) : startMs + slots * HOUR_MS
      const from = chance(50) ? now : lateMs - int(0, (hasGap ? 2 : slots + 1) * HOUR_MS)
      const until = chance(hasGap ? 15 : 50) ? null : from + int(MINUTE_MS, hasGap ? HOUR_MS : 2 * HOUR_MS)
      return {
        change: (record) => withPause(record, { from, until, ...decided }),
        isIn: ({ pauses }) => pauses.some(isOwn),
      }
    }
    case 'resume':
      return {
        change: (record) => withResumption(record, now, decided),
        isIn: ({ pauses, retirements }) => [...pauses, ...retirements].some(({ ended }) => isOwn(ended)),
      }
    case 'retire': {
      const from = chance(hasGap ? 20 : 50) ? now : at.slotOfDay(int(hasGap ? 1 : 0, slots - 1))
      return {
        change: (record) => withRetirement(record, { from, until: null, ...decided }),
        isIn: ({ retirements }) => retirements.some(isOwn),
      }
    }
  }
}

async function kindOf(result: Promise<{ readonly kind: string }>): Promise<string> {
  try {
    return (await result).kind
  } catch (error) {
    const { kind } = error as { kind?: string }
    if (kind === undefined) throw error
    return kind
  }
}
