import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { hasStarted, waitMsOf } from '../../core/row/attempts.ts'
import { otherPlace } from '../../core/row/other-place.ts'
import { keptRejections } from '../../core/row/rejections.ts'
import type { AttemptRecord, Host, Instant, Place, Rejection, Row, Trigger } from '../../core/types.ts'
import { endingText, reportedText } from '../../verdict/endings.ts'
import { otherPlaceText } from '../../verdict/sentence.ts'
import { delayText } from '../text.ts'

// The events of a slot. The texts are not yet safe on a terminal.

interface TimelineItem {
  readonly at: Instant
  readonly text: string
}

export interface TimelineEvent extends TimelineItem {
  readonly kind: 'event'
  readonly source: string
  /** The part of the source that a person asks for first: who forced it, or why it has no event time. */
  readonly why: string
  readonly starts?: AttemptRecord
  readonly ends?: AttemptRecord
}

/** Events that are alike. */
interface FoldedEvents extends TimelineItem {
  readonly kind: 'folded'
  readonly until: Instant
  readonly listed: readonly TimelineEvent[]
}

export type TimelineEntry = TimelineEvent | FoldedEvents

/**
 * In order of time. Rejected triggers are one entry if they have the same cause and nothing happened between them, and so are
 * attempts that follow each other and ended alike.
 */
export function slotTimeline(row: Row): readonly TimelineEntry[] {
  const { slot } = row
  const events: readonly (TimelineEntry | Rejection)[] = [
    ...attemptEntries(row.attempts, slot),
    ...keptRejections(row),
    ...row.resolutions.map(({ at, state, by, reason }) =>
      event(at, `resolved as ${state.toLowerCase()} by ${by}: ${reason}`),
    ),
  ].sort((one, other) => one.at - other.at)
  const entries: TimelineEntry[] = []
  let same: readonly Rejection[] = []
  const close = () => {
    if (same.length > 0) entries.push(rejectedEntry(same, row))
    same = []
  }
  for (const event of events) {
    if (event.kind === 'event' || event.kind === 'folded') {
      close()
      entries.push(event)
      continue
    }
    if (same[0] !== undefined && !isAlike(same[0], event, row)) close()
    same = [...same, event]
  }
  close()
  return entries
}

/** The rejections that are only counted came between the first ones and the latest one, so they are told with that one. */
function onlyCounted(same: readonly Rejection[], row: Row): string {
  const count = row.rejections.count - keptRejections(row).length
  const hasLatest = same.at(-1)?.runId === row.rejections.latest?.runId
  return count > 0 && hasLatest ? ` (${count} more are only counted)` : ''
}

export function withSource({ text, source }: Pick<TimelineEvent, 'text' | 'source'>): string {
  return source === '' ? text : `${text} (${source})`
}

function isAlike(one: Rejection, other: Rejection, row: Row): boolean {
  return one.kind === other.kind && one.cause === other.cause && differenceText(one, row) === differenceText(other, row)
}

function differenceText(rejection: Rejection, row: Row): string {
  const other = otherPlace(row, rejection)
  const command = rejection.commandHash === undefined ? '' : ', with another command line'
  return other === null ? command : `${command}: ${otherPlaceText(other)}`
}

function rejectedEntry(same: readonly Rejection[], row: Row): TimelineEntry {
  const listed = same.map((rejection) => rejectionEvent(rejection, row))
  const [first, ...others] = listed
  const last = listed.at(-1)
  const [one] = same
  if (first === undefined || last === undefined || one === undefined) throw new Error('no rejection')
  const more = onlyCounted(same, row)
  if (others.length === 0) return { ...first, text: `${first.text}${more}` }
  const what = one.kind === 'duplicate' ? 'duplicate triggers ignored' : 'triggers refused'
  const hosts = new Set(same.map(({ host }) => host))
  const where = hosts.size === 1 ? ` on host ${one.host}` : ` on ${hosts.size} hosts`
  return {
    kind: 'folded',
    at: first.at,
    until: last.at,
    text: `${same.length} ${what} (${rejectionCause(one)})${where}${differenceText(one, row)}${more}`,
    listed,
  }
}

/** From this many attempts on that ended alike, one line shows them all. */
const FEWEST = 3

function attemptEntries(attempts: readonly AttemptRecord[], slot: Instant): readonly TimelineEntry[] {
  const runs: AttemptRecord[][] = []
  for (const attempt of attempts) {
    const run = runs.at(-1)
    if (run?.[0] !== undefined && endOf(run[0]) === endOf(attempt)) run.push(attempt)
    else runs.push([attempt])
  }
  return runs.flatMap((run): readonly TimelineEntry[] => {
    const listed = run.flatMap((attempt) => attemptEvents(attempt, slot))
    const [first, last] = [listed[0], listed.at(-1)]
    if (run.length < FEWEST || first === undefined || last === undefined) return listed
    const text = `attempts ${run[0]?.number} to ${run.at(-1)?.number} ${endOf(run[0])}`
    return [{ kind: 'folded', at: first.at, until: last.at, text, listed }]
  })
}

