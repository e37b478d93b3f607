import type { SlotMark } from '../../../verdict/mark.ts'
import { cellSign } from './marks.ts'

interface CellProps {
  readonly href: string
  readonly mark: SlotMark
  /**
   * The facts of the slot, one an entry: the task, the local time with its zone, the status, and so on. The
   * popover shows each fact on a line of its own, and a screen reader reads all of them.
   */
  readonly facts: readonly string[]
  /** Whether a trigger was rejected. */
  readonly isRejected: boolean
  /**
   * Whether the Tab key stops at this cell. With the script it stops at one cell of a row, and the arrow keys lead to
   * the others.
   */
  readonly isStop: boolean
}

/** Returns facts as one text. The popover splits it again (browser/facts.ts). */
export function factsText(facts: readonly string[]): string {
  return facts.filter(Boolean).join('; ')
}

/** A tile for one slot, or for the slots of one column, which links to them. */
export function Cell({ href, mark, facts, isRejected, isStop }: CellProps) {
  return (
    <a
      class={`c ${mark}${isRejected ? ' rejected' : ''}`}
      href={href}
      tabindex={isStop ? undefined : -1}
      aria-label={factsText(facts)}
    >
      {cellSign(mark)}
    </a>
  )
}
