import type { AttemptRecord, Instant, Row } from '../../../core/types.ts'
import { type ShownSlot, slotFacts } from '../../../format/slot/show.ts'
import { slotTimeline, type TimelineEntry, type TimelineEvent, withSource } from '../../../format/slot/timeline.ts'
import { notExpectedText } from '../../../format/task/declaration.ts'
import { printable } from '../../../format/text.ts'
import { nextTriggerText } from '../../../format/verdict.ts'
import type { Sentence } from '../../../verdict/sentence.ts'
import { ofRow } from '../../../verdict/target.ts'
import { Badge } from '../frame/badge.tsx'
import { links } from '../frame/links.ts'
import { rejectedText } from '../frame/marks.ts'
import { Owner } from '../frame/parts.tsx'
import { LogLink, Steps } from '../frame/steps.tsx'
import { Said, Time, type WallClock } from '../frame/time.tsx'

export interface SlotModel extends ShownSlot {
  readonly clock: WallClock
  /** The slots before and after it. Null when there is none. */
  readonly before: Instant | null
  readonly after: Instant | null
}

export function SlotView({ model }: { readonly model: SlotModel }) {
  const { task, slot, row, own, mark, verdict, clock, owner, of, before, after } = model
  const { caution, steps } = verdict
  const newest = own?.attempts.at(-1)
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
      <h1>
        {printable(task)} <Time at={slot} clock={clock} now={of.now} />
      </h1>
      <p class="facts">
        <Badge mark={mark} /> · {[clock.zone, rejectedText(row)].filter(Boolean).join(' · ')}
        {newest !== undefined && <ForcedBy attempt={newest} />}
        {owner !== undefined && (
          <>
            {' '}
            · owner: <Owner owner={owner} />
          </>
        )}
      </p>
      <div class="sheet">
        <div>
          <dl class="why">
            <dt>what happened</dt>
            <dd>
              <Said said={verdict.happened} clock={clock} near={slot} />
            </dd>
            <dt>work</dt>
            <dd>{printable(verdict.workText)}</dd>
            <dt>next trigger</dt>
            <dd>{nextTriggerText(verdict)}</dd>
          </dl>
          <Steps steps={steps} cautions={caution === null ? [] : [caution]} place={ofRow(row).attempt?.place} />
        </div>
        {own !== null && (
          <div>
            <Timeline row={own} clock={clock} />
            <details>
              <summary>Details and ids</summary>
              <dl>
                {Object.entries(detailsOf(own, model)).map(([name, said]) => (
                  <>
                    <dt>{name}</dt>
                    <dd>
                      <Said said={said} clock={clock} />
                    </dd>
                  </>
                ))}
              </dl>
              <Events row={own} clock={clock} />
            </details>
          </div>
        )}
      </div>
      <nav class="pages" aria-label="Previous and next slot">
        {neighbour(before, '← Previous slot:')}
        {neighbour(after, 'Next slot:', ' →')}
      </nav>
    </>
  )
}

function detailsOf(row: Row, { clock, found }: SlotModel): Readonly<Record<string, Sentence>> {
  return {
    ...slotFacts(row),
    ...(found !== null && { 'not expected': [notExpectedText(found, clock.zone)] }),
  }
}

function ForcedBy({ attempt: { trigger } }: { readonly attempt: AttemptRecord }) {
  return trigger.kind === 'forced' ? <> · forced by {printable(`${trigger.by}: ${trigger.reason}`)}</> : null
}

interface TimelineProps {
  readonly row: Row
  readonly clock: WallClock
}

/** What happened in a slot, the newest first, a line each. The end of an attempt says all, unless something happened before it. */
function Timeline({ row, clock }: TimelineProps) {
  const all = slotTimeline(row)
  const entries = all.filter((entry, index) => {
    const next = all[index + 1]
    return entry.kind === 'folded' || !entry.starts || next?.kind !== 'event' || next.ends !== entry.starts
  })
  return (
    <section class="timeline">
      <h2>Timeline</h2>
      <ol reversed>
        {entries.toReversed().map((entry, index, shown) => (
          <li>
            <Time at={entry.kind === 'folded' ? entry.until : entry.at} near={row.slot} clock={clock} />
            <span>
              {printable(entry.text)}
              {entry.kind === 'folded' ? (
                <>
                  {' · the first one at '}
                  <Time at={entry.at} near={row.slot} clock={clock} />
                </>
              ) : (
                <OfAttempt entry={entry} before={shown[index - 1]} />
              )}
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}

/** The host of an attempt where it is not that of the line before, who forced it, and its log. */
function OfAttempt({ entry, before }: Readonly<{ entry: TimelineEvent; before: TimelineEntry | undefined }>) {
  const attempt = entry.ends ?? entry.starts
  if (attempt === undefined) return null
  const { host, place, number } = attempt
  const isTold = entry.ends === undefined || (before?.kind === 'event' && before.ends?.host === host)
  return (
    <>
      {!isTold && ` · ${printable(host)}`}
      <ForcedBy attempt={attempt} /> {place && <LogLink place={place} text={`Log of attempt ${number}`} />}
    </>
  )
}

/** Each event that is stored, in order of time, with its ids. */
function Events({ row, clock }: TimelineProps) {
  return (
    <ol>
      {slotTimeline(row)
        .flatMap((entry) => (entry.kind === 'event' ? [entry] : entry.listed))
        .map((event) => (
          <li>
            <Time at={event.at} near={row.slot} clock={clock} /> {printable(withSource(event))}
          </li>
        ))}
    </ol>
  )
}
