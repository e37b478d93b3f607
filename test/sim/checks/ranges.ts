import type { Row } from '../../../src/core/types.ts'
import { OFFSET_MS } from '../day.ts'
import type { Checked, Observed, Story, Write } from '../observed.ts'
import { endedByWord } from './forces.ts'

// The promises about runs that do the work since the last success. The work is that of each slot: how often was it done, and
// what does each surface say of it? Like check.ts, this file shares no code with the rules.

type Say = (promise: string, text: string) => void

interface Work {
  readonly story: Story
  readonly work: Story['works'][number]
}

/** Work whose success is on record since `order`. `late`: its lease had run out before, so another run may have done it again. */
interface Done extends Work {
  readonly order: number
  readonly atMs: number
  readonly isLate: boolean
}

/** Returns whether the work of a slot is a part of this work. A batch that is told no last success does all that there is. */
function hasDone(day: number, { story, work }: Work): boolean {
  if (day === story.day) return true
  if (day > story.day) return false
  return work.since === null ? story.hasRange : work.since < day
}

function worksOf({ stories }: Observed): readonly Work[] {
  return stories.flatMap((story) => story.works.map((work) => ({ story, work })))
}

function donesOf(observed: Observed): readonly Done[] {
  return worksOf(observed).flatMap(({ story, work }) => {
    const applied = observed.writes.get(story.day) ?? []
    const index = applied.findIndex(({ row }) => endOf(row, story, work) === 'succeeded')
    const write = applied[index]
    if (write === undefined) return []
    const isLate = applied.slice(1, index + 1).some(({ row, atMs }, at) => {
      const { leaseUntil, ownerRunId } = applied[at]?.row ?? row
      return ownerRunId === story.runId && row.ownerRunId === ownerRunId && (leaseUntil ?? atMs) < atMs + OFFSET_MS
    })
    return [{ story, work, order: write.order, atMs: write.atMs, isLate }]
  })
}

function endOf(row: Row, { runId }: Story, { attempt }: Work['work']) {
  return row.attempts.find((one) => one.runId === runId && one.number === attempt)?.outcome
}

function hasStarted({ phase, outcome }: Row['attempts'][number]): boolean {
  return phase !== 'waiting' && outcome !== 'notStarted'
}

/** Returns the slot after which the work of an attempt began. Undefined: it did only that of its own. */
export function rangeOf(attempt: object | undefined): number | undefined {
  const { since, searched }: { readonly since?: number; readonly searched?: number } = attempt ?? {}
  return since ?? searched
}

function wordOn(day: number, { writes }: Observed): Write | undefined {
  return writes.get(day)?.find(({ row }) => row.resolutions.some(({ state }) => state === 'COMPLETED'))
}

/** Whether an operator decided after `order` that a slot has failed, or forced it. `runId` does not count. */
export function isReopened(day: number, order: number, { writes }: Observed, runId?: string): boolean {
  const forcedIn = (row: Row | undefined) =>
    row?.attempts.filter((one) => hasStarted(one) && one.trigger.kind === 'forced' && one.runId !== runId).length ?? 0
  return (writes.get(day) ?? []).some((write, at, all) => {
    const before = all[at - 1]?.row
    const isDecided =
      write.row.resolutions.length > (before?.resolutions.length ?? 0) &&
      write.row.resolutions.at(-1)?.state === 'FAILED'
    return write.order > order && (isDecided || forcedIn(write.row) > forcedIn(before))
  })
}

export function checkRanges(observed: Observed, say: Say): void {
  if (!observed.stories.some(({ hasRange }) => hasRange)) return
  const dones = donesOf(observed)
  for (const one of worksOf(observed)) checkOnce(one, dones, observed, say)
  for (const story of observed.stories) checkDuplicate(story, dones, observed, say)
  for (const checked of observed.checks) {
    for (const day of observed.writes.keys()) checkReported(day, checked, dones, observed, say)
  }
}

/** Work that is known as done is done again only if an operator wants it. */
function checkOnce(one: Work, dones: readonly Done[], observed: Observed, say: Say): void {
  const { story, work } = one
  const wants = story.only?.includes('completed') || endedByWord(story, observed) !== undefined
  // A run without the option does only the work of its own slot, and may not know that others had it in their range.
  if (wants || !story.hasRange) return
  const read = story.lists.findLast(({ answered }) => answered < work.order)
  if (read === undefined) {
    say('a run looks back before it starts', story.runId)
    return
  }
  for (let day = 0; day <= story.day; day++) {
    if (!hasDone(day, one)) continue
    const word = wordOn(day, observed)
    const known = dones.find(
      (done) =>
        done.work !== work && done.order < work.order && hasDone(day, done) && !done.isLate && isOnRecord(day, done),
    )
    const order = known?.order ?? (word !== undefined && word.order < read.sent ? word.order : undefined)
    const isOpen = (of: number) => order !== undefined && isReopened(of, order, observed, story.runId)
    if (order === undefined || isOpen(day) || isOpen(story.day)) continue
    if (known !== undefined && looksForcedAfter(story, known, observed)) continue
    const by = known?.story.runId ?? word?.row.ownerRunId
    say('known work is done once', `${story.runId} does slot ${day} again, which ${by} has done`)
  }
}

