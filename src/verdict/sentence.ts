import { elapsed } from '../core/duration.ts'
import { formatInstant } from '../core/instant.ts'
import {
  attemptCount,
  blockerOf,
  gaveWayTo,
  hasStarted,
  openAttempt,
  processLeftBy,
  successOf,
  waitReasonOf,
} from '../core/row/attempts.ts'
import { decidingAttempt } from '../core/row/decide.ts'
import type { OtherPlace } from '../core/row/other-place.ts'
import type { AttemptRecord, Instant, Key, Resolution, Row, ScheduleSpec, WaitReason } from '../core/types.ts'
import { endingText, reportedText } from './endings.ts'
import type { StepTarget } from './target.ts'

/**
 * It has no first capital and no full stop. Each surface writes the times in its own way. A time with a task is that of a slot
 * of this task. Not yet safe to show.
 */
export type Sentence = readonly (string | { readonly at: Instant; readonly task?: string })[]

export function scheduleText({ expression, zone, anchor }: ScheduleSpec): string {
  return `${expression} (${zone}${anchor === undefined ? '' : `, from ${formatInstant(anchor)}`})`
}

/** Returns how an attempt ended: `attempt 2 on ip-10-0-3-17 failed (exit code 3) after 4m 0s`. */
export function endedText(attempt: AttemptRecord): string {
  const name = `attempt ${attempt.number} on ${attempt.host}`
  if (attempt.phase === 'running') return `${name} stopped reporting`
  if (attempt.phase === 'waiting') return `${name} claimed the slot and never started`
  const took = tookText(attempt)
  const left = processLeftBy(attempt)
  const lived = left === undefined ? '' : `, and its process ${left.pid} lived on`
  return `${name} ${endingText(attempt)}${took === '' ? '' : ` after ${took}`}${reportedText(attempt)}${lived}`
}

function tookText(attempt: AttemptRecord): string {
  const { outcome } = attempt
  if (attempt.phase !== 'ended' || attempt.endedAt === undefined || outcome === 'abandoned' || !hasStarted(attempt))
    return ''
  return elapsed(attempt.endedAt - attempt.startedAt)
}

/** Says how the attempts of a slot in which nothing runs have ended, or what an operator decided since. */
export function lastSentence(row: Row | null): Sentence {
  if (row === null) return []
  const last = row.attempts.at(-1)
  const resolution = row.resolutions.at(-1)
  const ran = decidingAttempt(row)
  if (resolution !== undefined && resolution.afterAttempt >= attemptCount(row))
    return [
      ...(ran === undefined || !hasStarted(ran) ? [] : [`${endedText(ran)}, then `]),
      ...decisionSentence(resolution),
    ]
  if (last === undefined) return ['it has no attempt']
  const blocker = blockerOf(last)
  const other = gaveWayTo(last)
  const why: Sentence =
    blocker !== null
      ? [': it waited for ', ...keySentence(blocker)]
      : other !== undefined
        ? [': it gave way to slot ', { at: other, task: row.task }]
        : []
  // An attempt that never started says nothing about the work.
  return [ran === undefined || ran === last ? endedText(last) : `${endedText(ran)}, then ${endedText(last)}`, ...why]
}

export function keySentence({ task, slot }: Key): Sentence {
  return ['slot ', { at: slot, task }, ` of ${task}`]
}

export function decisionText(state: Resolution['state']): string {
  return state === 'SKIPPED' ? 'skipped it' : `marked it as ${state.toLowerCase()}`
}

export function decisionSentence({ by, state, at, reason }: Resolution): Sentence {
  return [`${by} ${decisionText(state)} at `, { at }, `: ${reason}`]
}

