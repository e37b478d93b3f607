import type { RunContext } from '../core/event.ts'
import { tasksAfter } from '../core/task/pattern.ts'
import type { UpstreamSlot } from '../core/task/upstream.ts'
import type { Instant } from '../core/types.ts'
import { factsOf } from './found.ts'
import { judge } from './judge.ts'
import { keySentence, type Sentence } from './sentence.ts'
import { type Verdict, verdictOf } from './verdict.ts'

export function verdictOfUpstream(
  { task, record, ...found }: UpstreamSlot,
  { store }: Pick<RunContext, 'store'>,
  now: Instant,
): Verdict {
  return verdictOf(judge(found, factsOf(task, record, now)), store)
}

/** Says which slot is missing and why: `slot 03:00 of extract has not completed (failed: attempt 1 failed)`. */
export function missingSentence(missing: UpstreamSlot, { status, happened }: Verdict): Sentence {
  return [...keySentence(missing), ` has not completed (${status ?? 'not due'}: `, ...happened, ')']
}

/**
 * Returns how many tasks of `left`, one after the other, a task comes after. A slot waits for slots of other tasks that are not
 * later than itself (`--after`), so these must be run first.
 */
export function depthOf(
  task: string,
  left: ReadonlySet<string>,
  upstreams: ReadonlyMap<string, readonly string[]>,
): number {
  const after = upstreams.get(task) ?? []
  if (after.length === 0) return 0
  const others = new Set([...left].filter((one) => one !== task))
  const own = tasksAfter(after, task, others).filter((one) => others.has(one))
  return Math.max(0, ...own.map((one) => 1 + depthOf(one, others, upstreams)))
}
