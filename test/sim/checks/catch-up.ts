import type { Row } from '../../../src/core/types.ts'
import { OFFSET_MS } from '../day.ts'
import type { Observed, RecordRequest, Story } from '../observed.ts'
import { pausesFor } from './record.ts'

// The promises about slots that are caught up. Like check.ts, this file shares no code with the rules.

type Say = (promise: string, text: string) => void

interface CatchUp {
  readonly own: Story
  readonly spanMs: number
  readonly graceMs: number
  readonly missed: readonly Story[]
}

export function checkCatchUp(observed: Observed, say: Say): void {
  const { stories, writes } = observed
  for (const own of stories) {
    if (own.catchesUp === null) continue
    const catchUp = { own, ...own.catchesUp, missed: stories.filter(({ caughtUpBy }) => caughtUpBy === own.runId) }
    for (const story of catchUp.missed) checkMissed(story, catchUp, observed, say)
    checkOrder(catchUp, say)
    checkAll(catchUp, observed, say)
  }
  for (const slot of writes.keys()) {
    const started = stories.filter((one) => one.caughtUpBy !== null && one.day === slot && one.works.length > 0)
    if (started.length > 1) say('a missed slot is caught up once', `${started.length} started slot ${slot}`)
  }
}

function checkMissed(story: Story, { own, spanMs, graceMs, missed }: CatchUp, observed: Observed, say: Say): void {
  const { runId, day, works, requests } = story
  const { writes, firstMs, everyMs, versions } = observed
  if (story.answer?.status === 'duplicate') {
    say('a slot of another run hears nothing of a catch-up', `${runId} was a duplicate`)
  }
  if (works.length === 0) return
  const applied = writes.get(day) ?? []
  const index = applied.findIndex(({ row }) => row.attempts.at(-1)?.runId === runId && row.state === 'PENDING')
  const [claim, before] = [applied[index], applied[index - 1]]
  if (claim === undefined || (before !== undefined && !isLeftByCatchUp(before.row, observed))) {
    say(
      'a catch-up starts only slots in which nothing started',
      `${runId} started slot ${day} after ${before?.row.ownerRunId}`,
    )
    return
  }
  const slot = firstMs + day * everyMs
  if (day >= own.day) say('a catch-up starts only missed slots', `${runId} is not before slot ${own.day}`)
  if (claim.atMs + OFFSET_MS < slot + graceMs) say('a catch-up starts only missed slots', `${runId} was in its grace`)
  const begunMs = requests[0]?.sentMs ?? claim.atMs
  if (slot < begunMs - spanMs - OFFSET_MS) say('a catch-up starts only missed slots', `${runId} is older than the span`)

  const read = lastReadBefore(claim.atMs, requests)
  if (read === undefined) {
    say('nothing starts without the record', `${runId} claimed a missed slot without it`)
    return
  }
  const earlier = missed.filter((one) => one.day < day).flatMap((one) => one.works)
  if (earlier.some(({ startMs, endMs }) => startMs < claim.atMs && endMs > read.sentMs))
    say('a catch-up asks again before each slot', `${runId} asked before the slot before it had ended`)
  for (const pause of pausesFor(own, read, claim.atMs, read.answered, observed)) {
    say(
      'a paused run catches nothing up',
      `${runId} was claimed despite ${pause.reason}, in which slot ${own.day} lies`,
    )
  }
  const visible = versions.findLast(({ order }) => order < read.sent)
  const later = versions.filter(({ order }) => order > read.sent && order < read.answered)
  const states = visible === undefined ? [] : [visible, ...later]
  const isRetired = ({ record }: (typeof states)[number]) =>
    record.retirements.some(({ from, until }) => from <= slot && (until === null || slot < until))
  if (states.length > 0 && states.every(isRetired))
    say('a retired slot is not caught up', `${runId} started slot ${day}`)
}

/** Returns whether only catch-ups that started nothing, and claims that gave way, were in the slot before. */
function isLeftByCatchUp({ attempts, resolutions }: Row, { stories }: Observed): boolean {
  const catchUps = new Set(stories.flatMap(({ runId, caughtUpBy }) => (caughtUpBy === null ? [] : [runId])))
  const isLeft = (one: Row['attempts'][number]) =>
    one.outcome === 'notStarted' && (catchUps.has(one.runId) || one.gaveWayTo !== undefined)
  return resolutions.length === 0 && attempts.every(isLeft)
}

function lastReadBefore(claimMs: number, requests: readonly RecordRequest[]): RecordRequest | undefined {
  return requests.findLast(
    ({ verb, sentMs, answered }) => verb === 'read' && sentMs < claimMs && Number.isFinite(answered),
  )
}

function checkOrder({ own, missed }: CatchUp, say: Say): void {
  const started = [...missed, own].flatMap(({ runId, day, works }) => works.map((work) => ({ ...work, runId, day })))
  const inTime = started.toSorted((one, other) => one.order - other.order)
  for (const [index, after] of inTime.entries()) {
    const before = inTime[index - 1]
    if (before === undefined) continue
    if (after.day < before.day || after.startMs < before.endMs) {
      say('missed slots run in order', `${after.runId} started after or beside ${before.runId}`)
    }
  }
  const late = inTime.find(({ startMs }) => startMs > own.stopMs)
  if (late !== undefined && own.pause === null) say('a stop ends a catch-up', `${late.runId} started after it`)
}

function checkAll({ own, spanMs, graceMs }: CatchUp, observed: Observed, say: Say): void {
  const { finals, firstMs, everyMs, versions } = observed
  const [first] = own.requests
  if (own.works.length === 0 || first === undefined) return
  const known = versions.findLast(({ order }) => order < first.sent)?.record
  const isPlain = versions.every(({ record }) => record.pauses.length + record.retirements.length === 0)
  if (known === undefined || !isPlain || versions.some(({ record }) => record.schedules.length > 1)) return
  const [schedule] = known.schedules
  // A run with another schedule leaves what was due before it to an operator.
  if (schedule !== undefined && schedule.spec.zone !== own.states.zone) return
  // Only a scheduled run makes it certain that later slots are due.
  const certainSince =
    schedule === undefined || schedule.declared === 'forced' ? Number.POSITIVE_INFINITY : schedule.since
  for (const [day, row] of finals) {
    const slot = firstMs + day * everyMs
    const wasDue = slot + graceMs + OFFSET_MS < first.sentMs && slot >= certainSince
    // What a later run has in its range is done with that one, or is a part of its finding.
    const isInRange = [...finals].some(
      ([by, later]) => by > day && later?.attempts.some(({ since, searched = slot }) => (since ?? searched) < slot),
    )
    if (day < own.day && wasDue && slot - OFFSET_MS > first.sentMs - spanMs && row === null && !isInRange) {
      say('what was missed is caught up', `${own.runId} left slot ${day}`)
    }
  }
}
