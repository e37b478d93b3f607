import { elapsed } from '../../core/duration.ts'
import type { EventOf, RunContext, RunEvent } from '../../core/event.ts'
import { formatInstant } from '../../core/instant.ts'
import { isUndecided } from '../../core/row/decide.ts'
import type { OverlapLock } from '../../core/row/overlap-lock.ts'
import { DEFAULT_SKEW_MS, MAX_ATTEMPTS } from '../../core/row/policy.ts'
import { type Later, NOTHING_LATER } from '../../core/row/range.ts'
import { readableRow } from '../../core/row/status.ts'
import { parseRules } from '../../core/task/rules.ts'
import { endsAfter } from '../../core/task/suspensions.ts'
import type { Instant, StoredRow } from '../../core/types.ts'
import { cronledger, scheduleFlags } from '../command.ts'
import { factsOf, type TaskFacts } from '../found.ts'
import { judge } from '../judge.ts'
import { endedText, otherPlaceText, type Sentence, scheduleText } from '../sentence.ts'
import { neededSteps, rerunStep, resolveStep, type Step, showStep } from '../steps.ts'
import { targetOf } from '../target.ts'
import { type EventVerdict, missingSentence, type Verdict, verdictOf, verdictOfUpstream } from '../verdict.ts'
import { acceptStep, endStep, forceStep, switchStep, unusableSteps } from './event-steps.ts'
import { endedAttempt, unansweredSteps, unrecordedText, verdictOfUnrecorded } from './unrecorded.ts'

// What is said after an event of a run. It is the verdict on the slot, with what only the run knows.

const SAID = ['duplicate', 'refused', 'ended', 'skipped', 'paused', 'withdrawn', 'stopped', 'unusable'] as const

/** An event that ends an attempt or a trigger. The others say nothing new of their slot. */
export type SaidEvent = EventOf<(typeof SAID)[number]>

export function isSaid(event: RunEvent): event is SaidEvent {
  return SAID.some((name) => name === event.event)
}

export function verdictOfEvent(event: SaidEvent, context: RunContext, now: Instant): EventVerdict {
  switch (event.event) {
    case 'duplicate':
      return verdictOfRow(event.row, context, now, laterOfEvent(event))
    case 'refused':
      return verdictOfRefusal(event, context, now)
    case 'ended':
      return event.finish === 'recorded'
        ? verdictOfEnd(event, context, now)
        : verdictOfUnrecorded(event, event.finish, context)
    case 'skipped':
    case 'paused':
      return verdictOfGivingWay(event, context, now)
    case 'withdrawn':
      return verdictOfWithdrawal(event, context)
    case 'stopped':
      return {
        ...NOTHING_STARTED,
        happened: ['a signal stopped this run before it recorded anything'],
        steps: [forceStep('run it now', context)],
      }
    case 'unusable':
      if (event.isDamagedRow) {
        const row = { task: context.task, slot: context.window.slot, damage: event.detail }
        return verdictOfRow(row, context, now)
      }
      return { ...NOTHING_STARTED, happened: [event.detail], steps: unusableSteps(context) }
  }
}

/** The run never read the slot, so an earlier attempt may have done its work. */
const RUNNING_CAUTION = 'Wait until it ends. If its process is gone, the slot can be run again when it is stale.'

const NOTHING_STARTED = {
  work: 'unknown',
  workText: 'this run started nothing',
  nextTrigger: 'starts',
  caution: null,
  attempts: 0,
} as const

function verdictOfRow(row: StoredRow | null, context: RunContext, now: Instant, later: Later = NOTHING_LATER): Verdict {
  const { guards, trigger, maxAttempts, task, window, expect } = context
  const { slot } = window
  const of: TaskFacts = {
    ...factsOf(task, undefined, now),
    times: {
      // A trigger has come for the slot, so it is not missed.
      graceMs: Number.POSITIVE_INFINITY,
      lateAfterMs: null,
      doneByMs: null,
      skewMs: guards.skewMs ?? DEFAULT_SKEW_MS,
    },
    // A run does not read the slots before its own, so it does not know what is usual.
    rules: expect === undefined ? null : { since: slot, rules: parseRules(expect) },
    // The option of a rerun is not that of the scheduled triggers.
    ...(trigger.kind === 'scheduled' && { maxAttempts }),
  }
  return verdictOf(judge({ slot, row, later }, of), targetOf(context, row))
}

function laterOfEvent({ by, cause }: EventOf<'duplicate' | 'refused'>): Later {
  if (by === undefined) return NOTHING_LATER
  const covering = cause === 'completed' ? 'done' : cause === 'running' ? 'running' : null
  return {
    ...NOTHING_LATER,
    done: covering === 'running' ? null : by,
    covering: covering && { kind: covering, by },
  }
}

