import type { Row } from '../../src/core/types.ts'
import { checkAfter } from './checks/after.ts'
import { checkCatchUp } from './checks/catch-up.ts'
import { checkForces, checkNaming, endedByWord, isNamed } from './checks/forces.ts'
import { checkRanges } from './checks/ranges.ts'
import { checkRecord } from './checks/record.ts'
import { checkSaid } from './checks/said.ts'
import { checkScheduleChange } from './checks/schedule-change.ts'
import { TIMES } from './day.ts'
import type { Observed, Story, Write } from './observed.ts'

// The promises that must hold for everything that was observed. It shares nothing with the rules: it knows true times, what the
// children did, and what the ledger applied.
/** A supervisor that wakes asks the ledger for at most 5 s, and its child has then as long as after any stop. */
const AFTER_PAUSE_MS = 5_000 + TIMES.killAfterMs
/** One whose machine was suspended asks with its next heartbeat. */
const AFTER_SUSPEND_MS = TIMES.heartbeatMs + AFTER_PAUSE_MS

interface Work {
  readonly story: Story
  readonly startMs: number
  readonly endMs: number
}

export function brokenPromises(observed: Observed): string[] {
  const broken: string[] = []
  const say = (promise: string, text: string) => broken.push(`${promise}: ${text}`)
  const { settings, stories, writes } = observed
  const works: Work[] = stories.flatMap((story) => story.works.map((work) => ({ ...work, story })))
  const alone = settings.overlap !== 'allow'
  const goesOn = settings.maxAttempts === 1 && !alone

  for (const story of stories) checkAnswer(story, observed, say)
  checkRecord(observed, say)
  checkForces(observed, say)
  checkNaming(observed, say)
  checkCatchUp(observed, say)
  checkRanges(observed, say)
  checkScheduleChange(observed, say)
  checkSaid(observed, say)
  checkAfter(observed, say)
  if (observed.after !== null) broken.push(...brokenPromises(observed.after.upstream))

  for (const first of works) {
    for (const second of works) {
      const together = alone || first.story.day === second.story.day
      if (!together || first === second || first.startMs > second.startMs || first.endMs <= second.startMs) continue
      const excused =
        isExcused(first.story, second.story, second.startMs, Math.min(first.endMs, second.endMs), observed) ||
        // With one attempt it goes on through an outage, and an operator may force the slot during that time.
        (goesOn && second.story.forced)
      if (!excused) say('one at a time', `${first.story.runId} and ${second.story.runId} ran at the same time`)
    }
    const { story, startMs, endMs } = first
    const own = (writes.get(story.day) ?? []).findLast(
      ({ atMs, row }, at, all) =>
        row.ownerRunId === story.runId && atMs <= endMs && isSignOfLife(row, all[at - 1]?.row),
    )
    const disturbed = story.crashMs <= endMs || (story.pause !== null && story.pause.fromMs <= endMs)
    if (
      !goesOn &&
      !disturbed &&
      own !== undefined &&
      endMs > Math.max(startMs, own.atMs + TIMES.leaseMs - TIMES.skewMs)
    ) {
      say('stopped in time', `${story.runId} ran ${endMs - own.atMs} ms after its last sign of life`)
    }
  }

  for (const [day, applied] of writes) checkSlot(day, applied, works, observed, say)
  return broken
}

