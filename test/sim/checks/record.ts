import { lastingPlace } from '../../../src/core/place.ts'
import { placeJson } from '../../../src/core/row/stored-place.ts'
import type { Suspension, TaskRecord } from '../../../src/core/task/task-record.ts'
import type { Place } from '../../../src/core/types.ts'
import { OFFSET_MS } from '../day.ts'
import type { Observed, RecordRequest, Story, Version } from '../observed.ts'

// The promises about the record of the task: pauses, retirements, and what runs state. Like check.ts, this file shares no code
// with the rules.
/** An undisturbed run starts at most this long after its last request about the record. Its requests have 30 s each at most. */
const FRESH_MS = 3 * 60_000

type Say = (promise: string, text: string) => void

export function checkRecord(observed: Observed, say: Say): void {
  const { stories, versions, changes } = observed
  for (const story of stories) {
    checkStarts(story, observed, say)
    checkPaused(story, observed, say)
  }
  for (const [index, version] of versions.entries()) {
    const before = versions[index - 1]?.record ?? EMPTY
    checkKept(before, version, say)
    checkStated(before, version, observed, say)
    checkPlace(before, version, observed, say)
    checkRevival(before, version, observed, say)
  }
  const last = versions.at(-1)?.record ?? EMPTY
  for (const { kind, name, answer } of changes) {
    if (answer !== 'made') continue
    const kept = kind === 'pause' ? last.pauses : last.retirements
    if (kind !== 'resume' && !kept.some(({ reason }) => reason === name)) say('no decision is lost', `${name} is gone`)
    if (kind === 'resume' && !versions.some(({ by }) => by === name))
      say('no decision is lost', `${name} was not written`)
  }
}

const EMPTY: TaskRecord = {
  schedules: [],
  expectations: null,
  pauses: [],
  retirements: [],
  place: null,
  placeSince: null,
}

function checkStarts(story: Story, observed: Observed, say: Say): void {
  if (story.forced) return
  for (const work of story.works) checkStart(work, story, observed, say)
}

function checkStart(work: Story['works'][number], story: Story, observed: Observed, say: Say): void {
  const asked = story.requests.filter(({ sent }) => sent < work.order)
  const read = asked.findLast(({ verb }) => verb === 'read')
  if (read === undefined || read.answered > work.order) {
    say('nothing starts without the record', `${story.runId} could not read it, and started`)
    return
  }
  const known = asked.findLast(({ answered }) => answered < work.order) ?? read
  const isDisturbed = story.pause !== null && story.pause.fromMs <= work.startMs
  if (!isDisturbed && work.startMs > known.sentMs + FRESH_MS) {
    say('a run that waited asks again', `${story.runId} asked ${work.startMs - known.sentMs} ms before its start`)
  }
  for (const pause of pausesFor(story, known, work.startMs, work.order, observed)) {
    say('nothing starts in a pause', `${story.runId} started in slot ${story.day} despite ${pause.reason}`)
  }
}

/** The pauses that were in force when a request was sent, and until the start. The clocks may differ by the skew. */
export function pausesFor(
  { day }: Pick<Story, 'day'>,
  known: RecordRequest,
  startMs: number,
  startOrder: number,
  { versions, firstMs, everyMs }: Observed,
): Suspension[] {
  const slot = firstMs + day * everyMs
  const visible = versions.findLast(({ order }) => order < known.sent)?.record.pauses ?? []
  const later = versions.filter(({ order }) => order > known.sent && order < startOrder)
  const holds = ({ from, until }: Suspension) => {
    const isIn = from <= slot && (until === null || slot < until)
    const goesOn = from <= known.sentMs + OFFSET_MS && (until === null || (until > from && until > startMs + OFFSET_MS))
    return isIn || (slot < from && goesOn)
  }
  return visible.filter((pause) => {
    const states = [pause, ...later.map(({ record }) => record.pauses.find(({ reason }) => reason === pause.reason))]
    return states.every((state) => state !== undefined && holds(state))
  })
}

function checkPaused({ runId, day, answer, works, requests }: Story, observed: Observed, say: Say): void {
  if (answer?.status !== 'paused') return
  const says = (text: string) =>
    say('a paused trigger is on record', `${runId} was paused by ${answer.pausedBy}, ${text}`)
  if (works.length > 0) says('and ran')
  const heard = Math.max(-1, ...requests.map(({ answered }) => answered).filter(Number.isFinite))
  const slot = observed.firstMs + day * observed.everyMs
  const isMeant = ({ reason, from, until }: Suspension) =>
    reason === answer.pausedBy && (until === null || until > Math.min(slot, from)) && until !== from
  if (!observed.versions.some(({ order, record }) => order < heard && record.pauses.some(isMeant))) {
    says('and no such pause was on record')
  }
  if (!answer.recorded) return
  const row = observed.finals.get(day)
  const isSkipped = row?.resolutions.some(({ reason }) => reason === `paused: ${answer.pausedBy}`)
  // A run that was taken for dead, and claims again, is also behind its own first attempt.
  const started = row?.attempts.filter(({ outcome }) => outcome !== 'notStarted') ?? []
  const isEnded = row?.attempts.some((attempt) => attempt.runId === runId && attempt.outcome === 'notStarted')
  if (!isSkipped && (started.length === 0 || !isEnded)) says('and its slot does not say so')
}

