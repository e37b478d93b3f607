import type { EventOf, Finish } from '../core/event.ts'
import { openAttempt } from '../core/row/attempts.ts'
import { delayBeforeRetryMs } from '../core/row/policy.ts'
import { retryAttempt } from '../core/row/transition.ts'
import type { PendingRow } from '../core/types.ts'
import { Halted } from './ask.ts'
import { beginWaiting, type ClaimedSlot, endUnstarted, hasRanges } from './claimed-slot.ts'
import { beginInTurn } from './enter.ts'
import { admit, type Obstacle } from './task/admission.ts'
import { finishBy } from './write.ts'

/** The end of an attempt, before it is known whether it could be recorded. */
export type EndToWrite = Omit<EventOf<'ended'>, keyof Finish>

/** Records in one write that an attempt ended and the next one waits. Returns the row, or null if they may not be recorded. */
export async function recordRetry(
  ended: EndToWrite,
  { lease, halt, settings, io }: ClaimedSlot,
): Promise<PendingRow | null> {
  const { leaseMs, finishTimeoutMs, stopTimeoutMs } = settings
  const write = lease.write((row, stamp) => retryAttempt(row, ended.ending, stamp, leaseMs), {
    ms: finishTimeoutMs,
    stopTimeoutMs,
  })
  const finish = await finishBy(write, ended.attempt.number)
  const isRecorded = finish.finish === 'recorded'
  io.emit({ ...ended, ...finish, ...(isRecorded && !halt.aborted && { retries: true }) })
  return isRecorded && finish.row?.state === 'PENDING' ? finish.row : null
}

/** `retry` counts from 1. Returns null if the attempt may not begin any more, and its end is recorded. Throws `Halted`. */
export async function beginRetry(row: PendingRow, retry: number, claimedSlot: ClaimedSlot): Promise<PendingRow | null> {
  const { halt, settings, io } = claimedSlot
  if (halt.aborted) throw new Halted()
  const delayMs = delayBeforeRetryMs(settings, retry)
  io.emit({ event: 'retry', attempt: openAttempt(row).number, delayMs })
  await io.clock.wait(delayMs, halt)
  // Like the writes before and after it, this read may wait until the ledger can be reached again.
  const obstacle = await admit(claimedSlot, settings.finishTimeoutMs)
  const why = obstacle === null ? null : whyNotNow(obstacle)
  if (why === null) {
    if (!hasRanges(claimedSlot)) return beginWaiting(claimedSlot, settings.finishTimeoutMs)
    // Another run may have had the lock if the lease ran out during the delay, and earlier slots may be done since.
    const begun = await beginInTurn(row, claimedSlot, settings.finishTimeoutMs)
    return 'status' in begun ? null : begun
  }
  // We must log the end of the next attempt, otherwise a reader of the log waits for it.
  await endUnstarted(claimedSlot, why)
  return null
}

/** The delay may take a day, and an operator who pauses the task in that time expects that nothing starts. */
function whyNotNow(obstacle: Obstacle): string | null {
  switch (obstacle.cause) {
    case 'paused':
      return `${obstacle.pause.by} paused the task: ${obstacle.pause.reason}`
    case 'newerTaskRecord':
      return 'a newer version of cronledger wrote the record of the task, so it may be paused'
    case 'scheduleChanged':
      return null
  }
}