/** Returns how an attempt ended. One that runs, or that a person forced, is like no other. */
function endOf(attempt?: AttemptRecord): string {
  if (attempt?.phase !== 'ended' || attempt.trigger.kind === 'forced') return `${attempt?.number}`
  return `${endingText(attempt)}${reportedText(attempt)}`
}

function attemptEvents(attempt: AttemptRecord, slot: Instant): TimelineEvent[] {
  const { number, startedAt, host } = attempt
  const what = hasStarted(attempt) ? 'started' : 'claimed the slot'
  const waitedMs = waitMsOf(attempt)
  const waited = waitedMs === null ? '' : `, after a wait of ${elapsed(waitedMs)},`
  const text = `attempt ${number} ${what} ${delayText(startedAt - slot)}${waited} on host ${host}`
  const start = { ...event(startedAt, text, attempt), starts: attempt }
  if (attempt.phase !== 'ended') return [start]
  const { endedAt, exitCode } = attempt
  const end = endingText(attempt)
  if (endedAt === undefined) return [{ ...start, text: `${text}, and ${end}` }]
  const code = exitCode === 0 && hasStarted(attempt) ? ' (exit code 0)' : ''
  // A clock that was set back must not put the end before the start.
  const at = Math.max(startedAt, endedAt)
  const took = hasStarted(attempt) ? ` after ${elapsed(at - startedAt)}` : ''
  const left =
    attempt.background && `, and its process ${attempt.background.pid} (${attempt.background.command}) went on`
  return [
    start,
    { ...event(at, `attempt ${number} ${end}${code}${took}${reportedText(attempt)}${left ?? ''}`), ends: attempt },
  ]
}

function rejectionEvent(rejection: Rejection, row: Row): TimelineEvent {
  const { at, kind, host } = rejection
  const what = kind === 'duplicate' ? 'duplicate trigger ignored' : 'trigger refused'
  return event(
    at,
    `${what} (${rejectionCause(rejection)}) ${delayText(at - row.slot)} on host ${host}${differenceText(rejection, row)}`,
    rejection,
  )
}

function rejectionCause({ cause }: Rejection): string {
  if (cause === 'survivor') return 'a process of an earlier attempt still runs'
  return cause.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function event(at: Instant, text: string, source?: Source): TimelineEvent {
  const isUsual = source === undefined || isFromEvent(source.trigger)
  return {
    kind: 'event',
    at,
    text,
    source: source === undefined ? '' : sourceText(source),
    why: isUsual ? '' : triggerText(source.trigger),
  }
}

function isFromEvent(trigger: Trigger): boolean {
  return trigger.kind === 'scheduled' && trigger.source !== 'clock' && trigger.source !== 'catch-up'
}

function sourceText({ ecsTask, place, runId, traceId, trigger }: Source): string {
  const words = [
    ecsTask && `ECS task ${ecsTask}`,
    place && fullPlaceText(place),
    `run ${runId}`,
    traceId && `trace ${traceId}`,
    triggerText(trigger),
  ]
  return words.filter(Boolean).join(', ')
}

type Source = Host & Pick<AttemptRecord, 'place' | 'traceId'> & Pick<Rejection, 'runId' | 'trigger'>

/** The region and the cluster of ECS are part of the ARN of the task, and the Pod is the host. */
function fullPlaceText(place: Place): string {
  if (place.kind === 'kubernetes') {
    const { namespace, job, container } = place
    return `${job === undefined ? '' : `Job ${job}, `}namespace ${namespace}${container === undefined ? '' : `, container ${container}`}`
  }
  const { taskDefinition, container, logGroup, logStream } = place
  const log = logGroup === undefined ? '' : `, log ${[logGroup, logStream].filter(Boolean).join(' ')}`
  return `task definition ${taskDefinition}, container ${container}${log}`
}

function triggerText(trigger: Trigger): string {
  if (trigger.kind === 'forced')
    return `forced by ${trigger.by}${trigger.isFresh ? ' without a checkpoint' : ''}: ${trigger.reason}`
  const { source, eventTime } = trigger
  if (source === 'catch-up') return 'caught up by a run of a later slot, because the slot was missed'
  return source === 'clock'
    ? `without an event time, so its start time ${formatInstant(eventTime)} was used`
    : `event time ${formatInstant(eventTime)} from --${source}`
}