function verdictOfRefusal(event: EventOf<'refused'>, context: RunContext, now: Instant): EventVerdict {
  const { cause, row } = event
  if (event.by !== undefined) return verdictOfRow(row, context, now, laterOfEvent(event))
  // Right after the end of its own attempt, no later slot can have done the work yet.
  const ofRow = verdictOfRow(row, context, now)
  const { only } = context.guards
  const meant = only === undefined ? '' : `this run is only for a slot that is ${only.join(' or ')}, and `
  switch (cause) {
    case 'running':
      return { ...ofRow, caution: ofRow.caution ?? RUNNING_CAUTION }
    case 'newerRow':
      return ofRow
    case 'stale':
    case 'failed':
      return { ...ofRow, happened: [meant, ...ofRow.happened] }
    case 'completed':
    case 'skipped':
      return { ...ofRow, happened: [meant, ...ofRow.happened], steps: allSteps(ofRow) }
    case 'newerAttempt':
      return { ...ofRow, happened: ['since you asked for this run, ', ...ofRow.happened], steps: allSteps(ofRow) }
    case 'noRow':
      return {
        ...ofRow,
        happened: [`${meant}nothing is recorded for this slot. It was missed, or its record expired or was deleted`],
        // With the statuses of this run, it would be refused again.
        steps: [rerunStep('run it anyway', { ...targetOf(context, row), only: undefined })],
      }
    case 'survivor':
      return verdictOfSurvivor(event, ofRow, context)
    case 'blocked':
      return verdictOfBlocked(event, ofRow, context, now)
    case 'overlap':
      return verdictOfOverlap(event, ofRow, context)
    default:
      return { ...ofRow, nextTrigger: 'refused', ...refusedFor(cause, event, ofRow, context, now) }
  }
}

type OtherCause =
  | 'tooManyAttempts'
  | 'tooLate'
  | 'scheduleMismatch'
  | 'newerTaskRecord'
  | 'scheduleChanged'
  | 'otherAccount'
  | 'rangeUnknown'

function refusedFor(
  cause: OtherCause,
  { row, inForce, otherPlace }: EventOf<'refused'>,
  ofRow: Verdict,
  context: RunContext,
  now: Instant,
): Pick<EventVerdict, 'happened' | 'steps'> & Partial<Pick<EventVerdict, 'caution'>> {
  const { schedule, trigger, window } = context
  const target = targetOf(context, row)
  switch (cause) {
    case 'tooManyAttempts':
      return {
        happened: [`the slot already has ${MAX_ATTEMPTS} attempts, and it cannot have more`],
        steps: ofRow.steps.filter(({ kind }) => kind !== 'run'),
      }
    case 'tooLate':
      return {
        happened: [
          `the trigger arrived ${elapsed(now - window.slot)} after the scheduled time, later than its maximum lateness allows`,
        ],
        steps: [rerunStep('run it anyway', target), resolveStep('or mark it as skipped', target, 'skipped')],
      }
    case 'scheduleMismatch': {
      const at = trigger.kind === 'scheduled' ? trigger.eventTime : window.slot
      const command = cronledger('explain', { ...scheduleFlags(schedule), at: formatInstant(at) })
      return {
        happened: ['the event time ', { at }, ` does not match the schedule ${scheduleText(schedule)}`],
        steps: [{ kind: 'other', what: 'compare with the scheduler', command }],
      }
    }
    case 'newerTaskRecord':
      return {
        happened: [
          'a newer version of cronledger wrote the record of this task, so it is unknown whether the task is paused. Update cronledger on this host or in this image',
        ],
        steps: [rerunStep('after the update', target)],
      }
    case 'scheduleChanged': {
      const before = inForce ?? schedule
      return {
        happened: [
          `the schedule of this task changed from ${scheduleText(before)} to ${scheduleText(schedule)}, and --strict is set. If the change is wanted, accept the new schedule. If not, set the old one again`,
        ],
        steps: [
          switchStep('see whether slots would run twice or never', context),
          acceptStep('accept the new schedule', context),
          resolveStep('or mark this slot as skipped', target, 'skipped'),
        ],
      }
    }
    case 'otherAccount':
      return {
        happened: [...ofRow.happened, otherPlace ? `, but ${otherPlaceText(otherPlace)}, and --strict is set` : ''],
        steps: [],
        caution:
          'Two batches have this name, and that of this account did not run. Give each a name of its own, such as prod/NAME. If both start one batch on purpose, leave out --strict.',
      }
    case 'rangeUnknown':
      return {
        happened: [
          'not all later records of this task can be read, so it is not known whether a later run has done its work',
        ],
        steps: [rerunStep('run it, if no later run did its work', target)],
      }
  }
}

function verdictOfSurvivor({ survivor }: EventOf<'refused'>, ofRow: Verdict, context: RunContext): EventVerdict {
  const still = `, and its process ${survivor?.pid} (${survivor?.command}) still runs on this host`
  return {
    ...ofRow,
    happened: [...ofRow.happened, still],
    work: 'running',
    workText: 'still going on',
    nextTrigger: 'refused',
    caution:
      'Nothing starts on this host until it has ended. Its work may be done then: look at its log and at the data before you run the slot again.',
    steps: [...endStep(survivor, context), ...ofRow.steps],
  }
}