function checkKept(before: TaskRecord, { record, by }: Version, say: Say): void {
  const lost = (text: string) => say('no decision is lost', `${by} wrote over ${text}`)
  for (const kind of ['pauses', 'retirements'] as const) {
    for (const one of before[kind]) {
      const after = record[kind].find(({ reason, at }) => reason === one.reason && at === one.at)
      if (after === undefined || after.from !== one.from || after.by !== one.by) {
        lost(`${kind} of ${one.reason}`)
        continue
      }
      const end = ({ until }: Suspension) => until ?? Number.POSITIVE_INFINITY
      if (end(after) > end(one) || (one.ended !== undefined && after.ended === undefined))
        lost(`the end of ${one.reason}`)
      if (end(after) < end(one) && after.ended === undefined) lost(`${one.reason}, and did not say who ended it`)
    }
  }
  for (const [index, { since, spec, declared }] of before.schedules.entries()) {
    // The first scheduled run states its own schedule in place of the one of a forced run.
    if (declared === 'forced') continue
    const after = record.schedules[index]
    if (after?.since !== since || after.spec.zone !== spec.zone) lost(`the schedule since ${since}`)
  }
}

function checkStated(
  before: TaskRecord,
  { record, by }: Version,
  { stories, firstMs, everyMs }: Observed,
  say: Say,
): void {
  const { expectations: stated, schedules } = record
  // A run without an owner states whether its runs may overlap.
  const states = (slot: number, owner: string | null) =>
    stories.some(({ day, forced, states }) => !forced && firstMs + day * everyMs === slot && states.owner === owner)
  if (stated !== null && !states(stated.since, stated.owner ?? null)) {
    say('a run states for its own slot', `nobody stated ${stated.owner} in slot ${stated.since}`)
  }
  const since = before.expectations?.since
  if (since !== undefined && (stated === null || stated.since < since)) {
    say('a later run is not written over', `${by} replaced expectations since ${since} by older ones`)
  }
  if (stated !== null && stated.since === since && stated.owner !== before.expectations?.owner) {
    say('a later run is not written over', `${by} replaced what another run of its slot stated`)
  }
  if (schedules.some((one, index) => one.since <= (schedules[index - 1]?.since ?? Number.NEGATIVE_INFINITY))) {
    say('a later run is not written over', `${by} put an older schedule behind a later one`)
  }
}

function checkPlace(before: TaskRecord, { record, by }: Version, observed: Observed, say: Say): void {
  const { place, placeSince } = record
  const textOf = (one: Place | null) => JSON.stringify(placeJson(one))
  if (placeSince === before.placeSince && textOf(place) === textOf(before.place)) return
  if (before.placeSince !== null && (placeSince === null || placeSince <= before.placeSince)) {
    say('a later run is not written over', `${by} replaced the place of slot ${before.placeSince}`)
  }
  const story = observed.stories.find(({ runId, forced, caughtUpBy }) => runId === by && !forced && caughtUpBy === null)
  const stated = story?.states.place
  const isOwn = story !== undefined && placeSince === observed.firstMs + story.day * observed.everyMs
  const isStated =
    stated !== undefined && stated !== 'unknown' && textOf(place) === textOf(stated && lastingPlace(stated))
  if (!isOwn || !isStated) {
    say('a run states for its own slot', `${by} stated ${textOf(place)} in slot ${placeSince}`)
  }
}

function checkRevival(before: TaskRecord, { record, by }: Version, observed: Observed, say: Say): void {
  const { stories, changes, writes, firstMs, everyMs } = observed
  for (const retired of before.retirements.filter(({ until }) => until === null)) {
    const ended = record.retirements.find(({ reason, at }) => reason === retired.reason && at === retired.at)
    if (ended === undefined || ended.until === null) continue
    if (changes.some(({ name, kind }) => name === by && kind === 'resume')) continue
    const story = stories.find(({ runId }) => runId === by)
    const slot = firstMs + (story?.day ?? 0) * everyMs
    const claimed = writes.get(story?.day ?? 0)?.some(({ row }) => row.attempts.some(({ runId }) => runId === by))
    const isRevival = story !== undefined && !story.forced && claimed && slot >= retired.from && ended.until === slot
    if (!isRevival) say('only a run of its slot revives a task', `${by} ended ${retired.reason}`)
  }
}
