import { formatInstant } from '../../../core/instant.ts'
import type { Instant } from '../../../core/types.ts'

export interface OverviewQuery {
  /** The span of the time axis: `24h`, `7d` or `30d`. */
  readonly span?: string | undefined
  readonly status?: string | undefined
  /** A part of the name, or its begin (`pay/*`). */
  readonly q?: string | undefined
  /** A part of the owner. */
  readonly owner?: string | undefined
  /** `severity`, `name`, `duration` or `next`. */
  readonly sort?: string | undefined
  /** Set: more slots of each task are read, for a page with few tasks. */
  readonly whole?: string | undefined
  /** The number of the page of tasks. The first one is 1. */
  readonly page?: string | undefined
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

/** Names must be in the query: in a path, a browser would change `a/../b`, which is a valid name of a task, into `b`. */
export const links = {
  overview: (query: OverviewQuery = {}) => address('/', { ...query }),
  needs: (owner?: string) => address('/needs', { owner }),
  task: (task: string, query: TaskQuery = {}) => address('/task', { task, ...query }),
  slot: (task: string, slot: Instant) => address('/slot', { task, slot: formatInstant(slot) }),
}

function address(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]))
  const text = new URLSearchParams(given).toString()
  return text === '' ? path : `${path}?${text}`
}
