import { confirmationText } from '../../../format/task/declaration.ts'
import { printable } from '../../../format/text.ts'
import { scheduleText } from '../../../verdict/sentence.ts'
import { Time } from '../frame/time.tsx'
import type { WallClock } from '../frame/wall-clock.ts'
import { type Change, changesOf } from './changes.ts'
import type { TaskHead } from './head.tsx'

/** How many changes are always shown. The others are folded. */
const SHOWN = 8

/** The schedules, pauses, retirements and expectations of a task as one timeline, newest first. */
export function Changes({ head }: { readonly head: TaskHead }) {
  const changes = changesOf(head)
  const earlier = changes.slice(SHOWN)
  if (changes.length === 0) return <p class="empty">No schedule, pause or expectation is recorded.</p>
  return (
    <>
      <ChangeList changes={changes.slice(0, SHOWN)} clock={head.clock} />
      {earlier.length > 0 && (
        <details>
          <summary>{earlier.length === 1 ? '1 earlier change' : `${earlier.length} earlier changes`}</summary>
          <ChangeList changes={earlier} clock={head.clock} />
        </details>
      )}
    </>
  )
}

function ChangeList({ changes, clock }: { readonly changes: readonly Change[]; readonly clock: WallClock }) {
  return (
    <ol class="changes" reversed>
      {changes.map((change) => (
        <li>
          <Time at={change.at} clock={clock} />{' '}
          <span>
            <ChangeText change={change} clock={clock} />
          </span>
        </li>
      ))}
    </ol>
  )
}

function ChangeText({ change, clock }: { readonly change: Change; readonly clock: WallClock }) {
  switch (change.kind) {
    case 'schedule': {
      const { spec, words } = change.change
      const state = confirmationText(change.change)
      return (
        <>
          <strong>Schedule</strong> <code>{printable(scheduleText(spec))}</code>
          {words !== null && <span class="quiet"> {printable(words)}</span>}
          {state !== null && ` (${state})`}
        </>
      )
    }
    case 'expectations':
      return (
        <>
          <strong>Expectations</strong> {printable(change.texts.join(' · '))}
        </>
      )
    case 'begin': {
      const { at, from, until, by, reason, ended } = change.suspension
      const isLater = from - at >= 1_000
      return (
        <>
          <strong>{change.name === 'pause' ? 'Paused' : 'Retired'}</strong>
          {Math.abs(from - at) >= 1_000 && (
            <>
              {isLater ? ' (planned)' : ''} from <Time at={from} clock={clock} />
            </>
          )}
          {until !== null && ended === undefined && (
            <>
              {' '}
              until <Time at={until} clock={clock} />
            </>
          )}{' '}
          by {printable(by)}: {printable(reason)}
        </>
      )
    }
    case 'end': {
      const { name, ended, isCancelled } = change
      return (
        <>
          <strong>
            {isCancelled ? `Planned ${name} cancelled` : name === 'pause' ? 'Resumed' : 'Retirement ended'}
          </strong>{' '}
          by {printable(ended.by)}: {printable(ended.reason)}
        </>
      )
    }
  }
}
