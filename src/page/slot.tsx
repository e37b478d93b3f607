import { isForeign } from '../core/decide.ts'
import { formatInstant } from '../core/instant.ts'
import type { Instant, Row } from '../core/types.ts'
import { endingText } from '../report/log.ts'
import { slotFacts, slotTimeline } from '../report/show.ts'
import { elapsed, printable } from '../report/text.ts'
import { Badge } from './badge.tsx'
import type { WallClock } from './clock.ts'
import { type CommandTarget, remediesOf } from './commands.ts'
import { Heading, type Level } from './heading.tsx'
import type { MarkedSlot } from './history-table.tsx'
import type { Links } from './links.ts'
import type { Mark } from './marks.ts'
import { Time } from './time.tsx'

export interface SlotModel {
  readonly record: MarkedSlot
  readonly clock: WallClock
  readonly target: CommandTarget
  readonly now: Instant
  readonly skewMs: number
  /** Its neighbours by the schedule; null where there is none. */
  readonly before: Instant | null
  readonly after: Instant | null
}

export function SlotView({ model, links }: { readonly model: SlotModel; readonly links: Links }) {
  const { target, clock, before, after } = model
  const { task } = target
  const neighbour = (slot: Instant | null, label: string) =>
    slot !== null && (
      <a href={links.slot(task, slot)}>
        {label} {clock.time(slot)}
      </a>
    )
  return (
    <>
      <nav class="crumbs" aria-label="Where you are">
        <a href={links.overview()}>Tasks</a> <a href={links.task(task)}>{printable(task)}</a>
      </nav>
      <SlotDetail model={model} level={1} live />
      <nav class="pages" aria-label="Slots beside it">
        {neighbour(before, '← Slot before:')}
        {neighbour(after, 'Slot after: →')}
      </nav>
    </>
  )
}

interface DetailProps {
  readonly model: Omit<SlotModel, 'before' | 'after'>
  readonly level: Level
  /** On a page with the script that copies. */
  readonly live: boolean
}

/** What a slot is, why, what can be done, and what happened in it. */
export function SlotDetail({ model, level, live }: DetailProps) {
  const { record, clock, target, now, skewMs } = model
  const { slot, row, mark } = record
  const own = row === null || isForeign(row) ? null : row
  const below = (level + 1) as Level
  // A report has thousands of slots of which there is nothing more to say.
  const isPlain = !live && mark === 'completed' && own?.attempts.length === 1 && own.rejections.count === 0
  return (
    <>
      <Heading level={level}>
        {printable(target.task)} <Time at={slot} clock={clock} />
      </Heading>
      <p class="facts">
        <Badge mark={mark} /> · {clock.zone}
      </p>
      <p class="why">{printable(why(record, now, clock))}</p>
      {!isPlain && <Remedies mark={mark} target={target} level={below} live={live} />}
      {own !== null && (
        <section class="timeline">
          <Heading level={below}>Timeline</Heading>
          <ol>
            {slotTimeline(own).map(({ at, text }) => (
              <li>
                <Time at={at} clock={clock} /> <span class="event">{printable(text)}</span>
              </li>
            ))}
          </ol>
        </section>
      )}
      {own !== null && !isPlain && (
        <section>
          <Heading level={below}>Row</Heading>
          <dl>
            {Object.entries(slotFacts(own, now, skewMs)).map(([name, text]) => (
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

interface RemediesProps extends Omit<DetailProps, 'model'> {
  readonly mark: Mark
  readonly target: CommandTarget
}

function Remedies({ mark, target, level, live }: RemediesProps) {
  const needed = mark === 'missed' || mark === 'failed' || mark === 'stale'
  return (
    <section class={`remedies ${needed ? 'needed' : ''}`}>
      <Heading level={level}>{needed ? 'What to do' : 'What can be done'}</Heading>
      {live && <p id="copied" class="aside" role="status" />}
      {remediesOf(mark, target).map(({ title, command, note }) => (
        <div class="remedy">
          <p>{title}</p>
          <div class="command">
            <code>{unbroken(printable(command))}</code>
            {live && (
              <button type="button" class="copy" aria-label={`Copy the command: ${title}`}>
                Copy
              </button>
            )}
          </div>
          <p class="quiet">{note}</p>
        </div>
      ))}
    </section>
  )
}

/** A line may end before an option, not within one: what is read must be what is copied. */
function unbroken(command: string) {
  const [first = '', ...rest] = command.split(' --')
  return [<span>{first}</span>, ...rest.flatMap((option) => [' ', <span>--{option}</span>])]
}

/** Why the slot is what it is, in a sentence or two. */
function why({ slot, row, mark }: MarkedSlot, now: Instant, clock: WallClock): string {
  if (row === null) {
    if (mark === 'missed')
      return `It was due ${elapsed(now - slot)} ago and nothing is on record: nothing asked to run it, or what asked could not reach the ledger.`
    return slot > now
      ? `It is due in ${elapsed(slot - now)}.`
      : `It has been due for ${elapsed(now - slot)}; nothing is on record yet.`
  }
  if (isForeign(row))
    return `A newer cronledger wrote this row (schema ${row.schemaVersion}): update this one to read it.`
  const attempt = row.attempts.at(-1)
  const settlement = row.settlements.at(-1)
  const last =
    attempt === undefined ? 'It has no attempt' : `Attempt ${attempt.number} on ${attempt.host} ${endingText(attempt)}`
  const word =
    settlement !== undefined && settlement.afterAttempt >= row.attempts.length
      ? `${settlement.by} settled it as ${settlement.state} at ${formatInstant(settlement.at)}: ${settlement.reason}`
      : null
  switch (mark) {
    case 'stale':
      return `Attempt ${attempt?.number} on ${attempt?.host} never reported its end, and its lease ran out at ${leaseText(row, clock)}: nobody knows how far it came. Look what it did before you run it again.`
    case 'failed':
      return `${word ?? last}. A scheduled trigger that has no attempt left is refused here until a person acts.`
    case 'running':
      if (attempt?.phase === 'waiting') return `${attempt.host} has claimed it and waits: nothing is started yet.`
      return `${last}; its lease is trusted until ${leaseText(row, clock)}.`
    case 'completed':
    case 'skipped':
      return `${word ?? last}. A scheduled trigger of this slot is a duplicate, and starts nothing.`
    default:
      return `${word ?? last}.`
  }
}

function leaseText({ leaseUntil }: Row, clock: WallClock): string {
  return leaseUntil === null ? 'an unknown time' : `${clock.time(leaseUntil)} ${clock.zone}`
}
