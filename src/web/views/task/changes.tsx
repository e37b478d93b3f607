import type { Child } from 'hono/jsx'
import { formatDuration } from '../../../core/duration.ts'
import type { Suspension } from '../../../core/task/task-record.ts'
import type { Instant } from '../../../core/types.ts'
import { confirmationText, isCancelled } from '../../../format/task/declaration.ts'
import { counted, printable } from '../../../format/text.ts'
import { scheduleText } from '../../../verdict/sentence.ts'
import { Time, type WallClock } from '../frame/time.tsx'
import type { ScheduleChange, TaskHead } from './head.tsx'

/** How many changes are always shown. The others are folded. */
const SHOWN = 8

/** A change of a task, at the time when it was decided or took effect. */
interface Change {
  readonly at: Instant
  readonly text: Child
}

/** The schedules, pauses, retirements and expectations of a task as one timeline, newest first. */
export function Changes({ head: { schedules, suspensions, expectations, clock } }: { readonly head: TaskHead }) {
  const changes: Change[] = [
    ...schedules.map((change) => ({ at: change.since, text: <ScheduleText change={change} /> })),
    ...(expectations === null
      ? []
      : [{ at: expectations.since, text: <ExpectationsText expectations={expectations} /> }]),
    ...suspensions.pauses.flatMap((pause) => suspensionChanges('pause', pause, clock)),
    ...suspensions.retirements.flatMap((retirement) => suspensionChanges('retirement', retirement, clock)),
  ]
  if (changes.length === 0) return <p class="empty">No schedule, pause or expectation is recorded.</p>
  // Changes of the same time keep their order, so the end of a pause comes after its begin.
  const newest = changes.toSorted((one, other) => one.at - other.at).reverse()
  const earlier = newest.slice(SHOWN)
  return (
    <>
      <ChangeList changes={newest.slice(0, SHOWN)} clock={clock} />
      {earlier.length > 0 && (
        <details>
          <summary>{counted(earlier.length, 'earlier change')}</summary>
          <ChangeList changes={earlier} clock={clock} />
        </details>
      )}
    </>
  )
}

function ChangeList({ changes, clock }: { readonly changes: readonly Change[]; readonly clock: WallClock }) {
  return (
    <ol class="changes" reversed>
      {changes.map(({ at, text }) => (
        <li>
          <Time at={at} clock={clock} /> <span>{text}</span>
        </li>
      ))}
    </ol>
  )
}

function ScheduleText({ change }: { readonly change: ScheduleChange }) {
  const { spec, words } = change
  const state = confirmationText(change)
  return (
    <>
      <strong>Schedule</strong> <code>{printable(scheduleText(spec))}</code>
      {words !== null && <span class="quiet"> {printable(words)}</span>}
      {state !== null && ` (${state})`}
    </>
  )
}

function ExpectationsText({ expectations }: { readonly expectations: NonNullable<TaskHead['expectations']> }) {
  const { graceMs, lateAfterMs, doneByMs, after, afterTimeoutMs, expect, owner, overlap, skewMs, sinceLastSuccess } =
    expectations
  const texts = [
    graceMs !== undefined && `missed if no run is recorded ${formatDuration(graceMs)} after the slot`,
    lateAfterMs !== undefined && `late if it starts more than ${formatDuration(lateAfterMs)} after the slot`,
    doneByMs !== undefined && `overdue if it has not completed ${formatDuration(doneByMs)} after the slot`,
    after !== undefined && `starts after: ${after.join(', ')}`,
    afterTimeoutMs !== undefined && `waits ${formatDuration(afterTimeoutMs)} for them`,
    sinceLastSuccess && 'goes on from the last success',
    expect !== undefined && `unusual unless ${expect}`,
    owner !== undefined && `owner: ${owner}`,
    overlap !== undefined && `while another slot is running: ${overlap}`,
    skewMs !== undefined && `clocks may differ by ${formatDuration(skewMs)}`,
  ]
  return (
    <>
      <strong>Expectations</strong> {printable(texts.filter(Boolean).join(' · '))}
    </>
  )
}

function suspensionChanges(name: 'pause' | 'retirement', suspension: Suspension, clock: WallClock): readonly Change[] {
  const { at, from, until, by, reason, ended } = suspension
  const begin = (
    <>
      <strong>{name === 'pause' ? 'Paused' : 'Retired'}</strong>
      {Math.abs(from - at) >= 1_000 && (
        <>
          {from > at && ' (planned)'} from <Time at={from} clock={clock} />
        </>
      )}
      {until !== null && ended === undefined && (
        <>
          {' '}
          until <Time at={until} clock={clock} />
        </>
      )}{' '}
      by {printable(by)}: {printable(reason)}
    </>
  )
  if (ended === undefined) return [{ at, text: begin }]
  const what = isCancelled(suspension) ? `Planned ${name} cancelled` : name === 'pause' ? 'Resumed' : 'Retirement ended'
  const end = (
    <>
      <strong>{what}</strong> by {printable(ended.by)}: {printable(ended.reason)}
    </>
  )
  return [
    { at, text: begin },
    { at: ended.at, text: end },
  ]
}
