import { AsyncLocalStorage } from 'node:async_hooks'
import type { Environment, Instant } from '../core/types.ts'

interface FunctionRun {
  readonly runId: string
  /** Work that the function left behind is not a part of the run any more. */
  hasEnded: boolean
}

/** A batch that schedules its own next run passes the list on, which must not grow forever. */
const MAX_ANCESTORS = 16

const functionRuns = new AsyncLocalStorage<readonly FunctionRun[]>()

export async function insideRun<T>(runId: string, work: () => T | Promise<T>): Promise<T> {
  const run: FunctionRun = { runId, hasEnded: false }
  try {
    return await functionRuns.run([...currentRuns(), run], work)
  } finally {
    run.hasEnded = true
  }
}

/** Returns the run ids of the runs that the caller is a part of, the outermost first, by its environment and its callers. */
export function surroundingRuns({
  CRONLEDGER_RUN_ANCESTORS: ancestors = '',
  CRONLEDGER_RUN_ID: id = '',
}: Environment): readonly string[] {
  const ids = [...ancestors.split(' '), id, ...currentRuns().map(({ runId }) => runId)]
  return [...new Set(ids)].filter((runId) => runId !== '')
}

/** Returns the slot of the run whose batch this process belongs to, as its environment says. Returns null if there is none. */
export function surroundingSlot(env: Environment): { readonly task: string; readonly slot: Instant } | null {
  const { CRONLEDGER_RUN_ID: id, CRONLEDGER_RUN_TASK: task, CRONLEDGER_RUN_SLOT: text = '' } = env
  const slot = Date.parse(text)
  return id === undefined || task === undefined || Number.isNaN(slot) ? null : { task, slot }
}

export function ancestorsText(insideOf: readonly string[], runId: string): string {
  return [...insideOf, runId].slice(-MAX_ANCESTORS).join(' ')
}

const ANCESTORS = 'CRONLEDGER_RUN_ANCESTORS='

export interface SearchedRun {
  readonly runId: string
  readonly task: string
  /** The attempt. Left out: all attempts of the run. */
  readonly attempt?: number
}

/**
 * Returns whether a process with this environment, each variable between NUL bytes, is a part of the batch of a run, or of
 * a run of another task inside of it. Such an inner run does not say which attempt it is inside of. An inner run of the
 * same task is for another slot: a batch may start its next run, and that one is not a part of the batch.
 */
export function isPartOf(environment: string, { runId, task, attempt }: SearchedRun): boolean {
  // A search must look at a process within less than a millisecond, and most are not a part of any run.
  if (!environment.includes(runId)) return false
  const variables = environment.split('\0')
  if (variables.includes(`CRONLEDGER_RUN_ID=${runId}`)) {
    return attempt === undefined || variables.includes(`CRONLEDGER_RUN_ATTEMPT=${attempt}`)
  }
  if (variables.includes(`CRONLEDGER_RUN_TASK=${task}`)) return false
  const ancestors = variables.find((variable) => variable.startsWith(ANCESTORS)) ?? ''
  return ancestors.slice(ANCESTORS.length).split(' ').includes(runId)
}

/** Leaves out the runs that have ended, otherwise a function that starts its own next run would collect them forever. */
function currentRuns(): readonly FunctionRun[] {
  return functionRuns.getStore()?.filter(({ hasEnded }) => !hasEnded) ?? []
}