/** The clocks of two hosts differ, so the last start in the slot may only seem to be later than the success. */
function looksForcedAfter({ day, runId }: Story, { story, work }: Done, { writes }: Observed): boolean {
  const attemptsOf = (of: number) => writes.get(of)?.at(-1)?.row.attempts ?? []
  const last = attemptsOf(day).findLast((one) => hasStarted(one) && one.runId !== runId)
  const success = attemptsOf(story.day).find((one) => one.runId === story.runId && one.number === work.attempt)
  return last !== undefined && success !== undefined && last.startedAt > success.startedAt
}

/** A run that found no success says how far back it has read. The days are shorter than that. */
function isOnRecord(day: number, { story, work }: Done): boolean {
  return day === story.day || work.since !== null || story.hasRange
}

/** A trigger that hears that its work is done can rely on it. */
function checkDuplicate({ runId, day, answer }: Story, dones: readonly Done[], observed: Observed, say: Say): void {
  if (answer?.status !== 'duplicate' || answer.cause !== 'completed') return
  const isDone = dones.some((done) => done.atMs <= answer.atMs && hasDone(day, done))
  const word = wordOn(day, observed)
  if (!isDone && (word === undefined || word.atMs > answer.atMs))
    say('what is called done is done', `${runId} was told so of slot ${day}`)
}

/** A slot that was due and is not done is found, unless a run goes on that has it in its range. What is done is not found. */
function checkReported(
  day: number,
  { atMs, order, found }: Checked,
  dones: readonly Done[],
  observed: Observed,
  say: Say,
): void {
  const { firstMs, everyMs, versions, writes } = observed
  const slot = firstMs + day * everyMs
  const rowOf = (of: number) => writes.get(of)?.findLast((write) => write.order < order)?.row
  const row = rowOf(day)
  const problems = found.filter(({ kind }) => kind === 'missed' || kind === 'failed' || kind === 'stale')
  const isNamed = problems.some((one) => one.day === day)
  const isRunning = [...writes.keys()].some((other) => {
    const by = rowOf(other)
    const isAlive = by?.state === 'PENDING' && (by.leaseUntil ?? 0) + OFFSET_MS >= atMs
    return other > day && isAlive && (rangeOf(by?.attempts.findLast(hasStarted)) ?? slot) < slot
  })
  const done = dones.filter((one) => one.order < order && hasDone(day, one))
  const isDone = done.length > 0 || (wordOn(day, observed)?.order ?? order) < order
  const record = versions.at(-1)?.record
  const [schedule] = record?.schedules ?? []
  const isPlain = record !== undefined && record.pauses.length + record.retirements.length === 0
  const wasDue = schedule !== undefined && record?.schedules.length === 1 && schedule.since <= slot && isPlain
  // The next run has in its range what only gave way.
  const gaveWay = row?.state === 'SKIPPED' && row.resolutions.at(-1)?.by === 'cronledger'
  const isPassed = [...writes.keys()].some((other) => other > day && isCompleted(rowOf(other)))
  const isSkipped = row?.state === 'SKIPPED' && !(gaveWay && isPassed)
  const isOff = isSkipped || isReopened(day, done.at(-1)?.order ?? 0, observed)
  if (wasDue && !isDone && !isSkipped && !isNamed && !isRunning)
    say('what is due and not done is reported', `slot ${day}, whose row is ${row?.state}`)
  const covered = done.find(({ story, work }) => story.day > day && work.since !== null)
  const isStale = row?.attempts.some(({ outcome }) => outcome === 'abandoned')
  // A force that repeats it may have failed.
  const isOwn = done.some(({ story }) => story.day === day) || isCompleted(row)
  if (covered !== undefined && isNamed && !isOff && !isStale && !isOwn)
    say('what is done is not reported', `slot ${day}, which ${covered.story.runId} has done`)
}

function isCompleted(row: Row | undefined): boolean {
  const isSuccess = ({ outcome }: Row['attempts'][number]) => outcome === 'succeeded'
  return row?.attempts.some(isSuccess) === true || row?.resolutions.some(({ state }) => state === 'COMPLETED') === true
}

export function coveredDays(observed: Observed): readonly number[] {
  const dones = donesOf(observed)
  const isOwn = (day: number) => dones.some(({ story }) => story.day === day)
  return [...observed.writes.keys()].filter((day) => !isOwn(day) && dones.some((done) => hasDone(day, done)))
}
