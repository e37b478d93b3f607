import { formatDuration } from '../../../core/duration.ts'
import { counted, printable } from '../../../format/text.ts'
import { Time, type WallClock } from '../frame/time.tsx'
import { changesOf, type ReportedChange } from '../report/chapter.tsx'
import type { TaskHead } from './head.tsx'

/** How many changes are always shown. The others are folded. */
const SHOWN = 8

/** The schedules, pauses, retirements and expectations of a task, as in the report of its period, newest first. */
export function Changes({ head: { schedules, suspensions, expectations, clock } }: { readonly head: TaskHead }) {
  const stated = expectations && { at: expectations.since, by: '', why: '', what: () => expectationsText(expectations) }
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
          <Time at={at} clock={clock} /> <span>{printable(`${by} ${what(clock)}${why && `: ${why}`}`.trim())}</span>
        </li>
      ))}
    </ol>
  )
}

function expectationsText(stated: NonNullable<TaskHead['expectations']>): string {
  const { graceMs, lateAfterMs, doneByMs, after, afterTimeoutMs, expect, owner, overlap, skewMs, sinceLastSuccess } =
    stated
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
  return `expectations: ${texts.filter(Boolean).join(' · ') || 'none'}`
}
