import type { Ledger, ReadOptions } from '../../api.ts'
import { concurrently } from '../../audit/concurrently.ts'
import { parseSchedules, rowsAndMissed, taskInForce } from '../../audit/expected.ts'
import type { KnownTask } from '../../audit/tasks.ts'
import { nextSlotDue } from '../../core/task/expected-slots.ts'
import { gapsOf, isRetired } from '../../core/task/suspensions.ts'
import { inForceAt } from '../../core/task/task-record.ts'
import type { Instant } from '../../core/types.ts'
import { firstRunText } from '../../format/command-line.ts'
import { type TaskSummary, taskJson, taskText } from '../../format/task/tasks.ts'
import { jsonArray, printable, safeJson } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { defineCommand } from '../command.ts'
import { formatOf } from '../options/format.ts'
import { COMMON, type CommandHelp } from '../options/options.ts'
import { printAll } from '../output.ts'

const help = {
  name: 'tasks',
  summary:
    'List the tasks with their schedules, their last slots with the status, their next slots, and their pauses. Retired tasks come last.',
  options: {
    store: COMMON.store,
    format: COMMON.format,
    json: COMMON.json,
    ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
  },
  examples: [['cronledger tasks --store dynamodb:cronledger', 'all tasks']],
} as const satisfies CommandHelp

export const tasks = defineCommand(help, async (values, { argv }) => {
  const ledger = createLedger({ store: values.store })
  const now = systemClock.now()
  const reading = { ledgerTimeoutMs: values.ledgerTimeoutMs }
  const summaries = concurrently(
    (signal) => ledger.tasks({ ...reading, signal }),
    (task, signal) => readTaskSummary(task, ledger, { ...reading, signal }, now),
    [],
  )
  await printAll(
    formatOf(values, argv, help.options.format.default) === 'json'
      ? jsonArray(summaries, (summary) => safeJson(taskJson(summary, now), 2).replace(/^/gm, '  '))
      : summariesText(summaries, now, values.store),
  )
})

/** Yields the tasks as text. Retired tasks come last, since an operator rarely looks for them. */
async function* summariesText(
  summaries: AsyncIterable<TaskSummary>,
  now: Instant,
  store: string,
): AsyncGenerator<string, void, undefined> {
  let before = ''
  const retired: string[] = []
  for await (const summary of summaries) {
    const text = taskText(summary, now)
    if (isRetired(summary.record, now)) {
      retired.push(text)
      continue
    }
    yield before + text
    before = '\n'
  }
  if (retired.length > 0) yield `${before}RETIRED\n\n${retired.join('\n')}`
  else if (before === '') yield `${printable(firstRunText(store))}\n`
}

async function* readTaskSummary(
  known: KnownTask,
  ledger: Ledger,
  reading: ReadOptions,
  now: Instant,
): AsyncGenerator<TaskSummary, void> {
  const { task, schedules } = known
  const gaps = gapsOf(known)
  yield {
    task,
    current: inForceAt(schedules, now) ?? null,
    last: await lastDueSlot(known, ledger, reading, now),
    next: nextSlotDue(parseSchedules(known), gaps, now),
    record: known,
  }
}

/**
 * Returns the newest slot of a task that was due or has a row, as the page of the task has it. Returns null if there is
 * none. A future slot can have a row, which an operator has resolved, so we must ask only for slots up to now.
 */
export async function lastDueSlot(
  known: KnownTask,
  ledger: Pick<Ledger, 'history'>,
  reading: ReadOptions,
  now: Instant,
): Promise<TaskSummary['last']> {
  const range = { since: 0, until: now + 1 }
  const until = new Date(range.until)
  const rows = ledger.history({ ...reading, task: known.task, until, limit: 1 })
  for await (const { row, missed } of rowsAndMissed(rows, [taskInForce(known, range.until)], range, true))
    return { slot: (row ?? missed).slot, row }
  return null
}
