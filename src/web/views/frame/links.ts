import { formatInstant } from '../../../core/instant.ts'
import type { Instant } from '../../../core/types.ts'

/** The addresses of the views. They are paths of `serve`, or anchors in the one file of `report`. */
export interface Links {
  overview(query?: OverviewQuery): string
  needs: string
  task(task: string, query?: TaskQuery): string
  slot(task: string, slot: Instant): string
}

export interface OverviewQuery {
  /** The span of the time axis: `24h`, `7d` or `30d`. */
  readonly span?: string | undefined
  /** Only tasks with this state are shown. */
  readonly status?: string | undefined
  readonly q?: string | undefined
  /** Only tasks whose name comes after this one are shown. */
  readonly after?: string | undefined
}

/** The filters of the page of a task, as the address has them. A person may have typed them, so they can be wrong. */
export interface TaskQuery {
  readonly status?: string | undefined
  readonly duplicates?: string | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
  /** Only slots before this one are shown. The page before ended with it. */
  readonly before?: string | undefined
}

/** Returns whether the history of a task does not begin with its newest slot, or leaves slots out. */
export function isFiltered({ status, duplicates, since, until, before }: TaskQuery): boolean {
  return [status, duplicates, since, until, before].some(Boolean)
}

/**
 * The links of `serve`. Names must be in the query and not in the path. Otherwise a browser would change the name
 * `a/../b`, which is a valid name of a task, into `b`.
 */
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

/**
 * Returns the id of a view in the one file. Each view has a different id, and its characters need no escape in an
 * address or an id.
 */
export function anchorOf(task: string, slot?: Instant): string {
  const name = slot === undefined ? `task ${task}` : `slot ${task} ${formatInstant(slot)}`
  return encodeURIComponent(name).replaceAll('_', '_5F').replaceAll('%', '_')
}
