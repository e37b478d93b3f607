import { MARK_NAMES, MARKS, type Mark } from './marks.ts'

/** The sign and the word of a mark. */
export function Badge({ mark }: { readonly mark: Mark }) {
  return (
    <span class="badge">
      <Sign mark={mark} />
      {MARKS[mark].word}
    </span>
  )
}

/** The sign of a mark. The text next to it must contain the word, because screen readers do not read the sign. */
export function Sign({ mark }: { readonly mark: Mark }) {
  return (
    <span class={`c ${mark}`} aria-hidden="true">
      {MARKS[mark].sign}
    </span>
  )
}

/** The legend of the signs and of the keys. `keys` says where the Tab key goes. False leaves the keys out. */
export function Legend({ keys }: { readonly keys: string | false }) {
  return (
    <div class="legend">
      <ul aria-label="Legend">
        {MARK_NAMES.map((mark) => (
          <li>
            <Badge mark={mark} />
          </li>
        ))}
        <li>
          <span class="badge">
            <span class="c completed rejected" aria-hidden="true">
              {MARKS.completed.sign}
            </span>
            a trigger was rejected
          </span>
        </li>
      </ul>
      {keys && (
        <p class="keys">
          <kbd>Tab</kbd> goes {keys}, <kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> between slots,{' '}
          <kbd>Enter</kbd> opens one.
        </p>
      )}
    </div>
  )
}
