// biome-ignore-all lint/a11y/useAnchorContent: the title is the name of the link. A label, too, would double the page.
import type { SlotMark } from '../../../verdict/judge.ts'
import { cellSign } from './marks.ts'

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
