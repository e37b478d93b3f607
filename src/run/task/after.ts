import { usageError } from '../../core/errors.ts'
import { formatInstant } from '../../core/instant.ts'
import { isLeftOpen } from '../../core/row/attempts.ts'
import { readableRow } from '../../core/row/status.ts'
import { blockAttempt, keyOf } from '../../core/row/transition.ts'
import { type DueUpstream, needOf } from '../../core/task/upstream.ts'
import type { Instant, Key, PendingRow, StoredRow } from '../../core/types.ts'
import { within } from '../ask.ts'
import { type ClaimedSlot, writeClaimed } from '../claimed-slot.ts'
import { readAround, rowBefore } from './range.ts'
import { readUpstream, readUpstreamRecord, readUpstreamRow, upstreamOf } from './upstream.ts'

// A run that comes after other slots (`--after`) waits for them after its claim, so that a second trigger of its slot is a
// duplicate.

/** A batch that waits for hours need not start within a second, and each read costs a request. */
const READ_EVERY_MS = 10_000
/** Runs that wait for the same slot do not read it at the same moment. */
const JITTER = 0.2
/**
 * Waits until all slots that this one comes after have completed, or need not complete. Returns the slot that is missing at
 * the end of the time. Throws `Halted`, `LedgerError`, and a usage error if it would wait for the run that this process is a
 * part of.
 */
export async function waitForUpstream(row: PendingRow, claimedSlot: ClaimedSlot): Promise<DueUpstream | null> {
  const { request, settings, io } = claimedSlot
  const untilMs = request.waitUntilMs ?? io.clock.monotonicMs() + settings.afterTimeoutMs
  let last: DueUpstream | null = null
  for (;;) {
    const missing = await findMissing(row, claimedSlot)
    if (missing === null) return null
    const leftMs = untilMs - io.clock.monotonicMs()
    if (missing.task !== last?.task || missing.slot !== last.slot) {
      await writeClaimed(
        (row, stamp) => blockAttempt(row, keyOf(missing), stamp, settings.leaseMs),
        claimedSlot,
        settings.ledgerTimeoutMs,
      )
      if (leftMs > 0) io.emit({ event: 'waiting', missing, leftMs })
    }
    last = missing
    if (leftMs <= 0) return missing
    await waitForRow(missing, untilMs, claimedSlot)
  }
}

/** Reads from the first slot on at each call, because a slot that had completed may run again since. */
async function findMissing(own: PendingRow, claimedSlot: ClaimedSlot): Promise<DueUpstream | null> {
  const { request, settings, io, halt } = claimedSlot
  const excused: string[] = []
  const read = (task: string) => readUpstreamRecord(task, settings, io, { halt, retry: 'denied' })
  const hasRow = async (key: Key) => (await readUpstreamRow(key, claimedSlot)) !== null
  const names = request.upstreams ?? settings.after ?? []
  const since = await rangeStart(own, claimedSlot)
  for (const { record, slots } of await upstreamOf(request, names, read, hasRow, since)) {
    for await (const one of readUpstream(slots, record, claimedSlot)) {
      if (isInOwnRange(one, claimedSlot)) continue
      const need = needOf(one)
      if (need.kind === 'open') return { ...one, row: notInside(one, claimedSlot) }
      if (need.kind === 'excused') excused.push(`${formatInstant(one.slot)} of ${one.task} ${need.why}`)
    }
  }
  if (excused.length > 0) {
    const message = `this run starts, although these slots of --after have not completed: ${excused.join('; ')}`
    io.emit({ event: 'warning', message })
  }
  return null
}

/** Returns where the range begins, if that is known while the run waits. Null: it has none, or there is no success. */
async function rangeStart(row: PendingRow, { request, settings, io, halt }: ClaimedSlot): Promise<Instant | null> {
  if (!settings.sinceLastSuccess) return null
  const own = rowBefore(row, request.trigger, io.clock.now())
  const limit = { ms: settings.ledgerTimeoutMs, halt }
  const { start } = await within(limit, io, (ask) => readAround(request, own, settings, io, ask))
  return 'since' in start ? start.since : null
}

async function waitForRow(missing: DueUpstream, untilMs: number, claimedSlot: ClaimedSlot): Promise<void> {
  const { clock, random } = claimedSlot.io
  for (;;) {
    const leftMs = untilMs - clock.monotonicMs()
    if (leftMs <= 0) return
    await clock.wait(Math.min(leftMs, READ_EVERY_MS * (1 + JITTER * (2 * random() - 1))), claimedSlot.halt)
    for await (const one of readUpstream([missing], missing.record, claimedSlot))
      if (needOf(one).kind !== 'open') return
  }
}

/** Returns whether the slot is the previous one of a run with a range, and nothing has started in it: the range has it, too. */
function isInOwnRange({ task, row }: DueUpstream, { request, settings }: ClaimedSlot): boolean {
  if (task !== request.task || !settings.sinceLastSuccess) return false
  const own = readableRow(row)
  return row === null || (own !== null && isLeftOpen(own))
}

/** Throws a usage error if the row runs in a batch that calls this process: each would wait for the other. */
function notInside({ row }: DueUpstream, { request }: ClaimedSlot): StoredRow | null {
  const own = readableRow(row)
  const owner = own?.state === 'PENDING' ? own.owner : undefined
  if (owner === undefined || !request.insideOf?.includes(owner)) return row
  throw usageError(
    `cronledger was called inside run ${owner} of a task that this one comes after, and would wait for it to end. Call the batch itself instead of cronledger.`,
  )
}
