import type { Instant } from '../core/types.ts'
import { briefTime } from './local-time.ts'
import { printable } from './text.ts'

export interface TitleParts {
  /** `failed`: the status, or the kind of the event. */
  readonly word: string
  readonly task: string
  readonly slot: Instant
  readonly timezone: string
  readonly owner: string | undefined
  /** Only the first sentence is shown. */
  readonly cause: string
}

/** Returns the title of a notification about one slot: `FAILED pay/capture 03:00 JST (Payments): disk full`. */
export function titleText({ word, task, slot, timezone, owner, cause }: TitleParts, now: Instant): string {
  const whose = owner === undefined ? '' : ` (${owner})`
  const [brief] = cause.split(/\.\s/)
  return printable(`${word.toUpperCase()} ${task} ${briefTime(slot, slot, timezone, now)}${whose}: ${brief}`)
}
