import type { Instant } from '../../../core/types.ts'
import { printable } from '../../../format/text.ts'
import type { Sentence } from '../../../verdict/sentence.ts'
import { links } from './links.ts'
import { Time, type WallClock } from './time.tsx'

interface SaidProps {
  readonly said: Sentence
  readonly clock: WallClock
  /** A time that stands before the sentence. */
  readonly near?: Instant
}

/** A sentence with its times as elements, in the zone of the page. The time of a slot is a link to it. */
export function Said({ said, clock, near }: SaidProps) {
  let before = near
  return said.map((part) => {
    if (typeof part === 'string') return printable(part)
    const time = <Time at={part.at} {...(before !== undefined && { near: before })} clock={clock} />
    before = before && part.at
    return part.task === undefined ? time : <a href={links.slot(part.task, part.at)}>{time}</a>
  })
}
