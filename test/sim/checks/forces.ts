import type { Row } from '../../../src/core/types.ts'
import { TIMES } from '../day.ts'
import type { Observed, Story } from '../observed.ts'

// The promises about forces, and about resolutions that name a run which the operator calls ended. Like check.ts, this
// file shares no code with the rules.
/** A slow answer of a calm ledger takes up to 4 s. */
const SLOW_MS = 5_000
/** A run that is alive hears of the resolution with its next heartbeat, and stops its work. */
const NOTICE_MS = TIMES.heartbeatMs + SLOW_MS + TIMES.killAfterMs

type Say = (promise: string, text: string) => void

const USUAL: readonly string[] = ['missed', 'failed', 'stale', 'skipped']
const STATUS_OF = { PENDING: 'stale', COMPLETED: 'completed', FAILED: 'failed', SKIPPED: 'skipped' } as const

function hasCompleted(row: Row | undefined): boolean {
  const succeeded = row?.attempts.some(({ outcome }) => outcome === 'succeeded')
  return succeeded === true || row?.resolutions.some(({ state }) => state === 'COMPLETED') === true
}

function hasOnlyGivenWay({ attempts, resolutions }: Row): boolean {
  return resolutions.length === 0 && attempts.every((one) => one.phase === 'ended' && one.gaveWayTo !== undefined)
}

/** Returns the status that a row gives its slot. A row of claims that gave way to later runs counts as none. */
function statusOf(row: Row | undefined): string {
  if (row === undefined || hasOnlyGivenWay(row)) return 'missed'
  if (hasCompleted(row)) return 'completed'
  const latest = latestOf(row)
  const isDecided = row.resolutions.some(({ afterAttempt }) => afterAttempt >= (latest?.number ?? 0))
  // An attempt that never started says nothing about one before it that never reported its end.
  if (row.state === 'FAILED' && latest?.outcome === 'abandoned' && !isDecided) return 'stale'
  return STATUS_OF[row.state]
}

export function checkForces(observed: Observed, say: Say): void {
  for (const story of observed.stories.filter(({ forced }) => forced)) {
    const applied = observed.writes.get(story.day) ?? []
    const index = applied.findIndex(({ row }) => row.attempts.some(({ runId }) => runId === story.runId))
    if (index === -1) continue
    const before = applied[index - 1]?.row
    const status = statusOf(before)
    const meant: readonly string[] = story.only ?? USUAL
    // With ranges, a later run may say something else of the slot.
    if (!story.hasRange && !meant.includes(status)) {
      say('a force starts only what it is meant for', `${story.runId} (${meant}) claimed a slot that was ${status}`)
    }
    const newer = before?.attempts.find(
      ({ phase, outcome, startedAt }) => phase !== 'waiting' && outcome !== 'notStarted' && startedAt > story.askedMs,
    )
    if (newer !== undefined) {
      say('a force knows every attempt', `${story.runId} was asked for before attempt ${newer.number} began`)
    }
    const done = applied.find(({ row }) => hasCompleted(row))
    const isNamed = endedByWord(story, observed) !== undefined
    for (const { startMs } of story.works) {
      if (done !== undefined && startMs > done.atMs && !meant.includes('completed') && !isNamed) {
        say('completed work is not done again', `${story.runId} started, and its force does not name completed`)
      }
    }
  }
}

function latestOf(row: Row | undefined) {
  return row?.attempts.findLast(({ outcome }) => outcome !== 'notStarted') ?? row?.attempts.at(-1)
}

export function isNamed(row: Row, before: Row | undefined, { named }: Observed): boolean {
  const added = row.resolutions.length > (before?.resolutions.length ?? 0) ? row.resolutions.at(-1) : undefined
  const run = added === undefined ? undefined : named.get(added.reason)
  return run !== undefined && latestOf(before)?.runId === run
}

export function checkNaming(observed: Observed, say: Say): void {
  for (const applied of observed.writes.values()) {
    for (const [index, { row }] of applied.entries()) {
      const before = applied[index - 1]?.row
      const added = row.resolutions.length > (before?.resolutions.length ?? 0) ? row.resolutions.at(-1) : undefined
      const run = added === undefined ? undefined : observed.named.get(added.reason)
      if (run !== undefined && !isNamed(row, before, observed)) {
        say('a resolution ends the run that it names', `it names ${run}, and the slot had ${latestOf(before)?.runId}`)
      }
      const resolved = before?.resolutions.at(-1)
      const isNew = row.attempts.length > (before?.attempts.length ?? 0) || added !== undefined
      if (resolved?.afterAttempt === before?.attempts.at(-1)?.number && before?.state !== row.state && !isNew) {
        say('a resolution stays', `the slot was ${before?.state}, and became ${row.state}`)
      }
    }
  }
}

/** Returns the time in which the run of the story may still run after a resolution has called it ended. */
export function endedByWord(
  { runId, day }: Story,
  { writes, named, isCalm }: Observed,
): { readonly fromMs: number; readonly toMs: number } | undefined {
  const word = (writes.get(day) ?? []).find(({ row }, index, all) => {
    const added = row.resolutions.length > (all[index - 1]?.row.resolutions.length ?? 0)
    return added && named.get(row.resolutions.at(-1)?.reason ?? '') === runId && all[index - 1]?.row.state === 'PENDING'
  })
  if (word === undefined) return undefined
  return { fromMs: word.atMs, toMs: isCalm ? word.atMs + NOTICE_MS : Number.POSITIVE_INFINITY }
}
