import { EXIT } from '../../core/exit.ts'
import type { OptionTable } from '../../core/option.ts'
import { nextSlotDue } from '../../core/task/expected-slots.ts'
import { parseSchedules } from '../../core/task/schedules-in-force.ts'
import { gapsOf } from '../../core/task/suspensions.ts'
import type { TaskRecord } from '../../core/task/task-record.ts'
import type { Instant } from '../../core/types.ts'
import { declaredJson, declaredText } from '../../format/task/declaration.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { SETTING_GROUPS } from '../../run/settings-table.ts'
import { defineCommand, isEmptied } from '../options/arguments.ts'
import { COMMON, type CommandHelp, TASK_CHANGE } from '../options/options.ts'
import { print } from '../output.ts'

/** Returns the options whose empty value removes what is recorded. */
function clearable<Table extends OptionTable>(table: Table): Table {
  const entries = Object.entries(table).map(([name, spec]) => [name, { ...spec, isClearable: true }])
  return Object.fromEntries(entries)
}

const help = {
  name: 'declare',
  summary:
    'Record the schedule of a task before its first run, or before a change. Then a first trigger that never comes is reported as missed. Prints the next slots. The same declaration again changes nothing.',
  options: {
    store: COMMON.store,
    task: COMMON.task,
    schedule: COMMON.schedule,
    timezone: { ...COMMON.timezone, group: 'Options' },
    anchor: { ...COMMON.anchor, group: 'Options' },
    from: {
      ...TASK_CHANGE.from,
      help: 'In force from this time on: an instant, local time, or a date',
      details: 'Local time is in the zone of the schedule. Runs of earlier slots keep their schedule.',
    },
    reason: { ...COMMON.reason, group: 'Options', help: 'Why; recorded with what changes' },
    by: TASK_CHANGE.by,
    ...clearable(SETTING_GROUPS.expectations),
    dryRun: {
      kind: 'switch',
      help: 'Record nothing: print what would be recorded, and which days would run twice or never',
    },
    json: TASK_CHANGE.json,
    ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
  },
  takesTask: true,
  examples: [
    [
      "cronledger declare nightly --store dynamodb:cronledger --schedule '0 3 * * *' --timezone Asia/Tokyo",
      'a new task, from now on',
    ],
    [
      "cronledger declare nightly … --schedule '0 5 * * *' --timezone Asia/Tokyo --from 2026-12-01",
      'a change, in the time zone of the new schedule',
    ],
    [
      "cronledger declare nightly … --schedule '0 5 * * *' --from 2026-12-01 --dry-run",
      'which days would run twice or never',
    ],
  ],
  notes: `An expectation that is left out stays as it is. An empty one, such as --after '' or an empty CRONLEDGER_AFTER, is removed from the record.\nIn the container of a batch, it reads the same variables as run. A run that has another schedule replaces the declared one from its slot on, or is refused (run --strict). To cancel a change, declare the present schedule from the same time on.\nExit codes: ${EXIT.ok}, also if nothing changes, otherwise as in run.`,
} as const satisfies CommandHelp

/** A user compares them with the scheduler. */
const NEXT_SLOTS = 5

export const declare = defineCommand(help, async ({ json, store, ...options }, { argv, env }) => {
  const emptied = Object.keys(SETTING_GROUPS.expectations).filter((name) => isEmptied(name, argv, env))
  const removed = Object.fromEntries(emptied.map((name) => [name, null]))
  const change = await createLedger({ store }).declare({ ...options, ...removed })
  const now = systemClock.now()
  const report = { ...change, next: nextSlots(change.record, now), now }
  await print(json ? declaredJson(report) : declaredText(report))
})

function nextSlots(record: TaskRecord, now: Instant): readonly Instant[] {
  const [schedules, gaps] = [parseSchedules(record), gapsOf(record)]
  const slots: Instant[] = []
  for (let at = now; slots.length < NEXT_SLOTS; ) {
    const slot = nextSlotDue(schedules, gaps, at)
    if (slot === null) break
    slots.push(slot)
    at = slot
  }
  return slots
}
