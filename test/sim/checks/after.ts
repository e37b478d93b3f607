import type { Row } from '../../../src/core/types.ts'
import { HOUR_MS, MINUTE_MS } from '../day.ts'
import type { Observed, RowRead, Story, Write } from '../observed.ts'
import { isReopened } from './ranges.ts'

// The promises about runs that come after other slots. Like check.ts, this file shares no code with the rules.

type Say = (promise: string, text: string) => void

interface Needed {
  readonly of: Observed
  readonly day: number
}

/** A wait for another slot ends some seconds after that has completed, if each request is answered within seconds. */
const NOTICE_MS = MINUTE_MS

export function checkAfter(observed: Observed, say: Say): void {
  if (observed.after === null) return
  for (const story of observed.stories) {
    checkStart(story, observed, say)
    checkBlocked(story, observed, say)
    checkPatience(story, observed, say)
  }
}

/** Returns the slots that were due since the slot before, or the latest one before, and the slot before itself. */
function neededBy(story: Story, observed: Observed): readonly Needed[] {
  const { firstMs, everyMs, after } = observed
  if (after === null || !comesAfter(story, observed)) return []
  const slot = firstMs + story.day * everyMs
  const { upstream } = after
  const upstreamSlot = (day: number) => upstream.firstMs + day * upstream.everyMs
  const before = [...upstream.finals.keys()].filter((day) => upstreamSlot(day) <= slot)
  const due = before.filter((day) => upstreamSlot(day) > slot - everyMs)
  const others = due.length > 0 ? due : before.slice(-1)
  return (after.after ?? []).flatMap((name) => {
    if (name === 'self') return story.day > 0 ? [{ of: observed, day: story.day - 1 }] : []
    return others.map((day) => ({ of: upstream, day }))
  })
}

/** Returns whether a run must wait. A force comes after what the runs of the task came after, as it finds it on record. */
function comesAfter({ forced, ignoresAfter, requests }: Story, { versions }: Observed): boolean {
  const [first] = requests
  if (!forced) return true
  if (ignoresAfter || first === undefined) return false
  const known = versions.findLast(({ order }) => order < first.sent)
  return known?.record.expectations?.after !== undefined
}

/** Returns the states of a row that the last read of it before `start` can have found. */
function seenBefore(start: number, { of, day }: Needed, { reads }: Story): readonly (Row | undefined)[] {
  const slot = of.firstMs + day * of.everyMs
  const isOfSlot = ({ task, since, until }: RowRead) => task === of.task && since <= slot && slot < until
  const read = reads.findLast((one) => isOfSlot(one) && one.answered < start)
  if (read === undefined) return []
  const applied = of.writes.get(day) ?? []
  const visible = applied.filter(({ order }) => order > read.sent && order < read.answered)
  return [applied.findLast(({ order }) => order < read.sent)?.row, ...visible.map(({ row }) => row)]
}

function isMet(row: Row | undefined): boolean {
  if (row?.state === 'COMPLETED') return true
  return row?.state === 'SKIPPED' && row.resolutions.findLast(({ state }) => state === 'SKIPPED')?.by !== 'cronledger'
}

function coversOf({ of, day }: Needed): readonly Write[] {
  const slot = of.firstMs + day * of.everyMs
  const later = [...of.writes].filter(([by]) => by > day)
  return later.flatMap(([, applied]) => applied.find(({ row }) => covers(row, slot)) ?? [])
}

function covers({ attempts }: Row, slot: number): boolean {
  return attempts.some(({ outcome, since, searched = slot }) => outcome === 'succeeded' && (since ?? searched) < slot)
}

/** Returns whether a pause or a retirement that was on record before `start` has the slot, in which nothing started. */
function isOff({ of, day }: Needed, row: Row | undefined, start: number): boolean {
  const slot = of.firstMs + day * of.everyMs
  const hasStarted = row?.attempts.some(({ phase, outcome }) => phase !== 'waiting' && outcome !== 'notStarted')
  const known = of.versions.filter(({ order }) => order < start)
  const all = known.flatMap(({ record }) => [...record.pauses, ...record.retirements])
  return !hasStarted && all.some(({ from, until }) => from <= slot && (until === null || slot < until))
}

function checkStart(story: Story, observed: Observed, say: Say): void {
  const [work] = story.works
  if (work === undefined) return
  for (const needed of neededBy(story, observed)) {
    const { of, day } = needed
    const seen = seenBefore(work.order, needed, story)
    const isDone = seen.some((row) => isMet(row) || isOff(needed, row, work.order))
    if (!isDone && !coversOf(needed).some(({ order }) => order < work.order))
      say('a run waits for the slots before it', `${story.runId} started before slot ${day} of ${of.task}`)
  }
  const attempts = observed.finals.get(story.day)?.attempts.filter(({ runId }) => runId === story.runId) ?? []
  if (
    attempts.some(({ trigger }) => (trigger.kind === 'forced' && trigger.ignoresAfter === true) !== story.ignoresAfter)
  )
    say('a force that waits for nothing is on record', story.runId)
}

function checkBlocked(story: Story, observed: Observed, say: Say): void {
  const { runId, day, answer, pause } = story
  if (answer?.cause !== 'blocked') return
  const applied = observed.writes.get(day) ?? []
  for (const [index, { row }] of applied.entries()) {
    const isLonger = row.resolutions.length > (applied[index - 1]?.row.resolutions.length ?? 0)
    if (row.ownerRunId === runId && isLonger) say('a blocked slot stays open', `${runId} closed it`)
  }
  if (!observed.isCalm || pause !== null) return
  const isEarly = ({ atMs }: Write) => atMs <= answer.atMs - NOTICE_MS
  const isMissing = (needed: Needed) => {
    const applied = needed.of.writes.get(needed.day) ?? []
    const isNew = applied.some((write) => !isEarly(write) && write.atMs <= answer.atMs)
    // An operator may have decided since that it failed.
    const isCovered = (by: Write) => isEarly(by) && !isReopened(needed.day, by.order, needed.of)
    return isNew || !(isMet(applied.findLast(isEarly)?.row) || coversOf(needed).some(isCovered))
  }
  if (!neededBy(story, observed).some(isMissing)) say('a run that may start does', `${runId} was blocked by nothing`)
}

/** Checks that a run starts or gives up in time. On a bad day, each of its last requests may take as long as it may. */
function checkPatience(story: Story, { writes, settings, after, isCalm }: Observed, say: Say): void {
  const { runId, day, works, answer, pause, forced } = story
  const claim = writes.get(day)?.find(({ row }) => row.attempts.some((attempt) => attempt.runId === runId))
  const endMs = works[0]?.startMs ?? answer?.atMs
  if (claim === undefined || endMs === undefined || pause !== null) return
  const overlapMs = settings.overlap === 'wait' ? (settings.overlapTimeoutMs ?? HOUR_MS) : 0
  const statedMs = after?.afterTimeoutMs ?? HOUR_MS
  // A force waits as long as the runs before it, if there were any.
  const patienceMs = (forced ? Math.max(HOUR_MS, statedMs) : statedMs) + overlapMs
  if (endMs > claim.atMs + patienceMs + (isCalm ? 1 : 6) * NOTICE_MS)
    say('nothing waits longer than it may', `${runId} waited ${endMs - claim.atMs} ms`)
}
