import { STATUSES, type Status } from '../../../core/types.ts'
import { MARKS } from './marks.ts'

/** The sign and the word of a status. */
export function Badge({ status }: { readonly status: Status }) {
  return (
    <span class="badge">
      <Sign status={status} />
      {MARKS[status].word}
    </span>
  )
}

/** The sign of a status. The text next to it must contain the word, because screen readers do not read the sign. */
export function Sign({ status }: { readonly status: Status }) {
  return (
    <span class={`c ${status}`} aria-hidden="true">
      {MARKS[status].sign}
    </span>
  )
}

/**
 * The legend of the signs and of the keys, folded. The signs look as they do in cells. `live` is whether the page has the
 * script for the keys.
 */
export function Legend({ live }: { readonly live: boolean }) {
  return (
    <details class="legend" id="legend">
      <summary>{live ? 'Legend and keys' : 'Legend'}</summary>
      <ul class="bar">
        {STATUSES.map((status) => (
          <li class="badge">
            <span class={`c ${status}`} aria-hidden="true">
              {status === 'completed' ? '' : MARKS[status].sign}
            </span>
            {MARKS[status].word}
          </li>
        ))}
        <li class="badge">
          <span class="c completed rejected" aria-hidden="true" />
          with rejected triggers
        </li>
        <li class="badge">
          <span class="c paused" aria-hidden="true" />
          paused
        </li>
        <li class="badge">
          <span class="c unread" aria-hidden="true" />
          not read: too many slots
        </li>
      </ul>
      {live && (
        <p class="keys">
          <kbd>Tab</kbd> moves from task to task, <kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> move between
          slots, <kbd>Enter</kbd> opens a slot.
        </p>
      )}
    </details>
  )
}
