import type { RunEvent } from '../../src/core/event.ts'
import { RERUNNABLE, type Rerunnable } from '../../src/core/row/policy.ts'
import type { Ending } from '../../src/core/types.ts'
import type { Clock } from '../../src/process/clock.ts'
import { ifHalted } from '../../src/run/ask.ts'
import type { LiveAttempt, WorkEnd } from '../../src/run/execute.ts'
import type { LeaseLoss } from '../../src/run/lease.ts'
import { type RunSettings, readSettings } from '../../src/run/settings.ts'
import { readNeeds } from '../../src/run/task/needs.ts'
import { knownRecords, unlessStarting } from '../../src/run/task/task-record.ts'
import { FARGATE } from '../support/aws/ecs.ts'
import type { HostTime } from '../support/simulated/virtual-clock.ts'
import type { HostOptions } from '../support/simulated/world.ts'
import { catchUpBefore } from './catch-up.ts'
import { type Day, HOUR_MS, MINUTE_MS, SECOND_MS } from './day.ts'
import { type Answer, quietStory, type Story } from './observed.ts'

/** Returns the story of one more trigger, in which nothing has happened yet. */
function newStory(index: number, stories: readonly Story[], day: Day) {
  const { int, chance, subject, slots } = day
  const isOfTask = subject !== 'slots'
  const forced = chance(20) && !(day.hasGap && index === 0)
  const known = isOfTask ? slotOf(index, forced, day) : null
  // After a gap, the first slot and one in the gap have run in time.
  const isCalm = day.hasGap && index <= 1 && (known ?? 0) < slots - 1
  const beginMs = beginning(known ?? 0, isCalm, stories, day)
  // As good as at once: between a call and its answer.
  const pauseMs = beginMs + (chance(30) ? int(0, 50) : int(0, 20 * MINUTE_MS))
  const disturbed = (percent: number) => chance(percent) && !isCalm
  const story: Story = {
    ...quietStory(`run-${index}`, known ?? int(0, slots - 1)),
    forced,
    only: forced ? statusesOf(day) : null,
    pause: disturbed(20) ? { fromMs: pauseMs, toMs: pauseMs + int(1, HOUR_MS), suspended: chance(33) } : null,
    crashMs: disturbed(15) ? beginMs + int(0, 20 * MINUTE_MS) : Number.POSITIVE_INFINITY,
    stopMs: disturbed(10) ? beginMs + int(0, 10 * MINUTE_MS) : Number.POSITIVE_INFINITY,
    // This does not ask for a further random number, which would change all days.
    ignoresAfter: forced && day.after !== null && pauseMs % 3 === 1,
    states: {
      ...(isOfTask ? statementOf(index, day) : { owner: null, zone: 'UTC', place: null }),
      refusesChange: isOfTask && pauseMs % 3 === 0,
    },
    catchesUp:
      isOfTask && day.after === null && !forced && !isCalm && chance(day.hasRanges ? 20 : day.hasGap ? 80 : 40)
        ? { spanMs: int(HOUR_MS, 6 * HOUR_MS), graceMs: int(MINUTE_MS, chance(30) ? 90 * MINUTE_MS : 20 * MINUTE_MS) }
        : null,
    // As above.
    hasRange: day.hasRanges && pauseMs % 10 > 0,
  }
  return { story, beginMs, isOfTask, isCalm }
}

