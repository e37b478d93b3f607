import { MARKS, type Mark } from './marks.ts'

/** The sign of a mark, and its word beside it. */
export function Badge({ mark }: { readonly mark: Mark }) {
  return (
    <span class="badge">
      <Sign mark={mark} />
      {MARKS[mark].word}
    </span>
  )
}

/** The sign alone: what stands beside it must say the word. */
export function Sign({ mark }: { readonly mark: Mark }) {
  return (
    <span class={`c ${mark}`} aria-hidden="true">
      {MARKS[mark].sign}
    </span>
  )
}
