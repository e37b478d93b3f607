import type { Child } from 'hono/jsx'
import { elapsed } from '../../../core/duration.ts'
import { attemptCount, latenessMsOf } from '../../../core/row/attempts.ts'
import { readableRow } from '../../../core/row/status.ts'
import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import type { Instant, Row } from '../../../core/types.ts'
import { slotFacts } from '../../../format/show.ts'
import { notExpectedText } from '../../../format/task/suspensions.ts'
import { printable } from '../../../format/text.ts'
import type { StepTarget } from '../../../verdict/target.ts'
import { Badge } from '../frame/badge.tsx'
import { Heading, type HeadingLevel } from '../frame/document.tsx'
import type { Links } from '../frame/links.ts'
import { needsAttention } from '../frame/marks.ts'
import type { SlotWithStatus } from '../frame/slot-facts.ts'
import { Time } from '../frame/time.tsx'
import type { WallClock } from '../frame/wall-clock.ts'
import { Moment } from './moment.tsx'
import { remediesOf } from './remedies.ts'
import { Remedies } from './remedy-list.tsx'
import { Timeline } from './timeline.tsx'
import { whyParts } from './why.ts'

export interface SlotModel {
  readonly record: SlotWithStatus
  readonly clock: WallClock
  readonly target: StepTarget
  /** The pause or the retirement that has the slot. */
  readonly found: FoundSuspension | null
  readonly now: Instant
  readonly skewMs: number
  /** A slot is late when its first attempt started later than this after it. Left out: never. */
  readonly lateAfterMs?: number | null | undefined
  /** A slot that has not completed this long after it was due is overdue. Null: never. */
  readonly doneByMs?: number | null | undefined
  /** The owner that the runs of the task state. Left out: they state none. */
  readonly owner?: string | undefined
  /** The slots before and after it. Null when there is none. */
  readonly before: Instant | null
  readonly after: Instant | null
}

export function SlotView({ model, links }: { readonly model: SlotModel; readonly links: Links }) {
  const { target, clock, before, after } = model
  const { task } = target
  const neighbour = (slot: Instant | null, before: string, after = '') =>
    slot !== null && (
      <a href={links.slot(task, slot)}>
        {before} <Time at={slot} clock={clock} />
        {after}
      </a>
    )
  return (
    <>
      <nav class="crumbs" aria-label="Breadcrumbs">
        <a href={links.overview()}>Tasks</a> <a href={links.task(task)}>{printable(task)}</a>
      </nav>
      <SlotDetail model={model} level={1} live />
      <nav class="pages" aria-label="Previous and next slot">
        {neighbour(before, '← Previous slot:')}
        {neighbour(after, 'Next slot:', ' →')}
      </nav>
    </>
  )
}

interface SlotDetailProps {
  readonly model: Omit<SlotModel, 'before' | 'after'>
  readonly level: HeadingLevel
  /** Whether the page has the script that copies commands. */
  readonly live: boolean
}

/** The level of a heading below a heading of each level. */
const BELOW = { 1: 2, 2: 3, 3: 4, 4: 4 } as const satisfies Record<HeadingLevel, HeadingLevel>

/** The full description of a slot: a sentence of what happened, the commands, the timeline and the details. */
export function SlotDetail({ model, level, live }: SlotDetailProps) {
  const { record, clock, target, now, lateAfterMs, owner } = model
  const { slot, row, status } = record
  const own = readableRow(row)
  const below = BELOW[level]
  const latenessMs = own && latenessMsOf(own)
  const isLate = latenessMs !== null && lateAfterMs != null && latenessMs > lateAfterMs
  const isNeeded = needsAttention(status)
  // A report can have thousands of slots that completed with their only attempt. Their actions and facts are left out.
  const isPlain =
    !live && status === 'completed' && own !== null && attemptCount(own) === 1 && own.rejections.count === 0
  return (
    <>
      <Heading level={level}>
        {printable(target.task)} <Time at={slot} clock={clock} now={now} />
      </Heading>
      <p class="facts">
        <Badge status={status} /> · {clock.zone}
        {isLate && ` · late: started ${elapsed(latenessMs)} after the scheduled time`}
        {owner !== undefined && (isLate || isNeeded) && ` · owner: ${printable(owner)}`}
      </p>
      <p class="why">
        {whyParts(record, now).map((part) =>
          typeof part === 'string' ? printable(part) : <Moment at={part.at} slot={slot} clock={clock} />,
        )}
      </p>
      {!isPlain && (
        <Remedies remedies={remediesOf(status, target, now)} isNeeded={isNeeded} level={below} live={live} />
      )}
      {own !== null && <Timeline row={own} clock={clock} level={below} />}
      {own !== null && !isPlain && (
        <section>
          <Heading level={below}>Details</Heading>
          <dl>
            {Object.entries(detailsOf(own, model)).map(([name, fact]) => (
              <>
                <dt>{name}</dt>
                <dd>{fact}</dd>
              </>
            ))}
          </dl>
        </section>
      )}
    </>
  )
}

/** Returns the facts of the row that the rest of the page does not have, by name. */
function detailsOf(row: Row, { clock, found }: SlotDetailProps['model']): Readonly<Record<string, Child>> {
  const { slot, windowEnd, leaseUntil, expiresAt } = row
  const { schedule = '', attempts = '', rejected = '' } = slotFacts(row)
  const time = (at: Instant) => <Time at={at} clock={clock} />
  return {
    window: (
      <>
        {time(slot)} {windowEnd === null ? '(no end: the schedule has no later slot)' : <>to {time(windowEnd)}</>}
      </>
    ),
    schedule: printable(schedule),
    attempts,
    'rejected triggers': rejected,
    ...(leaseUntil !== null && { lease: <>until {time(leaseUntil)}</> }),
    ...(expiresAt !== null && { 'record expires': time(expiresAt) }),
    ...(found !== null && { 'not expected': printable(notExpectedText(found, clock.zone)) }),
  }
}