/** Sends one more trigger, disturbs its host, and adds its story to `stories`. */
export function sendTrigger(index: number, stories: Story[], day: Day): Promise<unknown> {
  const { at, int, chance } = day
  const { story, beginMs, isOfTask, isCalm } = newStory(index, stories, day)
  const { states, catchesUp, pause, forced } = story
  // Some crash at a step: as a call leaves, or as it is applied.
  let stepsLeft = chance(10) && !isCalm ? int(1, 6) : Number.POSITIVE_INFINITY
  let gone = () => {}
  const isGone = new Promise<void>((resolve) => {
    gone = resolve
  })
  if (Number.isFinite(story.crashMs))
    void at.time
      .clock()
      .wait(story.crashMs - at.time.now())
      .then(gone)
  // A machine that wakes may have no network for some time.
  const isOffline = () => {
    const agoMs = at.time.now() - (pause?.toMs ?? Number.POSITIVE_INFINITY)
    return pause?.suspended === true && pause.toMs % 2 === 0 && agoMs >= 0 && agoMs < 15 * MINUTE_MS
  }
  const time: HostTime = {
    offsetMs: day.offset(),
    ...(story.pause !== null && { [story.pause.suspended ? 'suspend' : 'pause']: story.pause }),
    crashMs: () => story.crashMs,
  }
  const options: HostOptions = {
    day: story.day,
    settings: {
      ...day.settings,
      ...(!forced && day.after),
      // No work reports it.
      expect: 'rows>=1',
      ...(states.owner !== null && { owner: states.owner }),
      ...(states.refusesChange && { strict: true }),
      ...(catchesUp !== null && { catchUpMs: catchesUp.spanMs, graceMs: catchesUp.graceMs }),
      ...(story.hasRange && { sinceLastSuccess: true }),
    },
    schedule: { expression: at.expression, zone: states.zone },
    place: states.place,
    fateOf() {
      stepsLeft -= 1
      if (isCalm) return { kind: 'answered', afterMs: 5 }
      if (isOffline()) return { kind: 'dropped' }
      if (stepsLeft > 0) return day.fate()
      story.crashMs = Math.min(story.crashMs, at.time.now())
      gone()
      return { kind: chance(50) ? 'answerLost' : 'dropped' }
    },
    ...(forced && {
      force: {
        by: 'operator',
        reason: `reason ${index}`,
        ...(story.only && { only: story.only }),
        ...(story.ignoresAfter && { ignoresAfter: true }),
      },
    }),
    ...(isOfTask && { known: unlessStarting(knownRecords(at.time.clock(time))) }),
    watch: day.log.watch(story.runId, story),
    time,
  }
  stories.push(story)
  return Promise.race([tell(story, options, beginMs, stories, day), isGone])
}

function statusesOf({ int, chance }: Day): readonly Rerunnable[] | null {
  if (chance(50)) return null
  return chance(60) ? RERUNNABLE : RERUNNABLE.filter((_, at) => at === int(0, 4) || at === int(0, 4))
}

/** After a gap, most scheduled triggers are of the last slot. The first trigger states the schedule. */
function slotOf(index: number, forced: boolean, { subject, int, chance, slots, hasGap }: Day): number {
  if (hasGap && index === 1 && slots > 2 && chance(50)) return int(1, slots - 2)
  if ((subject === 'waits' || subject === 'ranges') && !hasGap && index < slots && chance(90)) return index
  if (!hasGap) return int(0, slots - 1)
  if (index === 0) return 0
  return !forced && chance(75) ? slots - 1 : int(0, slots - 1)
}

function statementOf(
  index: number,
  { subject, chance, hasGap, hasRanges }: Day,
): Omit<Story['states'], 'refusesChange'> {
  // After a change of the schedule it is unknown which slots of a gap were due.
  const revision = (number: number) => ({
    ...FARGATE.place,
    taskDefinition: `nightly:${number}`,
    logStream: `log/${index}`,
  })
  const place = [revision(1), revision(index), null, 'unknown' as const][index % 4] ?? null
  const owner = chance(50) ? 'team' : `team-${index}`
  return { owner, zone: subject === 'waits' || chance(hasGap || hasRanges ? 95 : 70) ? 'UTC' : 'Asia/Tokyo', place }
}

/** At the slot, some time later, or about when the lease of one that crashed or was paused runs out. */
function beginning(
  slot: number,
  isCalm: boolean,
  earlier: readonly Story[],
  { at, startMs, int, chance, subject, hasGap, slots }: Day,
): number {
  const disturbed = earlier.map(({ crashMs, pause }) => pause?.fromMs ?? crashMs).filter(Number.isFinite)
  const lostMs = disturbed[int(0, 3)]
  // A trigger of a slot in the gap is delivered late, when others catch that slot up.
  const isLate = hasGap && !isCalm
  const earliestMs = subject !== 'slots' ? startMs + (isLate ? slots - 1 : slot) * at.everyMs : startMs
  if (lostMs !== undefined && chance(50))
    return Math.max(earliestMs, lostMs + int(9 * MINUTE_MS, (chance(50) ? 11 : 20) * MINUTE_MS))
  return earliestMs + (chance(isCalm ? 90 : 50) ? int(0, 2 * SECOND_MS) : int(0, (isLate ? 1 : 3) * HOUR_MS))
}

async function tell(story: Story, options: HostOptions, beginMs: number, stories: Story[], day: Day): Promise<void> {
  const { time } = day.at
  await time.clock().wait(beginMs - time.now())
  const stop = new AbortController()
  if (Number.isFinite(story.stopMs)) {
    const clock = time.clock(options.time)
    void clock.wait(story.stopMs - time.now()).then(() => stop.abort({ atMs: clock.monotonicMs() }))
  }
  const { force } = options
  if (force !== undefined) {
    // The operator asks for the force now, or some minutes before its process starts.
    const agoMs = day.chance(50) ? 0 : day.int(0, 10 * MINUTE_MS)
    story.askedMs = time.clock(options.time).now() - agoMs
  }
  const shared = { ...options, stop, ...(force && { force: { ...force, askedAt: story.askedMs } }) }
  try {
    if (story.catchesUp !== null) await catchUpBefore(story, shared, stories, day, tellSlot)
    const settings = day.after === null ? {} : { settings: await withAfter(story, shared, day) }
    await tellSlot(story, { ...shared, ...settings }, day)
  } catch (error) {
    story.answer ??= answerOf(kindOf(error), {}, [], time.now())
  }
}

