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
import { changesOf } from '../report/chapter.tsx'
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

export function TaskTitle({ head, recent: { slots, usualMs }, now }: TitleProps) {
  const { task, clock, next, owner, suspended } = head
  const newest = slots[0]
  const facts = {
    'Next slot': next === null ? noNextText(head) : <Time at={next} clock={clock} now={now} />,
    Schedule: scheduleNow(head),
    ...(owner !== undefined && { Owner: <Owner owner={owner} /> }),
  }
  return (
    <>
      <h1>{printable(task)}</h1>
      {newest !== undefined && (
        <p class="status-now">
          <strong>
            <Badge mark={newest.mark} />
          </strong>{' '}
          <a href={links.slot(task, newest.slot)}>
            <Time at={newest.slot} clock={clock.ofSlot(newest.schedule.zone)} now={now} />
          </a>
          <span class="quiet">{durationText(newest, usualMs)}</span>
        </p>
      )}
      {suspended !== null && (
        <p>
          <Said said={suspendedSentence(suspended)} clock={clock} />
        </p>
      )}
      <dl class="task-facts">
        {Object.entries(facts).map(([name, fact]) => (
          <div>
            <dt>{name}</dt>
            <dd>{fact}</dd>
          </div>
        ))}
      </dl>
    </>
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

function scheduleNow({ current, schedules }: TaskHead): string {
  if (current === null) return 'unknown'
  const words = wordsIn(current.spec.zone, current.words ?? 'This version cannot read the schedule')
  const source = schedules.length === 0 ? ' (from its newest run, because no scheduled run is recorded)' : ''
  return printable(`${words} · ${current.spec.expression}${source}`)
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
  const earlier = newest.length - SHOWN
  return (
    <>
      <ol class="changes" reversed>
        {newest.slice(0, SHOWN).map(({ at, by, what, why }) => (
          <li>
            <Time at={at} clock={clock} /> <Owner owner={`${by} ${what(clock)}${why && `: ${why}`}`.trim()} />
          </li>
        ))}
      </ol>
      {earlier > 0 && <p class="quiet">and {counted(earlier, 'earlier change')}, which a report lists</p>}
    </>
  )
}
