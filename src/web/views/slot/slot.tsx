import { attemptCount } from '../../../core/row/attempts.ts'
import { readableRow } from '../../../core/row/status.ts'
import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import type { Instant, Row, Status } from '../../../core/types.ts'
import { slotFacts, slotTimeline } from '../../../format/show.ts'
import type { StepTarget } from '../../../format/steps/step.ts'
import { notExpectedText } from '../../../format/task/suspensions.ts'
import { elapsed, printable } from '../../../format/text.ts'
import { Badge } from '../frame/badge.tsx'
import { Command } from '../frame/command.tsx'
import { Heading, type HeadingLevel } from '../frame/document.tsx'
import type { Links } from '../frame/links.ts'
import { Time } from '../frame/time.tsx'
import type { WallClock } from '../frame/wall-clock.ts'
import { latenessMsOf, type SlotWithStatus } from '../task/history-table.tsx'
import { remediesOf } from './remedies.ts'
import { whyText } from './why.ts'

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

interface DetailProps {
  readonly model: Omit<SlotModel, 'before' | 'after'>
  readonly level: HeadingLevel
  /** Whether the page has the script that copies commands. */
  readonly live: boolean
}

/** The level of a heading below a heading of each level. */
const BELOW = { 1: 2, 2: 3, 3: 4, 4: 4 } as const satisfies Record<HeadingLevel, HeadingLevel>

/** The status of a slot, the reason for it, the possible actions, and the timeline. */
export function SlotDetail({ model, level, live }: DetailProps) {
  const { record, clock, target, now, lateAfterMs, owner } = model
  const { slot, row, status } = record
  const own = readableRow(row)
  const below = BELOW[level]
  const latenessMs = own && latenessMsOf(own)
  const isLate = latenessMs !== null && lateAfterMs != null && latenessMs > lateAfterMs
  // A report can have thousands of slots that completed with their only attempt. Their actions and facts are left out.
  const isPlain =
    !live && status === 'completed' && own !== null && attemptCount(own) === 1 && own.rejections.count === 0
  return (
    <>
      <Heading level={level}>
        {printable(target.task)} <Time at={slot} clock={clock} />
      </Heading>
      <p class="facts">
        <Badge status={status} /> · {clock.zone}
        {isLate && ` · late: started ${elapsed(latenessMs)} after the scheduled time`}
        {owner !== undefined && (isLate || needsAttention(status)) && ` · owner: ${printable(owner)}`}
      </p>
      <p class="why">{printable(whyText(record, now, clock))}</p>
      {!isPlain && <Remedies status={status} target={target} now={now} level={below} live={live} />}
      {own !== null && (
        <section class="timeline">
          <Heading level={below}>Timeline</Heading>
          <ol>
            {slotTimeline(own).map(({ at, text }) => (
              <li>
                <Time at={at} clock={clock} /> <span>{printable(text)}</span>
              </li>
            ))}
          </ol>
        </section>
      )}
      {own !== null && !isPlain && (
        <section>
          <Heading level={below}>Details</Heading>
          <dl>
            {Object.entries(factsOf(own, model)).map(([name, text]) => (
              <>
                <dt>{name}</dt>
                <dd>{printable(text)}</dd>
              </>
            ))}
          </dl>
        </section>
      )}
    </>
  )
}

function factsOf(
  row: Row,
  { now, skewMs, doneByMs = null, clock, found }: DetailProps['model'],
): Readonly<Record<string, string>> {
  const { leaseUntil, expiresAt } = row
  return {
    ...slotFacts(row, now, skewMs, () => doneByMs),
    ...(leaseUntil !== null && { lease: `until ${clock.both(leaseUntil)}` }),
    ...(expiresAt !== null && { expires: clock.both(expiresAt) }),
    ...(found !== null && { 'not expected': notExpectedText(found, clock.zone) }),
  }
}

interface RemediesProps extends Omit<DetailProps, 'model'> {
  readonly status: Status
  readonly target: StepTarget
  readonly now: Instant
}

function needsAttention(status: Status): boolean {
  return status === 'missed' || status === 'failed' || status === 'stale' || status === 'overdue'
}

function Remedies({ status, target, now, level, live }: RemediesProps) {
  const remedies = remediesOf(status, target, now)
  if (remedies.length === 0) return null
  const needed = needsAttention(status)
  return (
    <section class={`remedies ${needed ? 'needed' : ''}`}>
      <Heading level={level}>{needed ? 'What to do' : 'What you can do'}</Heading>
      {live && <p id="copied" class="aside" role="status" />}
      {remedies.map((remedy) => (
        <Command {...remedy} live={live} />
      ))}
    </section>
  )
}
