import { formatInstant } from '../../../core/instant.ts'
import type { Instant } from '../../../core/types.ts'

/** What an address says. A person may have typed it, so it can be wrong. */
type Query<Name extends string> = Readonly<Partial<Record<Name, string | undefined>>>

/** `q` and `owner` are parts of names, and `q` may be the begin of one (`pay/*`). */
export type OverviewQuery = Query<'span' | 'status' | 'q' | 'owner' | 'sort' | 'page'>

/** Only slots before `before` are shown: the page before ended with it. */
export type TaskQuery = Query<'status' | 'since' | 'until' | 'before'>

/** Returns whether the history of a task does not begin with its newest slot, or leaves slots out. */
export function isFiltered({ status, since, until, before }: TaskQuery): boolean {
  return [status, since, until, before].some(Boolean)
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
