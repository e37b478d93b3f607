import { formatInstant } from '../../core/instant.ts'
import type { Instant } from '../../core/types.ts'

/** Where each view is: addresses of `serve`, or places in the one file of `report`. */
export interface Links {
  overview(query?: OverviewQuery): string
  needs: string
  task(task: string, query?: TaskQuery): string
  slot(task: string, slot: Instant): string
}

export interface OverviewQuery {
  /** Part of a task's name. */
  readonly q?: string | undefined
  /** Tasks after this name. */
  readonly after?: string | undefined
}

/** What is shown of a task, as the address holds it: texts, as a person may have written them. */
export interface TaskQuery {
  readonly state?: string | undefined
  readonly duplicates?: string | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
  /** Slots before this one: the page after the one that ended with it. */
  readonly before?: string | undefined
  readonly year?: string | undefined
}

/** Names stand in the query, not in the path: `a/../b` is a task's name, and a browser would mend it. */
export const SERVED: Links = {
  overview: (query = {}) => address('/', { ...query }),
  needs: '/needs',
  task: (task, query = {}) => address('/task', { task, ...query }),
  slot: (task, slot) => address('/slot', { task, slot: formatInstant(slot) }),
}

function address(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]))
  const text = new URLSearchParams(given).toString()
  return text === '' ? path : `${path}?${text}`
}

export const IN_ONE_FILE: Links = {
  overview: () => '#overview',
  needs: '#needs',
  task: (task) => `#${anchorOf(task)}`,
  slot: (task, slot) => `#${anchorOf(task, slot)}`,
}

/** The id of a view in the one file: one for each, of characters that need no escape in an address or an id. */
export function anchorOf(task: string, slot?: Instant): string {
  const name = slot === undefined ? `task ${task}` : `slot ${task} ${formatInstant(slot)}`
  return encodeURIComponent(name).replaceAll('_', '_5F').replaceAll('%', '_')
}
