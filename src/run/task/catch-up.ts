import { firstLine, LedgerError, nullIfShape } from '../../core/errors.ts'
import type { MissedSlot } from '../../core/task/expected-slots.ts'
import { isSuspended, pauseFor } from '../../core/task/suspensions.ts'
import { otherScheduleAt, withSchedule } from '../../core/task/task-changes.ts'
import { isNewerRecord, type TaskRecord, USUAL_GRACE_MS } from '../../core/task/task-record.ts'
import { latestSlot, withoutFuture } from '../../core/task/wrong-clock.ts'
import type { Instant } from '../../core/types.ts'
import type { CallOptions } from '../../store/store.ts'
import { askWithin, Halted, ifHalted } from '../ask.ts'
import type { SlotRequest } from '../claim.ts'
import type { Settings } from '../settings.ts'
import type { RunIo } from '../write.ts'
import { findLastSlot } from './admission.ts'
import type { ChangeIo } from './task-record.ts'
import { readRecord } from './task-record.ts'

/** Yields the missed slots in `[since, until)`, newest first. Throws a usage error if a schedule cannot be read. */
export type FindMissed = (
  known: TaskRecord & { readonly task: string },
  range: { readonly since: Instant; readonly until: Instant; readonly graceMs: number },
  deps: Omit<ChangeIo, 'random'>,
) => AsyncIterable<MissedSlot>

export interface CatchUpIo extends Pick<RunIo, 'store' | 'clock' | 'random' | 'stop' | 'known' | 'emit'> {
  readonly findMissed: FindMissed
}

/** More would take very long. The slots that are left stay missed, so the next run catches them up. */
const MAX_CAUGHT_UP = 100

/**
 * Runs the missed slots before the slot of a scheduled run, the oldest first, and returns their results. Each of them is
 * an ordinary trigger: `runSlot` claims the slot only if it still has no row. A slot that fails does not stop the others.
 *
 * A stop ends the catch-up after the slot that runs. So does a pause of the run's own slot that an operator sets while the
 * catch-up runs. The slots that are left stay missed. Throws `LedgerError` if the ledger cannot be used.
 */
export async function catchUp<R>(
  request: SlotRequest,
  settings: Settings,
  io: CatchUpIo,
  runSlot: (slot: MissedSlot) => Promise<R>,
): Promise<readonly R[]> {
  const { catchUpMs, maxLatenessMs, skewMs } = settings
  if (catchUpMs === null) return []
  const longestMs = Math.min(catchUpMs, maxLatenessMs ?? Number.POSITIVE_INFINITY)
  const since = io.clock.now() - longestMs
  if (since >= request.window.slot) return []
  const first = await readUsable(request, settings, io).catch(nullIfShape)
  // No run has stated the schedule of a task without a record, so it is unknown which slots were due before.
  if (first === null || first.schedules.length === 0) return []
  const { slots, left } = await findOldest(first, since, request, settings, io)
  const [oldest, newest] = [slots.at(0), slots.at(-1)]
  if (oldest === undefined || newest === undefined) return []
  io.emit({ event: 'catch-up', count: slots.length, oldest: oldest.slot, newest: newest.slot, left })
  const results: R[] = []
  for (const missed of slots) {
    // The slots before it may have taken hours. We must read the record again, otherwise this run would claim a slot that
    // an operator has paused since.
    const record = await readUsable(request, settings, io)
    if (record === null) break
    const now = io.clock.now()
    const isTooLate = maxLatenessMs !== null && now - missed.slot > maxLatenessMs
    if (!isTooLate && !isSuspended(record, missed.slot, now, skewMs)) results.push(await runSlot(missed))
  }
  return results
}

/** Null: nothing may be caught up: a stop, a pause, another schedule of a strict run, or a newer record. */
async function readUsable(
  { task, window: { slot }, schedule }: SlotRequest,
  settings: Settings,
  io: CatchUpIo,
): Promise<TaskRecord | null> {
  const limit = { ms: settings.ledgerTimeoutMs, halt: io.stop }
  const read = await askWithin(limit, io, (call) => readRecord(task, io.store, call)).catch(ifHalted(null))
  // The run of its own slot reads the record too, and starts nothing either in each of these cases.
  if (read === null || isNewerRecord(read.record)) return null
  io.known.add(task, read.record)
  const latest = latestSlot({ now: io.clock.now(), skewMs: settings.skewMs })
  const record = withoutFuture(read.record, Math.max(slot, latest))
  if (settings.strict && otherScheduleAt(record.schedules, schedule, slot) !== null) return null
  return pauseFor(record, slot, io.clock.now(), settings.skewMs) === null ? record : null
}

interface Oldest {
  readonly slots: readonly MissedSlot[]
  readonly left: number
}

/**
 * Returns the oldest missed slots. The run itself may be the first one of a new schedule. So its schedule counts from its
 * slot on, otherwise the slots that the earlier schedule had after the change would look missed.
 */
async function findOldest(
  record: TaskRecord,
  since: Instant,
  { task, window: { slot }, schedule }: SlotRequest,
  { graceMs, ledgerTimeoutMs: ms }: Settings,
  io: CatchUpIo,
): Promise<Oldest> {
  const { schedules: recorded } = record
  const range = { since, until: slot, graceMs: graceMs ?? USUAL_GRACE_MS }
  const find = async (call: CallOptions) => {
    const isSwitch = otherScheduleAt(recorded, schedule, slot) !== null
    const lastSlot = isSwitch ? await findLastSlot({ task, schedules: recorded, before: slot }, io.store, call) : null
    const schedules = withSchedule(recorded, schedule, slot, lastSlot) ?? recorded
    // This signal limits all pages together, so that a task of many rows does not hold up the own slot for longer.
    const deps = { store: io.store, clock: io.clock, pageTimeoutMs: ms, signals: [call.signal] }
    return oldestOf(io.findMissed({ ...record, task, schedules }, range, deps))
  }
  return askWithin({ ms, halt: io.stop }, io, find).catch((error: unknown) => {
    const nothing = { slots: [], left: 0 }
    if (error instanceof Halted) return nothing
    if (!(error instanceof LedgerError)) throw error
    const message = `catch-up cannot find the missed slots: ${firstLine(error)}`
    if (error.kind !== 'usage' && error.kind !== 'shape') throw new LedgerError(error.kind, message, { cause: error })
    // An old schedule that cannot be read must not prevent the run of today.
    io.emit({ event: 'warning', message })
    return nothing
  })
}

async function oldestOf(missed: AsyncIterable<MissedSlot>): Promise<Oldest> {
  const slots: MissedSlot[] = []
  let left = 0
  for await (const slot of missed) {
    slots.push(slot)
    if (slots.length <= MAX_CAUGHT_UP) continue
    slots.shift()
    left += 1
  }
  return { slots: slots.reverse(), left }
}
