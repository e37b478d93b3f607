import { elapsed } from '../../../core/duration.ts'
import { changeText, expectationsText } from '../../../core/task/record-changes.ts'
import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import type { ScheduleSince, Suspension, TaskRecord } from '../../../core/task/task-record.ts'
import type { Instant } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/slot/row.ts'
import { confirmationText, isCancelled } from '../../../format/task/declaration.ts'
import { counted, printable } from '../../../format/text.ts'
import type { JudgedSlot } from '../../../verdict/judge.ts'
import { type Sentence, scheduleText } from '../../../verdict/sentence.ts'
import { Badge } from '../frame/badge.tsx'
import { links } from '../frame/links.ts'
import { IN_FORCE, Owner } from '../frame/parts.tsx'
import { Said, Time, type WallClock, wordsIn } from '../frame/time.tsx'
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

interface Change {
  readonly at: Instant
  readonly by: string
  readonly what: string
  readonly why: string
}

/** Returns the schedules, pauses, retirements and expectations of a task, newest first. */
function changesOf({ schedules, suspensions, expectations, clock }: TaskHead): readonly Change[] {
  const { pauses, retirements, changes = [] } = suspensions
  const suspended = (name: 'pause' | 'retirement', one: Suspension): readonly Change[] => {
    const { at, from, until, by, reason, ended } = one
    const [begun, over] = name === 'pause' ? ['paused it', 'resumed it'] : ['retired it', 'ended its retirement']
    const end = until === null || isCancelled(one) ? '' : ` until ${clock.time(until)}`
    const begin = { at, by, why: reason, what: `${begun} from ${clock.time(from)}${end}` }
    if (ended === undefined) return [begin]
    return [
      begin,
      {
        at: ended.at,
        by: ended.by,
        why: ended.reason,
        what: isCancelled(one) ? `cancelled the planned ${name}` : over,
      },
    ]
  }
  const isUnexplained = ({ since }: ScheduleSince) =>
    !changes.some(({ from, after }) => from === since && 'schedule' in after)
  const unsigned = (at: Instant, what: string): Change => ({ at, by: '', why: '', what })
  return [
    ...(expectations === null
      ? []
      : [unsigned(expectations.since, `expectations: ${expectationsText(expectations) || 'none'}`)]),
    ...pauses.flatMap((pause) => suspended('pause', pause)),
    ...retirements.flatMap((retirement) => suspended('retirement', retirement)),
    ...changes.map((one) => ({
      at: one.at,
      by: one.by,
      why: one.reason,
      what: `changed from ${clock.time(one.from)} on: ${changeText(one)}`,
    })),
    ...schedules.filter(isUnexplained).map((one) => {
      const state = confirmationText(one)
      return unsigned(one.since, `schedule ${scheduleText(one.spec)}${state && ` (${state})`}`)
    }),
  ]
    .sort((one, other) => one.at - other.at)
    .reverse()
}

export function Changes({ head }: { readonly head: TaskHead }) {
  const newest = changesOf(head)
  if (newest.length === 0) return <p class="empty">No schedule, pause or expectation is recorded.</p>
  const earlier = newest.length - SHOWN
  return (
    <>
      <ol class="changes" reversed>
        {newest.slice(0, SHOWN).map(({ at, by, what, why }) => (
          <li>
            <Time at={at} clock={head.clock} /> <Owner owner={`${by} ${what}${why && `: ${why}`}`.trim()} />
          </li>
        ))}
      </ol>
      {earlier > 0 && (
        <p class="quiet">and {counted(earlier, 'earlier change')}, which cronledger tasks --json lists</p>
      )}
    </>
  )
}
