import type { AttemptRecord, Instant, Row } from '../../../core/types.ts'
import { slotTimeline, type TimelineEvent } from '../../../format/slot/timeline.ts'
import { printable } from '../../../format/text.ts'
import { Time } from '../frame/time.tsx'
import type { WallClock } from '../frame/wall-clock.ts'
import { LogLink } from './log-link.tsx'

export function ForcedBy({ attempt: { trigger } }: { readonly attempt: AttemptRecord }) {
  return trigger.kind === 'forced' ? <> · forced by {printable(`${trigger.by}: ${trigger.reason}`)}</> : null
}

/** The events of a slot, in order of time. Triggers that were rejected for the same cause are one line, which opens. */
export function Timeline({ row, clock }: Readonly<{ row: Row; clock: WallClock }>) {
  const moment = (at: Instant) => <Time at={at} near={row.slot} clock={clock} />
  const line = ({ at, text, source, starts }: TimelineEvent) => (
    <li>
      {moment(at)}
      <span>
        {printable(text)}
        {starts !== undefined && <ForcedBy attempt={starts} />}{' '}
        {starts?.ecs && <LogLink ecs={starts.ecs} text={`Log of attempt ${starts.number}`} />}
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