/** Says how the slot completed, which attempt had failed before, and for how long the slot was missed, in milliseconds. */
export function successSentence(row: Row | null, missedMs: number | null): Sentence {
  const success = row === null ? undefined : successOf(row)
  if (row === null || success === undefined) return lastSentence(row)
  const before = row.attempts.findLast((one) => one.number < success.number && hasStarted(one))
  const endedAt = success.phase === 'ended' ? success.endedAt : undefined
  return [
    `attempt ${success.number} on ${success.host} ${before === undefined && missedMs !== null ? `ran ${elapsed(missedMs)} after it was due, and ` : ''}succeeded`,
    ...(endedAt === undefined ? [] : [' at ', { at: endedAt }, ` in ${tookText(success)}`]),
    reportedText(success),
    ...(before === undefined ? [] : [`, after ${endedText(before)}`]),
  ]
}

export function doubtSentence({ doubt }: StepTarget): Sentence {
  if (doubt === undefined) return []
  const until = { at: doubt.until }
  const why: Sentence = doubt.isFirst
    ? ['the first scheduled run is that of ', until]
    : ['the schedule changed between ', { at: doubt.after }, ' and ', until]
  if (doubt.isPlain) return ['was not expected to run: ', ...why, ', and no run is missing']
  return ['may not have been due: ', ...why, ', no run is recorded']
}

export function openName(row: Row | null): string {
  const attempt = row?.attempts.at(-1)
  return attempt === undefined ? 'an attempt' : `attempt ${attempt.number} on ${attempt.host}`
}

const WAIT_TEXTS: Readonly<Record<WaitReason, string>> = {
  slot: 'another slot to end',
  retry: 'the time of its retry',
}

/** Says what an attempt does that has not ended, and how the attempt before it ended. */
export function openSentence(row: Row | null, now?: Instant): Sentence {
  const attempt = row?.attempts.at(-1)
  if (row === null || attempt === undefined) return ['it has no attempt']
  const before = row.attempts.at(-2)
  const earlier = before === undefined ? '' : `${endedText(before)}, then `
  const isWaiting = attempt.phase === 'waiting'
  const blocker = blockerOf(attempt)
  const reason = waitReasonOf(row)
  const awaited: Sentence =
    blocker !== null ? [' for ', ...keySentence(blocker)] : reason === null ? [] : [` for ${WAIT_TEXTS[reason]}`]
  const ran = now === undefined ? '' : ` (${elapsed(now - attempt.startedAt)})`
  const does = isWaiting ? 'waiting' : 'running'
  return [
    `${earlier}${openName(row)} has been ${does} since `,
    { at: attempt.startedAt },
    ...(isWaiting ? awaited : [ran]),
  ]
}

export function staleSentence(row: Row | null): Sentence {
  if (row?.state !== 'PENDING') return lastSentence(row)
  const [before, last] = [row.attempts.at(-2), openAttempt(row)]
  const earlier = before === undefined || last.phase !== 'waiting' ? '' : `${endedText(before)}, then `
  return [`${earlier}${endedText(last)}: its lease ended at `, { at: row.leaseUntil }]
}

export function repeatedSentence(row: Row | null): Sentence {
  const last = row?.attempts.at(-1)
  if (row === null || last === undefined) return []
  const success = successOf(row)
  const resolution = row.resolutions.findLast(({ state }) => state === 'COMPLETED')
  const first: Sentence =
    success !== undefined ? [`attempt ${success.number} completed it`] : resolution ? decisionSentence(resolution) : []
  return [...first, `, then ${endedText(last)}`]
}

const NAMES: Readonly<Record<OtherPlace['what'], string>> = {
  account: 'AWS account',
  cluster: 'ECS cluster',
  clusterId: 'Kubernetes cluster',
  namespace: 'namespace',
  family: 'task definition family',
  cronJob: 'CronJob',
}

/** What it means that a duplicate had another command line than the attempt. */
export const OTHER_COMMAND =
  'Either two batches have this name, and the other one did not run, or an argument changes from run to run.'

/** Such as `the attempt is of AWS account 1, and this trigger of AWS account 2`. */
export function otherPlaceText({ what, winner, trigger }: OtherPlace, ofTrigger = 'this trigger'): string {
  return `the attempt is of ${NAMES[what]} ${winner}, and ${ofTrigger} of ${NAMES[what]} ${trigger}`
}
