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

const OTHER_LOOKS = { calm: 'all completed', paused: 'paused', unread: 'not read: many slots' } as const
export type Look = SlotMark | keyof typeof OTHER_LOOKS

const WORDS: readonly (readonly [look: Look, sign: string, word: string])[] = [
  ...keysOf(OTHER_LOOKS).map((look) => [look, '', OTHER_LOOKS[look]] as const),
  ...MOST_URGENT_FIRST.toReversed().map((mark) => [mark, cellSign(mark), MARKS[mark].word] as const),
]

/** What the looks of the cells of a page mean. Looks that come and go while the page is open stand last, so nothing moves. */
export function Legend({ looks }: { readonly looks: ReadonlySet<Look> }) {
  return (
    <ul class="legend" aria-label="Signs of the cells">
      {WORDS.filter(([look]) => looks.has(look)).map(([look, sign, word]) => (
        <li class="badge">
          <span class={`c ${look}`} aria-hidden="true">
            {sign}
          </span>
          {word}
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
  /** One of the many slots of a task that are as expected. They are one line. */
  readonly isCalm?: boolean
  /** The Tab key stops at one cell of a row, and not at hundreds. The page of the task has a link to each slot. */
  readonly isStop: boolean
}

/** A tile for one slot, or for the slots of one column, which links to them. */
export function Cell({ href, mark, facts, isCalm = false, isStop }: CellProps) {
  const sign = cellSign(mark)
  return (
    <a
      class={isCalm ? `c ${mark} calm` : `c ${mark}`}
      href={href}
      tabindex={isStop ? undefined : -1}
      title={facts.join(';\n')}
    >
      {sign && <span aria-hidden="true">{sign}</span>}
    </a>
  )
}
