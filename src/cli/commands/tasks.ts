import type { Ledger, ReadOptions } from '../../api.ts'
import { concurrently } from '../../audit/concurrently.ts'
import type { KnownTask } from '../../audit/tasks.ts'
import type { OptionTable } from '../../core/option.ts'
import { parseSchedule } from '../../core/schedule/schedule.ts'
import { slotAfter } from '../../core/schedule/slot.ts'
import type { Instant } from '../../core/types.ts'
import { type TaskState, taskJson, taskText } from '../../format/tasks.ts'
import { jsonArray, safeJson } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT } from '../exit.ts'
import { newestRow } from '../lookup.ts'
import { readOptions } from '../options/arguments.ts'
import { formatOf } from '../options/format.ts'
import { COMMON } from '../options/options.ts'
import { printAll } from '../output.ts'

const OPTIONS = {
  store: COMMON.store,
  format: COMMON.format,
  json: COMMON.json,
  ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
} as const satisfies OptionTable

const help = {
  name: 'tasks',
  summary: 'List the tasks with their schedules, last slots and next slots.',
  options: OPTIONS,
  examples: [['cronledger tasks --store dynamodb:cronledger', 'all tasks']],
} as const

export const tasks: Command = {
  help,
  async execute({ argv, env }: CommandContext) {
    const values = readOptions(help, argv, env)
    const ledger = createLedger({ store: values.store })
    const now = systemClock.now()
    const reading = { ledgerTimeoutMs: values.ledgerTimeoutMs }
    const states = concurrently(
      (signal) => ledger.tasks({ ...reading, signal }),
      (task, signal) => readTaskState(task, ledger, { ...reading, signal }, now),
      [],
    )
    await printAll(
      formatOf(values, argv, OPTIONS.format.default) === 'json'
        ? jsonArray(states, (state) => stateJson(state, now))
        : statesText(states, now),
    )
    return EXIT.ok
  },
}

/** A row does not store the skew of its run. Most runs have the default, and only the output depends on it. */
const SKEW_MS = SETTINGS.skewMs.default

async function* statesText(states: AsyncIterable<TaskState>, now: Instant): AsyncGenerator<string, void, undefined> {
  let before = ''
  for await (const state of states) {
    yield before + taskText(state, now, SKEW_MS)
    before = '\n'
  }
  yield before === '' ? 'the ledger knows no task yet\n' : '\n'
}

/** Returns the state as an indented item of a JSON array. */
function stateJson(state: TaskState, now: Instant): string {
  return safeJson(taskJson(state, now, SKEW_MS), 2).replace(/^/gm, '  ')
}

async function* readTaskState(
  { task, schedules }: KnownTask,
  ledger: Ledger,
  reading: ReadOptions,
  now: Instant,
): AsyncGenerator<TaskState, void> {
  const current = schedules.at(-1)
  if (current === undefined) return
  // A future slot can have a row, which an operator has resolved, so we must ask only for slots up to now.
  const last = await newestRow(ledger, { ...reading, task, until: new Date(now + 1) })
  yield { task, schedule: current.spec, since: current.since, last, next: slotAfter(parseSchedule(current.spec), now) }
}
