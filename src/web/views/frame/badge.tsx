import type { SlotMark } from '../../../verdict/judge.ts'
import { cellSign, MARKS, MOST_URGENT_FIRST } from './marks.ts'

export function Badge({ mark, word = MARKS[mark].word }: Readonly<{ mark: SlotMark; word?: string }>) {
  return (
    <span class="badge">
      <Sign mark={mark} />
      {word}
    </span>
  )
}

/** The sign of a mark. The text next to it must contain the words, because screen readers do not read the sign. */
export function Sign({ mark }: { readonly mark: SlotMark }) {
  return (
    <span class={`c ${mark}`} aria-hidden="true">
      {MARKS[mark].sign}
    </span>
  )
}

const OTHER_LOOKS = [
  ['completed rejected', 'with rejected triggers'],
  ['paused', 'paused'],
  ['unread', 'not read yet: many slots'],
] as const

/** The legend of the signs, folded. The signs look as they do in cells. */
export function Legend() {
  return (
    <details class="legend" id="legend">
      <summary>Legend</summary>
      <ul class="bar">
        {MOST_URGENT_FIRST.map((mark) => (
          <li class="badge">
            <span class={`c ${mark}`} aria-hidden="true">
              {cellSign(mark)}
            </span>
            {MARKS[mark].word}
          </li>
        ))}
        {OTHER_LOOKS.map(([look, words]) => (
          <li class="badge">
            <span class={`c ${look}`} aria-hidden="true" />
            {words}
          </li>
        ))}
      </ul>
    </details>
  )
}
