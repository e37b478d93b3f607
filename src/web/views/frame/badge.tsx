// biome-ignore-all lint/a11y/useAnchorContent: the title is the name of the link. A label, too, would double the page.
import { keysOf } from '../../../core/objects.ts'
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

const OTHER_LOOKS = { paused: 'paused', unread: 'not read: many slots' } as const
export type Look = SlotMark | keyof typeof OTHER_LOOKS

/** What the looks of the cells of a page mean, as they are in cells. */
export function Legend({ looks }: { readonly looks: ReadonlySet<Look> }) {
  const others = keysOf(OTHER_LOOKS).filter((look) => looks.has(look))
  return (
    <ul class="legend" aria-label="Signs of the cells">
      {MOST_URGENT_FIRST.filter((mark) => looks.has(mark)).map((mark) => (
        <li class="badge">
          <span class={`c ${mark}`} aria-hidden="true">
            {cellSign(mark)}
          </span>
          {MARKS[mark].word}
        </li>
      ))}
      {others.map((look) => (
        <li class="badge">
          <span class={`c ${look}`} aria-hidden="true" />
          {OTHER_LOOKS[look]}
        </li>
      ))}
    </ul>
  )
}

interface CellProps {
  readonly href: string
  readonly mark: SlotMark
  /** The task, the local time, the status, and so on. */
  readonly facts: readonly string[]
  /** The Tab key stops at one cell of a row, and not at hundreds. The page of the task has a link to each slot. */
  readonly isStop: boolean
}

/** A tile for one slot, or for the slots of one column, which links to them. */
export function Cell({ href, mark, facts, isStop }: CellProps) {
  return (
    <a class={`c ${mark}`} href={href} tabindex={isStop ? undefined : -1} title={facts.join(';\n')}>
      <span aria-hidden="true">{cellSign(mark)}</span>
    </a>
  )
}