function checkSlot(day: number, applied: readonly Write[], works: readonly Work[], observed: Observed, say: Say): void {
  const { settings, stories, finals, words } = observed
  const hasRanges = stories.some((story) => story.hasRange)
  for (const [index, write] of applied.entries()) checkWrite(write, applied[index - 1], observed, say)
  const scheduled = works.filter(({ story }) => story.day === day && !story.forced)
  const done = applied.find(
    ({ row }) =>
      row.attempts.some(({ outcome }) => outcome === 'succeeded') ||
      // With ranges, a slot that only gave way to another counts as having no row.
      row.resolutions.some(({ state, by }) => state !== 'FAILED' && !(hasRanges && by === 'cronledger')),
  )
  for (const { story, startMs } of scheduled) {
    const isNamed = endedByWord(story, observed) !== undefined
    if (done !== undefined && startMs > done.atMs && !isNamed) {
      say('nothing after completion', `${story.runId} started after the slot was done`)
    }
  }
  if (scheduled.length > (settings.maxAttempts ?? 1)) {
    say('attempts are limited', `${scheduled.length} attempts of scheduled triggers`)
  }
  checkAttempts(
    works.filter(({ story }) => story.day === day),
    observed,
    say,
  )
  const told = stories.filter((story) => story.day === day)
  const rejected = told.filter(({ answer }) => answer?.status === 'duplicate' || answer?.status === 'refused')
  const mayRun = told.some(({ only }) => only === null)
  const isResolved = finals.get(day)?.resolutions.some(({ reason }) => reason.startsWith('word-'))
  const isChanged = told.some(({ answer }) => answer?.cause === 'scheduleChanged')
  const isBlocked = told.some(({ answer }) => answer?.cause === 'blocked')
  if (
    mayRun &&
    rejected.length === told.length &&
    !isResolved &&
    !isChanged &&
    !isBlocked &&
    settings.overlap === 'allow'
  ) {
    say('the run happens', 'every trigger was rejected')
  }
  const final = finals.get(day)
  for (const { runId } of words.filter((word) => word.day === day)) {
    if (!final?.resolutions.some(({ reason }) => reason === runId)) say('nothing is lost', `${runId} is gone`)
  }
  const entries = final?.rejections.first ?? []
  if (new Set(entries.map(({ runId }) => runId)).size !== entries.length) say('counted once', 'a rejection twice')
}

/** Forced attempts count, too. One that an operator called ended before it began may begin after the next one. */
function checkAttempts(works: readonly Work[], observed: Observed, say: Say): void {
  const limit = observed.settings.maxAttempts ?? 1
  for (const { story, startMs } of works.filter((work) => !work.story.forced)) {
    if (endedByWord(story, observed) !== undefined) continue
    const earlier = works.filter((other) => other.startMs < startMs)
    if (earlier.length >= limit)
      say('attempts are limited', `${story.runId} made attempt ${earlier.length + 1} of ${limit}`)
  }
}

/** A claim of another run that is withdrawn leaves the row as it was, with a new version: its owner wrote nothing. */
function isSignOfLife(row: Row, before: Row | undefined): boolean {
  return row.leaseUntil === null || row.leaseUntil !== before?.leaseUntil || row.ownerRunId !== before.ownerRunId
}

type Say = (promise: string, text: string) => void

function checkAnswer(
  { runId, day, answer, crashMs, pause, works }: Story,
  { finals, words }: Observed,
  say: Say,
): void {
  const final = finals.get(day)
  const onRecord = final?.attempts.filter((attempt) => attempt.runId === runId) ?? []
  const open = onRecord.filter(({ outcome }) => outcome !== 'notStarted')
  const started = open.filter(({ phase }) => phase !== 'waiting')
  if (works.length > onRecord.length) say('every start is on record', `${runId} started ${works.length} times`)
  if (answer === null) {
    if (!Number.isFinite(crashMs)) say('one answer', `${runId} gave none`)
    return
  }
  const { status, cause, outcome, recorded, noted, withdrawn } = answer
  const says = (text: string) => say('the answer is true', `${runId} answered ${status}${outcome ?? ''}, ${text}`)
  if (status === 'completed' && works.length === 0) says('and started nothing')
  if (status === 'completed' && onRecord.at(-1)?.outcome !== 'succeeded')
    says(`the ledger: ${onRecord.at(-1)?.outcome}`)
  const gaveWay = status === 'skipped' || status === 'paused' || status === 'taken'
  const rejected = status === 'duplicate' || status === 'refused'
  if ((rejected || gaveWay || status === 'unreachable' || status === 'denied') && works.length > 0) says('and ran')
  // Paused between its claim and its start for longer than its lease: another run closed it, and it found that run.
  const owned = started.filter(({ outcome }) => pause === null || outcome !== 'abandoned')
  // It was refused after its claim, and the ledger did not answer when it gave the slot back. Its answer says that.
  const keptClaim = cause === 'scheduleChanged' && !noted
  if (rejected && !keptClaim && owned.length > 0 && words.length === 0) says('and owned the slot')
  if (status === 'skipped' && recorded && !final?.resolutions.some(({ state }) => state === 'SKIPPED')) {
    says('and that is not on record')
  }
  if (status === 'failed' && recorded && !onRecord.some((attempt) => attempt.outcome === outcome)) {
    says(`the ledger: ${onRecord.map((attempt) => attempt.outcome)}`)
  }
  // Where it had landed, and this host was paused past its lease, another run may have closed it as abandoned.
  if (withdrawn && open.some(({ outcome }) => outcome !== 'abandoned'))
    says('nothing of its claim was to be left, and it is in the ledger')
  if (noted && !final?.rejections.first.some((rejection) => rejection.runId === runId)) {
    say('nothing is lost', `the rejection of ${runId} is gone`)
  }
}

