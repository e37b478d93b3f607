import type { Ledger, ReadOptions } from '../api.ts'
import { parseSchedule } from '../core/schedule.ts'
import { slotAfter } from '../core/slot.ts'
import type { Instant } from '../core/types.ts'
import { createLedger } from '../ledger.ts'
import { type TaskState, taskJson, tasksText } from '../report/tasks.ts'
import { safeJson } from '../report/text.ts'
import { systemClock } from '../run/clock.ts'
import type { KnownTask } from '../run/tasks.ts'
import { LIMITS } from '../run/terms.ts'
import { readOptions } from './arguments.ts'
import type { Command, CommandContext } from './command.ts'
import { EXIT } from './exit.ts'
import { newestRow } from './lookup.ts'
import { LEDGER_TIMEOUT, type OptionTable, STORE } from './options.ts'
import { print } from './streams.ts'

const OPTIONS = {
  ...STORE,
  format: { kind: 'text', value: 'text|json', choices: ['text', 'json'], otherwise: 'text', help: 'json is one array' },
  ...LEDGER_TIMEOUT,
} as const satisfies OptionTable

const help = {
  name: 'tasks',
  summary: 'Shows the tasks that the ledger knows: schedule, last slot and its state, next slot.',
  options: OPTIONS,
  examples: [['cronledger tasks --store dynamodb:cronledger', 'all tasks that ever ran by their schedules']],
} as const

export const tasks: Command = {
  help,
  async execute({ argv, env }: CommandContext) {
    const values = readOptions(help, argv, env)
    const ledger = createLedger({ store: values.store })
    const now = systemClock.now()
    const states: TaskState[] = []
    const reading = { ledgerTimeoutMs: values['ledger-timeout'] }
    for await (const task of ledger.tasks(reading)) {
      const state = await stateOf(task, ledger, reading, now)
      if (state !== null) states.push(state)
    }
    if (values.format === 'json') {
      const all = states.map((state) => taskJson(state, now, SKEW_MS))
      await print(safeJson(all, 2))
    } else await print(states.length === 0 ? 'the ledger knows no task yet' : tasksText(states, now, SKEW_MS))
    return EXIT.ok
  },
}

/** A row tells nothing of its run's skew; the default is what most have, and the word is for a person. */
const SKEW_MS = LIMITS.skewMs.default

async function stateOf(
  { task, schedules }: KnownTask,
  ledger: Ledger,
  reading: ReadOptions,
  now: Instant,
): Promise<TaskState | null> {
  const current = schedules.at(-1)
  if (current === undefined) return null
  // One to come can have a row: a person has settled it.
  const last = await newestRow(ledger, { ...reading, task, until: new Date(now + 1) })
  return { task, schedule: current.spec, since: current.since, last, next: slotAfter(parseSchedule(current.spec), now) }
}
