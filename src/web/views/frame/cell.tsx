import type { SlotMark } from '../../../verdict/mark.ts'
import { cellSign } from './marks.ts'

interface CellProps {
  /** The address of the slot. Null: the cell leads nowhere. */
  readonly href: string | null
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
  /** Whether the page has the script of the popover. Without it, the browser shows the facts as a title. */
  readonly live: boolean
}

/** A tile for one slot, or for the slots of one column, which links to them. */
export function Cell({ href, mark, facts, isRejected, isStop, live }: CellProps) {
  const look = `c ${mark}${isRejected ? ' rejected' : ''}`
  // The popover splits the text again (browser/popover.ts).
  const text = facts.join('; ')
  if (href === null)
    return (
      <span class={look} role="img" title={text}>
        {cellSign(mark)}
      </span>
    )
  return (
    <a class={look} href={href} tabindex={isStop ? undefined : -1} aria-label={text} title={live ? undefined : text}>
      {cellSign(mark)}
    </a>
  )
}