async function withAfter(
  { day: slot, ignoresAfter }: Story,
  options: HostOptions & { readonly stop: AbortController },
  { at }: Day,
): Promise<RunSettings> {
  const { settings = {}, force, stop } = options
  const request = {
    task: at.task,
    window: { slot: at.slotOfDay(slot), end: null },
    schedule: { expression: at.expression, zone: 'UTC' },
  }
  const io = at.hostIo(options, stop.signal, () => {})
  const needs = readNeeds(request, force && { ignoreAfter: ignoresAfter }, readSettings(settings), io)
  const { after } = await needs.catch(ifHalted({ after: null }))
  return { ...settings, ...(after !== null && { after }) }
}

export async function tellSlot(story: Story, options: HostOptions, day: Day): Promise<unknown> {
  const { time, trigger } = day.at
  const { result, events } = trigger(story.runId, (attempt, clock) => work(attempt, clock, story, day), options)
  try {
    const given = await result
    story.answer = answerOf(given.status, given, events, time.now())
    return given
  } catch (error) {
    story.answer = answerOf(kindOf(error), {}, events, time.now())
    throw error
  }
}

function kindOf(error: unknown): string {
  const { kind } = error as { kind?: string }
  if (kind === undefined) throw error
  return kind
}

async function work(
  attempt: LiveAttempt,
  clock: Clock,
  story: Story,
  { subject, hasGap, hasRanges, at, log, int, chance }: Day,
): Promise<WorkEnd<string>> {
  const { time } = at
  const started = {
    attempt: attempt.number,
    since: attempt.since === null ? null : (attempt.since - at.slotOfDay(0)) / at.everyMs,
    startMs: time.now(),
    endMs: Number.POSITIVE_INFINITY,
    order: log.next(),
    checkpoint: attempt.checkpoint,
    succeeded: false,
  }
  story.works.push(started)
  const name = `${story.runId} ${attempt.number}`
  attempt.keepCheckpoint(() => `${name} ${Math.min(time.now(), started.endMs)}`)
  // The child lives by its machine's time: a paused or killed supervisor does not stop it.
  const child = new AbortController()
  const machine = time.clock(story.pause?.suspended ? { suspend: story.pause } : {})
  const naturalEnd = machine.wait(
    int(1, chance(30) || story.pause !== null ? 2 * HOUR_MS : 10 * MINUTE_MS),
    child.signal,
  )
  const over = naturalEnd.then(() => {
    started.endMs = time.now()
  })
  const stop = () => {
    const { killInMs } = attempt.lost.reason as LeaseLoss
    // Most batches use up the time that they are given.
    const takesMs = chance(50) ? killInMs : int(0, killInMs)
    void clock.wait(takesMs).then(() => child.abort())
  }
  attempt.lost.addEventListener('abort', stop, { once: true })
  await over
  attempt.lost.removeEventListener('abort', stop)
  await clock.wait(0)
  if (child.signal.aborted) return { outcome: 'leaseLost' }
  started.succeeded = chance(subject === 'waits' || hasGap || hasRanges ? 85 : 60)
  return { ...(started.succeeded ? SUCCEEDED : FAILED), report: name }
}

const SUCCEEDED = { outcome: 'succeeded', value: 'done' } as const

const FAILED: Ending & { outcome: 'failed' } = { outcome: 'failed', exitCode: 3 }

function answerOf(status: string, facts: object, events: readonly RunEvent[], atMs: number): Answer {
  const known = facts as { cause?: string; outcome?: string; recorded?: boolean; pause?: { reason: string } }
  const gaveUp = status === 'unreachable' || status === 'denied' || events.some(({ event }) => event === 'withdrawn')
  return {
    atMs,
    status,
    cause: known.cause ?? null,
    outcome: known.outcome ?? null,
    recorded: known.recorded ?? null,
    noted: events.some((event) => 'noted' in event && event.noted),
    withdrawn: gaveUp && !events.some((event) => event.event === 'withdrawn' && !event.certain),
    pausedBy: known.pause?.reason ?? null,
  }
}
