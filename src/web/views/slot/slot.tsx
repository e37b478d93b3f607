import type { AttemptRecord, Instant, Row } from '../../../core/types.ts'
import { type ShownSlot, slotFacts } from '../../../format/slot/show.ts'
import { slotTimeline, type TimelineEvent } from '../../../format/slot/timeline.ts'
import { notExpectedText } from '../../../format/task/declaration.ts'
import { printable } from '../../../format/text.ts'
import { nextTriggerText } from '../../../format/verdict.ts'
import type { Sentence } from '../../../verdict/sentence.ts'
import { ofRow } from '../../../verdict/target.ts'
import { Badge } from '../frame/badge.tsx'
import { links } from '../frame/links.ts'
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
  const { task, clock, before, after } = model
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
      <SlotDetail model={model} />
      <nav class="pages" aria-label="Previous and next slot">
        {neighbour(before, '← Previous slot:')}
        {neighbour(after, 'Next slot:', ' →')}
      </nav>
    </>
  )
}

type Described = Omit<SlotModel, 'before' | 'after'>

export function SlotDetail({ model }: { readonly model: Described }) {
  const { task, slot, row, own, mark, verdict, clock, owner, of } = model
  const { caution, steps } = verdict
  const newest = own?.attempts.at(-1)
  return (
    <>
      <h1>
        {printable(task)} <Time at={slot} clock={clock} now={of.now} />
      </h1>
      <p class="facts">
        <Badge mark={mark} /> · {clock.zone}
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
          <div class="side">
            <Timeline row={own} clock={clock} />
            <details>
              <summary>Details</summary>
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
            </details>
          </div>
        )}
      </div>
    </>
  )
}

function detailsOf(row: Row, { clock, found }: Described): Readonly<Record<string, Sentence>> {
  return {
    ...slotFacts(row),
    ...(found !== null && { 'not expected': [notExpectedText(found, clock.zone)] }),
  }
}

function ForcedBy({ attempt: { trigger } }: { readonly attempt: AttemptRecord }) {
  return trigger.kind === 'forced' ? <> · forced by {printable(`${trigger.by}: ${trigger.reason}`)}</> : null
}

/** The events of a slot, in order of time. Triggers that were rejected for the same cause are one line, which opens. */
function Timeline({ row, clock }: Readonly<{ row: Row; clock: WallClock }>) {
  const moment = (at: Instant) => <Time at={at} near={row.slot} clock={clock} />
  const line = ({ at, text, source, starts }: TimelineEvent) => (
    <li>
      {moment(at)}
      <span>
        {printable(text)}
        {starts !== undefined && <ForcedBy attempt={starts} />}{' '}
        {starts?.place && <LogLink place={starts.place} text={`Log of attempt ${starts.number}`} />}
        {source !== '' && (
          <details>
            <summary>ids</summary>
            <small>{printable(source)}</small>
          </details>
        )}
      </span>
    </li>
  )
  return (
    <section class="timeline">
      <h2>Timeline</h2>
      <ol>
        {slotTimeline(row).map((entry) => {
          if (entry.kind === 'event') return line(entry)
          return (
            <li>
              {moment(entry.at)}
              <details>
                <summary>
                  {printable(entry.text)}, {moment(entry.at)} to {moment(entry.until)} <small>{entry.source}</small>
                </summary>
                <ol>{entry.listed.map(line)}</ol>
              </details>
            </li>
          )
        })}
      </ol>
    </section>
  )
}
