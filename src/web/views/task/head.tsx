import { elapsed } from '../../../core/duration.ts'
import { expectationsText } from '../../../core/task/record-changes.ts'
import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import type { ScheduleSince, TaskRecord } from '../../../core/task/task-record.ts'
import type { Instant } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/slot/row.ts'
import { counted, printable } from '../../../format/text.ts'
import type { JudgedSlot } from '../../../verdict/judge.ts'
import type { Sentence } from '../../../verdict/sentence.ts'
import { Badge } from '../frame/badge.tsx'
import { links } from '../frame/links.ts'
import { IN_FORCE, Owner } from '../frame/parts.tsx'
import { Said, Time, type WallClock, wordsIn } from '../frame/time.tsx'
import { changesOf, type ReportedChange } from '../report/chapter.tsx'
import type { RecentSlots } from './recent.tsx'

export interface TaskHead {
  readonly task: string
  readonly clock: WallClock
  /** Without a task record, that of the newest row. Null when that row has a newer schema. `words`: null if it cannot be read. */
  readonly current: (Pick<ScheduleSince, 'spec'> & { readonly words: string | null }) | null
  /** The schedules of the task record, oldest first. Empty for a task that only has rows. */
  readonly schedules: readonly ScheduleSince[]
  readonly next: Instant | null
  readonly suspensions: Pick<TaskRecord, 'pauses' | 'retirements' | 'changes'>
  readonly suspended: FoundSuspension | null
  readonly owner?: string | undefined
  readonly expectations: TaskRecord['expectations']
}

function suspendedSentence({ kind, suspension: { from, until, by, reason } }: FoundSuspension): Sentence {
  return [
    `${IN_FORCE[kind]} since `,
    { at: from },
    ...(until === null ? [] : [' until ', { at: until }]),
    ` by ${by}: ${reason}`,
  ]
}

interface TitleProps {
  readonly head: TaskHead
  readonly recent: Pick<RecentSlots, 'slots' | 'usualMs'>
  readonly now: Instant
}

export function TaskTitle({ head, recent, now }: TitleProps) {
  const { task, clock, next, owner, suspended } = head
  return (
    <>
      <h1>{printable(task)}</h1>
      <StatusNow head={head} recent={recent} now={now} />
      {suspended !== null && (
        <p>
          <Said said={suspendedSentence(suspended)} clock={clock} />
        </p>
      )}
      <dl class="task-facts">
        <div>
          <dt>Next slot</dt>
          <dd>{next === null ? noNextText(head) : <Time at={next} clock={clock} now={now} />}</dd>
        </div>
        <div>
          <dt>Schedule</dt>
          <dd>
            <ScheduleNow head={head} />
          </dd>
        </div>
        {owner !== undefined && (
          <div>
            <dt>Owner</dt>
            <dd>
              <Owner owner={owner} />
            </dd>
          </div>
        )}
      </dl>
    </>
  )
}

function StatusNow({ head: { task, clock }, recent: { slots, usualMs }, now }: TitleProps) {
  const newest = slots[0]
  if (newest === undefined) return null
  const text = durationText(newest, usualMs)
  return (
    <p class="status-now">
      <strong>
        <Badge mark={newest.mark} />
      </strong>{' '}
      <a href={links.slot(task, newest.slot)}>
        <Time at={newest.slot} clock={clock.ofSlot(newest.schedule.zone)} now={now} />
      </a>
      {text !== '' && <span class="quiet">{text}</span>}
    </p>
  )
}

/** Returns how long a slot took, or has run for, and how long those before it usually took. */
export function durationText(newest: JudgedSlot, usualMs: number | null): string {
  if (newest.status === 'due') return 'no run is recorded yet'
  const ms = durationMsOf(newest)
  if (ms === null) return ''
  const usually = usualMs === null ? '' : `, usually ${elapsed(usualMs)}`
  if (newest.own?.attempts.at(-1)?.phase === 'running') return `running for ${elapsed(ms)}${usually}`
  return newest.status === 'failed' ? `after ${elapsed(ms)}` : `took ${elapsed(ms)}${usually}`
}

function noNextText({ suspended, current }: TaskHead): string {
  if (suspended !== null)
    return suspended.kind === 'pause' ? 'none while the task is paused' : 'none: the task is retired'
  return current === null ? 'unknown' : 'none'
}

function ScheduleNow({ head: { current, schedules } }: { readonly head: TaskHead }) {
  if (current === null) return <>unknown</>
  const words = current.words ?? 'This version cannot read the schedule'
  return (
    <>
      {printable(wordsIn(current.spec.zone, words))} · <code>{printable(current.spec.expression)}</code>
      {schedules.length === 0 && ' (from its newest run, because no scheduled run is recorded)'}
    </>
  )
}

const SHOWN = 8

/** The schedules, pauses, retirements and expectations of a task, as in the report of its period, newest first. */
export function Changes({ head: { schedules, suspensions, expectations, clock } }: { readonly head: TaskHead }) {
  const stated = expectations && {
    at: expectations.since,
    by: '',
    why: '',
    what: () => `expectations: ${expectationsText(expectations) || 'none'}`,
  }
  const changes = [...changesOf({ decisions: [], ...suspensions, schedules }), ...(stated ? [stated] : [])]
  if (changes.length === 0) return <p class="empty">No schedule, pause or expectation is recorded.</p>
  const newest = changes.sort((one, other) => other.at - one.at)
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

function ChangeList({ changes, clock }: { readonly changes: readonly ReportedChange[]; readonly clock: WallClock }) {
  return (
    <ol class="changes" reversed>
      {changes.map(({ at, by, what, why }) => (
        <li>
          <Time at={at} clock={clock} /> <Owner owner={`${by} ${what(clock)}${why && `: ${why}`}`.trim()} />
        </li>
      ))}
    </ol>
  )
}
