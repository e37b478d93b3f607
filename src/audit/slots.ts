import { LedgerError, usageError } from '../core/errors.ts'
import { readableRow } from '../core/row/status.ts'
import { parseSchedule } from '../core/schedule/schedule.ts'
import { timeText } from '../core/schedule/schedule-options.ts'
import { instantWithoutSchedule, parseSlotReference } from '../core/schedule/slot-reference.ts'
import { parseSlotBySchedules } from '../core/task/schedules-in-force.ts'
import { expectedTimes } from '../core/task/task-record.ts'
import type { Instant } from '../core/types.ts'
import type { TaskFacts } from '../verdict/found.ts'
import { type HistoryDeps, readRow } from './history.ts'
import { checkedTask, type KnownTask, knownTask, noScheduleText, readTaskRecords } from './tasks.ts'
import { judgedSlots, readFacts, type SlotQuery } from './walk.ts'

export interface SlotsSettings extends Omit<SlotQuery, 'task'> {
  readonly task?: string | KnownTask
  readonly now: Instant
  readonly emitProblem?: ((problem: string) => void) | undefined
}

/** Yields the judged slots of one task or of all tasks. Throws a usage error for an unknown task. */
export async function* readSlots({ task, now, emitProblem, ...query }: SlotsSettings, deps: HistoryDeps) {
  const tasks: TaskFacts[] = []
  for await (const known of tasksOf(task, emitProblem, deps)) tasks.push(readFacts(known, now, emitProblem))
  const name = typeof task === 'object' ? task.task : task
  // Without a run, the slots that an operator declared are missed from the first one on.
  const fromFirstRow = query.fromFirstRow === true && !tasks.every(({ isOnlyDeclared }) => isOnlyDeclared)
  yield* judgedSlots(tasks, { ...query, fromFirstRow, ...(name !== undefined && { task: name }) }, now, deps)
}

async function* tasksOf(
  task: string | KnownTask | undefined,
  emitProblem: SlotsSettings['emitProblem'],
  deps: HistoryDeps,
): AsyncGenerator<KnownTask> {
  if (task === undefined) {
    yield* readTaskRecords(deps, emitProblem && ((name, { message }) => emitProblem(`task ${name}: ${message}`)))
    return
  }
  const known = typeof task === 'string' ? await checkedTask(task, deps) : task
  if (known.schedules.length === 0) {
    if (emitProblem === undefined) throw usageError(noScheduleText(known.task))
    emitProblem(noScheduleText(known.task))
  }
  yield known
}

/**
 * Returns the slot with the record of its task, which is null if it has no schedule or could not be read. For an instant, the
 * row of the slot is enough. Otherwise throws a usage error if no schedule has the slot.
 */
export async function findSlot(
  { task, slot }: { readonly task: string; readonly slot: string | Date },
  deps: HistoryDeps,
) {
  let known: KnownTask | null = null
  const text = timeText(slot, 'slot')
  const now = deps.clock.now()
  try {
    known = await knownTask(task, deps)
    return { ...parseSlotBySchedules(known.schedules, text, now), ...expectedTimes(known), known }
  } catch (error) {
    const mayHaveRow = error instanceof LedgerError && (error.kind === 'usage' || error.kind === 'shape')
    const found = mayHaveRow ? await slotOfRow(task, text, now, deps) : null
    if (found === null) throw error
    return { ...found, ...expectedTimes(known), known }
  }
}

async function slotOfRow(task: string, text: string, now: Instant, deps: HistoryDeps) {
  const slot = instantWithoutSchedule(text)
  const row = slot === null ? null : readableRow(await readRow({ task, slot: new Date(slot) }, deps))
  return row && { window: parseSlotReference(parseSchedule(row.schedule), text, now), spec: row.schedule }
}
