import { MARKS, type Mark } from './marks.ts'

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