/** The slots that it comes after (`--after`) are not done, or not known. */
function verdictOfBlocked(
  { row, missing, unknown }: EventOf<'refused'>,
  ofRow: Verdict,
  context: RunContext,
  now: Instant,
): EventVerdict {
  const then = rerunStep('then run this slot', targetOf(context, row))
  if (unknown !== undefined) {
    // A first deployment in the wrong order, or a wrong name.
    const command = cronledger('declare', { store: context.store, task: unknown.task ?? 'NAME', schedule: 'EXPR' })
    const declare: Step = { kind: 'other', what: 'record it, if the name is right', command }
    return { ...ofRow, happened: [unknown.problem], steps: [declare, then] }
  }
  if (missing === undefined) return ofRow
  const upstream = verdictOfUpstream(missing, context, now)
  return {
    ...ofRow,
    happened: missingSentence(missing, upstream),
    caution: upstream.caution ?? ofRow.caution,
    steps: [...allSteps(upstream), then],
  }
}

function verdictOfOverlap({ row, holder }: EventOf<'refused'>, ofRow: Verdict, context: RunContext): EventVerdict {
  const target = targetOf(context, row)
  const claimed = readableRow(row)
  const earlier = claimed !== null && isUndecided(claimed)
  return {
    ...ofRow,
    happened: [...holderSentence(holder), ...(earlier ? ['. Earlier, ', ...ofRow.happened] : [])],
    steps: [
      ...(holder ? [showStep('see whether the other slot has ended', { ...target, slot: holder.slot })] : []),
      ...(earlier ? ofRow.steps : [rerunStep('then run this slot', target)]),
    ],
  }
}

/** Returns the optional steps if none is needed, because an operator asked for a run of this slot. */
function allSteps({ steps }: Verdict): readonly Step[] {
  return neededSteps(steps).length > 0 ? steps : steps.map(({ isOptional, ...step }) => step)
}

/** We must not say that the other slot is running, because its run may be waiting for its next attempt. */
export function holderSentence(holder: OverlapLock | undefined): Sentence {
  const other = 'another slot of this task has not ended yet'
  return holder === undefined ? [other] : [`${other} (`, { at: holder.slot }, `, run ${holder.runId})`]
}

function verdictOfEnd(event: EventOf<'ended'>, context: RunContext, now: Instant): EventVerdict {
  const { row, ending, detail, retries } = event
  const verdict = verdictOfRow(row, context, now)
  // The verdict says itself which process was left.
  const why = detail === undefined || ending.process !== undefined ? [] : [`: ${detail}`]
  // The log says next when the other attempt starts, and there is nothing to decide before that.
  if (retries) return { ...verdict, happened: [endedText(endedAttempt(event)), ...why], steps: [] }
  return { ...verdict, happened: [...verdict.happened, ...why] }
}

/** The claimed slot was given up, because another slot runs or the task is paused. */
function verdictOfGivingWay(event: EventOf<'skipped' | 'paused'>, context: RunContext, now: Instant): EventVerdict {
  const { finish, finishCause, row } = event
  const { runId, store, task } = context
  const verdict = verdictOfRow(row, context, now)
  const target = targetOf(context, row)
  const unrecorded = finish === 'recorded' ? '' : `. The skip ${unrecordedText(finish, finishCause)}`
  const steps = finish === 'unanswered' ? unansweredSteps(target, runId, false) : allSteps(verdict)
  if (event.event === 'skipped') return { ...verdict, happened: [...holderSentence(event.holder), unrecorded], steps }
  const { pause, isKept } = event
  const until: Sentence = pause.until === null ? [] : [' until ', { at: pause.until }]
  const state: Sentence = isKept ? ['. The slot is not skipped: ', ...verdict.happened] : [unrecorded]
  const resume: Step = { kind: 'other', what: 'end the pause', command: cronledger('resume', { store, task }) }
  return {
    ...verdict,
    happened: [`${pause.by} paused the task`, ...until, `: ${pause.reason}`, ...state],
    steps: [...(endsAfter(pause, now) ? [resume] : []), ...steps],
  }
}

function verdictOfWithdrawal({ certain, detail }: EventOf<'withdrawn'>, context: RunContext): EventVerdict {
  const { trigger, runId } = context
  const target = targetOf(context)
  // A force may leave a slot in which scheduled triggers start nothing.
  const free = trigger.kind === 'forced' ? [] : ['The slot is free for the next trigger']
  const state = certain ? free : [`The slot may show run ${runId} as running until its lease ends`]
  return {
    ...NOTHING_STARTED,
    happened: [[detail.replace(/\.$/, ''), ...state].join('. ')],
    nextTrigger: certain && trigger.kind === 'scheduled' ? 'starts' : 'depends',
    steps: certain
      ? [forceStep('run it now', context)]
      : [showStep('see what is recorded', target), rerunStep('then run this slot', target)],
  }
}
