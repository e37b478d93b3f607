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

/** A tile for one slot, or for the slots of one column, which links to them. */
export function Cell({ href, mark, facts, isRejected, isStop }: CellProps) {
  const look = `c ${mark}${isRejected ? ' rejected' : ''}`
  // The popover splits the text again (browser/popover.ts).
  const text = facts.join('; ')
  return (
    <a class={look} href={href} tabindex={isStop ? undefined : -1} aria-label={text}>
      {cellSign(mark)}
    </a>
  )
}