function checkWrite({ row }: Write, previous: Write | undefined, observed: Observed, say: Say): void {
  if (row.attempts.some(({ number }, at) => number !== at + 1)) say('numbers rise by one', `in version ${row.version}`)
  if (previous === undefined) return
  const before = previous.row
  if (row.version !== before.version + 1) say('every write is fenced', `version ${before.version}, then ${row.version}`)
  if (row.attempts.length > before.attempts.length + 1) say('numbers rise by one', 'two new attempts in a write')
  for (const [at, attempt] of before.attempts.entries()) {
    const after = row.attempts[at]
    if (after?.runId !== attempt.runId) say('nothing is lost', `attempt ${at + 1} of ${attempt.runId} is gone`)
    if (attempt.outcome !== undefined && after?.outcome !== attempt.outcome) {
      say('nothing is lost', `attempt ${at + 1} was ${attempt.outcome}, and became ${after?.outcome}`)
    }
  }
  if (row.resolutions.length < before.resolutions.length) say('nothing is lost', 'a resolution is gone')
  if (before.state === 'PENDING' && row.ownerRunId !== before.ownerRunId) {
    if (row.attempts.length > before.attempts.length && row.attempts.at(-1)?.outcome === 'notStarted') {
      say('a withdrawal disturbs nothing', `${row.ownerRunId} never started, and took over from ${before.ownerRunId}`)
    }
    const added = row.attempts.length > before.attempts.length
    const actedAt = added ? row.attempts.at(-1)?.startedAt : row.resolutions.at(-1)?.at
    if ((actedAt ?? 0) <= (before.leaseUntil ?? 0) + TIMES.skewMs && !isNamed(row, before, observed)) {
      say('a lease is trusted with the skew', `${row.ownerRunId} took over from ${before.ownerRunId} too early`)
    }
  }
}

/** Two may run only while a supervisor is paused (and soon after), gone, or wrongly called ended. */
function isExcused(first: Story, second: Story, startMs: number, endMs: number, observed: Observed): boolean {
  const own = absences(first, observed)
  const atStart = own.find(({ fromMs, toMs }) => fromMs <= startMs && startMs < toMs)
  if (atStart === undefined) return false
  const both = [...own, ...absences(second, observed)]
  let coveredMs = atStart.toMs
  for (;;) {
    if (coveredMs >= endMs) return true
    const next = both.find(({ fromMs, toMs }) => fromMs <= coveredMs && coveredMs < toMs)
    if (next === undefined) return false
    coveredMs = next.toMs
  }
}

function absences(story: Story, observed: Observed): { readonly fromMs: number; readonly toMs: number }[] {
  const { pause, crashMs } = story
  const gone = { fromMs: crashMs, toMs: Number.POSITIVE_INFINITY }
  const afterMs = pause?.suspended ? AFTER_SUSPEND_MS : AFTER_PAUSE_MS
  const paused = pause === null ? [] : [{ fromMs: pause.fromMs, toMs: pause.toMs + afterMs }]
  const ended = endedByWord(story, observed)
  return [...paused, ...(ended === undefined ? [] : [ended]), ...(Number.isFinite(crashMs) ? [gone] : [])]
}
