import { decideResolution, type ResolveDecision } from '../core/row/decide.ts'
import { readableRow } from '../core/row/status.ts'
import { type ResolutionRequest, resolveRow, type Stamp } from '../core/row/transition.ts'
import { EMPTY_TASK_RECORD } from '../core/task/task-record.ts'
import type { AttemptRecord, Instant, Resolution, Row, StoredRow, Survivor } from '../core/types.ts'
import { type Ask, within } from './ask.ts'
import type { Settings } from './settings.ts'
import { writeRecord } from './task/task-record.ts'
import { type WriteIo, writeAsOwner } from './write.ts'

export type ResolveResult =
  | { readonly kind: 'resolved'; readonly row: Row }
  | Extract<ResolveDecision, { kind: 'refused' }>

export interface ResolveIo extends WriteIo {
  /** Returns a process on this host that belongs to one of these attempts, if that never reported its end, or null. */
  findSurvivor(slot: { readonly task: string; readonly attempts: readonly AttemptRecord[] }): Survivor | null
}

/** The lease of a run that is known to have ended does not matter. Throws `LedgerError`, also if it may yet be recorded. */
export function resolveSlot(
  request: ResolutionRequest,
  settings: Pick<Settings, 'skewMs' | 'ledgerTimeoutMs'>,
  io: ResolveIo,
): Promise<ResolveResult> {
  const key = { task: request.task, slot: request.window.slot }
  return within({ ms: settings.ledgerTimeoutMs }, io, async (ask): Promise<ResolveResult> => {
    let found = await ask((call) => io.store.get(key, call))
    if (found === null) {
      // Without a record, no view of all tasks would show the slot.
      await ask((call) => writeRecord(key.task, EMPTY_TASK_RECORD, 'absent', io.store, call))
    }
    const hasSeenIt = readableRow(found)?.state === 'COMPLETED'
    const stampedAt = new Set<Instant>()
    for (;;) {
      // The answer to an own write was lost, and someone else has written since. A second resolution would replace theirs.
      const own = withResolution(found, stampedAt)
      if (own !== null) {
        found = await changedSince(own, ask)
        if (found === own) return { kind: 'resolved', row: own }
        continue
      }
      // We must decide again after each conflict, because another run may have claimed the slot since.
      const decision = decideResolution(found, {
        slot: key.slot,
        state: request.state,
        now: io.clock.now(),
        skewMs: settings.skewMs,
        endedRun: request.endedRun ?? null,
        survivor: survivorOf(found),
        hasSeenIt,
      })
      if (decision.kind === 'refused') {
        const done = decision.cause === 'completed' ? readableRow(found) : null
        if (done === null) return decision
        found = await changedSince(done, ask)
        if (found === done) return decision
        continue
      }
      const change = (row: Row | null, stamp: Stamp) => {
        stampedAt.add(stamp.now)
        return resolveRow(row, request, stamp)
      }
      const written = await writeAsOwner<Row | null, Row>(decision.base, change, io, ask)
      if (written.kind === 'ok') return { kind: 'resolved', row: written.row }
      found = written.found
    }
  })

  /**
   * Returns the row, or what has replaced it since. The write changes nothing, since there is a row: on PostgreSQL, its answer
   * says that the row is on the standby, too. A row that was only read may be lost later.
   */
  async function changedSince(row: Row, ask: Ask): Promise<StoredRow | null> {
    const written = await ask((call) => io.store.put(row, 'absent', call))
    return written.kind === 'ok' || readableRow(written.found)?.writeId === row.writeId ? row : written.found
  }

  /** Returns the row if it has the resolution of this request, made at one of these times. */
  function withResolution(found: StoredRow | null, at: ReadonlySet<Instant>): Row | null {
    const row = readableRow(found)
    const isOwn = (one: Resolution) => at.has(one.at) && one.by === request.by && one.reason === request.reason
    return row?.resolutions.some(isOwn) ? row : null
  }

  /** A process of the run on this host shows that it has not ended. One of an earlier run says nothing. */
  function survivorOf(found: StoredRow | null): Survivor | null {
    const row = readableRow(found)
    if (row === null || request.endedRun == null) return null
    return io.findSurvivor({ ...row, attempts: row.attempts.filter(({ runId }) => runId === request.endedRun) })
  }
}
