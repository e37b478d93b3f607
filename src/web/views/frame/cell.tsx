import type { SlotMark } from '../../../verdict/mark.ts'
import { cellSign } from './marks.ts'

interface CellProps {
  readonly href: string
  readonly mark: SlotMark
  /** The task, the local time, the status, and so on. The popover shows each on a line of its own. */
  readonly facts: readonly string[]
  readonly isRejected: boolean
  /** The Tab key stops at this cell. With the script it stops at one cell of a row. */
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
