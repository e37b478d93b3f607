import type { Row } from '../../../src/core/types.ts'
import { OFFSET_MS } from '../day.ts'
import type { Observed, Story, Write } from '../observed.ts'

// The promises about slots that are covered, and about where a run goes on. Like check.ts, this file shares no code with the
// rules.

type Say = (promise: string, text: string) => void

export function checkCovering(observed: Observed, say: Say): void {
  for (const story of observed.stories) for (const work of story.works) checkSince(story, work, observed, say)
  for (const story of observed.stories) checkAllCovered(story, observed, say)
  for (const [day, applied] of observed.writes) {
    const index = applied.findIndex(({ row }) => row.coveredBy !== undefined)
    const write = applied[index]
    if (write !== undefined) checkCovered(day, write, applied[index - 1]?.row, observed, say)
    for (const { row } of applied) checkRepetition(row, observed, say)
  }
}

const asksSince = (story: Story) => story.asksSince && (story.forced || story.catchesUp !== null)

/** Returns when the work of a slot was first recorded as done: by a run of its own, or by that of the slot that covers it. */
function doneMs(day: number, own: number, observed: Observed): number {
  const { writes, firstMs, everyMs } = observed
  const isDone = ({ row }: Write) =>
    row.attempts.some(({ outcome }) => outcome === 'succeeded') ||
    row.resolutions.some(({ state }) => state === 'COMPLETED')
  const applied = writes.get(day) ?? []
  const done = applied.find(isDone)?.atMs
  const coveredBy = applied.find(({ row }) => row.coveredBy !== undefined)?.row.coveredBy
  const by = coveredBy === undefined ? -1 : (coveredBy - firstMs) / everyMs
  return done ?? (by > own ? doneMs(by, own, observed) : Number.POSITIVE_INFINITY)
}

function checkSince(story: Story, { attempt, since, startMs }: Story['works'][number], observed: Observed, say: Say) {
  const { runId, day } = story
  if (since !== null && doneMs(since, day, observed) > startMs)
    say('a run goes on from a completed slot', `${runId} went on from ${since}, which had not completed`)
  const applied = observed.writes.get(day) ?? []
  const claim = applied.find(({ row }) => row.attempts.some((one) => one.runId === runId && one.number === attempt))
  // A repetition goes on from where the attempt did that covered the slots.
  const isAsked = asksSince(story)
  if ((since === null && !isAsked) || claim === undefined || applied.some(({ row }) => row.covers)) return
  for (let newer = (since ?? -1) + 1; newer < day; newer++) {
    if (doneMs(newer, day, observed) < claim.atMs)
      say('a run goes on from the newest completed slot', `${runId} went on from ${since}, not from ${newer}`)
  }
}

/** Checks that the latest attempt of a run that covers goes on from before all slots that it covers. */
function checkRepetition({ attempts, covers, owner, slot }: Row, { finals }: Observed, say: Say): void {
  const since = attempts.at(-1)?.since
  if (covers === undefined || since === undefined) return
  const oldest = Math.min(slot, ...[...finals.values()].flatMap((one) => (one?.coveredBy === slot ? one.slot : [])))
  if (since >= oldest || covers.since === undefined)
    say('a repetition does all that is covered', `${owner} went on from ${since}, and covers from ${oldest}`)
}

/** Checks a slot when it is covered, and that it counts as done only if its work was done. */
function checkCovered(day: number, { atMs, row }: Write, before: Row | undefined, observed: Observed, say: Say): void {
  const { stories, finals, firstMs, everyMs } = observed
  const story = stories.find(({ runId }) => runId === row.owner)
  if (story === undefined || row.coveredBy === undefined) return
  const slot = firstMs + day * everyMs
  const name = `slot ${day} by ${story.runId}`
  if (before !== undefined && !before.attempts.every(({ outcome }) => outcome === 'notStarted'))
    say('only a missed slot is covered', `${name}, after a run of ${before.owner}`)
  if (before?.resolutions.length) say('only a missed slot is covered', `${name}, after a decision`)
  if (atMs + OFFSET_MS < slot + (story.catchesUp?.graceMs ?? 0))
    say('only a missed slot is covered', `${name}, in its grace`)
  if (row.coveredBy <= slot) say('only an earlier slot is covered', name)
  const final = finals.get((row.coveredBy - firstMs) / everyMs)
  const success = final?.attempts.find(({ outcome }) => outcome === 'succeeded')
  const worker = stories.find(({ runId }) => runId === success?.runId)
  const goesOn =
    success?.since !== undefined || final?.covers !== undefined || (worker !== undefined && asksSince(worker))
  const isDone = goesOn && (success?.since ?? 0) < slot
  if (finals.get(day)?.state === 'SKIPPED' && success !== undefined && !isDone)
    say('nothing counts as done that was not', `${name}, which went on from a later slot`)
}

/** Checks that a run that covers has left no missed slot behind, if it is certain that the slot was due. */
function checkAllCovered(
  { runId, day: own, catchesUp, catchesUpOnce, works, requests, states }: Story,
  observed: Observed,
  say: Say,
): void {
  const { finals, firstMs, everyMs, versions } = observed
  const [[work], [first]] = [works, requests]
  if (catchesUp === null || !catchesUpOnce || work === undefined || first === undefined) return
  const known = versions.findLast(({ order }) => order < first.sent)?.record
  const isPlain = versions.every(({ record }) => record.pauses.length + record.retirements.length === 0)
  const [schedule] = known?.schedules ?? []
  if (schedule === undefined || schedule.declared === 'forced' || !isPlain) return
  // A run with another schedule leaves what was due before it to the next one.
  if (schedule.spec.zone !== states.zone) return
  if (versions.some(({ record }) => record.schedules.length > 1)) return
  for (let day = (work.since ?? -1) + 1; day < own; day++) {
    const slot = firstMs + day * everyMs
    const wasDue = slot >= schedule.since && slot + catchesUp.graceMs + OFFSET_MS < first.sentMs
    // The range of the work begins at the last success, also if that is before the span.
    const isInRange = work.since !== null || slot - OFFSET_MS > work.startMs - catchesUp.spanMs
    if (wasDue && isInRange && finals.get(day) === null) say('what was missed is covered', `${runId} left slot ${day}`)
  }
}
