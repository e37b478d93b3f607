import { DAY_MS } from '../../core/duration.ts'
import { quote, usageError } from '../../core/errors.ts'
import { EXIT } from '../../core/exit.ts'
import { type OptionTable, optionName } from '../../core/option.ts'
import { readableRow } from '../../core/row/status.ts'
import { clockNotes } from '../../core/schedule/clock-changes.ts'
import { parseSchedule, type Schedule } from '../../core/schedule/schedule.ts'
import { readSchedule } from '../../core/schedule/schedule-options.ts'
import { earlyToleranceMs, slotAfter, slotBefore, windowOf } from '../../core/schedule/slot.ts'
import { parseTime } from '../../core/schedule/time-range.ts'
import { scheduleWarnings } from '../../core/schedule/warnings.ts'
import { scheduleInForce } from '../../core/task/schedules-in-force.ts'
import type { Instant } from '../../core/types.ts'
import { checkTaskName, isTaskName } from '../../core/user-text.ts'
import { explainJson, explainText } from '../../format/explain.ts'
import { safeJson } from '../../format/text.ts'
import { systemClock, ZONE_DATA } from '../../process/clock.ts'
import { type CommandContext, defineCommand, isGiven, readOptions, type Values } from '../options/arguments.ts'
import { COMMON, variableOf } from '../options/options.ts'
import { print } from '../output.ts'

/** A year, also a leap year. The clocks of every zone make all their yearly changes in this time. */
const CLOCKS_MS = 366 * DAY_MS

const OPTIONS = {
  store: {
    ...COMMON.store,
    required: undefined,
    help: 'The ledger of the task',
  },
  task: { ...COMMON.task, required: undefined, help: 'Explain this task, as recorded in its ledger' },
  schedule: { ...COMMON.schedule, required: undefined, otherwise: 'the recorded one of the task' },
  timezone: COMMON.timezone,
  anchor: COMMON.anchor,
  at: {
    kind: 'text',
    group: 'Event time',
    value: 'TIME',
    otherwise: 'now',
    help: 'Event time to explain: an instant, local time, or a date',
  },
  count: {
    kind: 'integer',
    default: 5,
    // A person does not read more than a hundred lines each way, and a program can ask for more in steps.
    bounds: [1, 100],
    help: 'Show this many slots before and after',
  },
  json: COMMON.json,
  ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
} as const satisfies OptionTable

/** With a task, the ledger is required. */
const OF_TASK = { ...OPTIONS, store: COMMON.store, task: COMMON.task } as const satisfies OptionTable

const help = {
  name: 'explain',
  summary:
    'Show what a schedule means: in words, the slots around a time, the effects of clock changes until a year later, and the key that a run would write. For a task, it explains the recorded schedule. Without a task, it needs no ledger.',
  options: OPTIONS,
  takesTask: true,
  examples: [
    [
      "cronledger explain --schedule 'cron(0 18 ? * MON-FRI *)' --timezone Asia/Tokyo",
      'the slots around the current time',
    ],
    [
      "cronledger explain --schedule '30 2 * * *' --timezone America/New_York --at 2027-03-14T06:00:00Z",
      'around a clock change',
    ],
    ['cronledger explain nightly --store dynamodb:cronledger', 'the recorded schedule of a task'],
  ],
  notes: `The ledger is read only if the task is on the command line. CRONLEDGER_TASK only sets the task in the key.\nExit codes: ${EXIT.ok}, otherwise as in run.`,
} as const

export const explain = defineCommand(help, async (values, context) => {
  await print(await slotsText(values, readNamedTask(context), context.argv, systemClock.now()))
})

type Given = Values<typeof OPTIONS>
type NamedTask = Values<typeof OF_TASK>

async function slotsText(values: Given, named: NamedTask | null, argv: readonly string[], now: Instant) {
  const atIn = ({ spec }: Schedule) => (values.at === undefined ? now : parseTime(values.at, '--at', spec.zone, now))
  const toleranceIn = (schedule: Schedule) => earlyToleranceMs(schedule, atIn(schedule))
  const windowIn = (schedule: Schedule) => windowOf(schedule, atIn(schedule), toleranceIn(schedule))
  const schedule =
    named === null
      ? readGivenSchedule(values, argv)
      : await recordedSchedule(named, (recorded) => windowIn(recorded)?.slot ?? null)
  const at = atIn(schedule)
  const found = windowIn(schedule)
  const count = values.count ?? OPTIONS.count.default
  const previous = neighbours(schedule, found?.slot ?? at, slotBefore, count).reverse()
  // A change of the clocks among the slots shown explains why a slot seems to be missing there.
  const clocksFrom = Math.max(previous[0] ?? found?.slot ?? at, at - CLOCKS_MS)
  const explanation = {
    schedule,
    zoneData: ZONE_DATA,
    task: values.task ?? null,
    at,
    earlyToleranceMs: toleranceIn(schedule),
    window: found === null ? null : { slot: found.slot, end: found.next },
    previous,
    next: neighbours(schedule, found?.slot ?? at, slotAfter, count),
    clocksFrom,
    clocksUntil: at + CLOCKS_MS,
    clockNotes: clockNotes(schedule, clocksFrom, at + CLOCKS_MS),
    warnings: scheduleWarnings(schedule, now, ZONE_DATA),
  }
  return values.json ? safeJson(explainJson(explanation), 2) : explainText(explanation)
}

/** Reads the options again, with the ledger, if the command line names the task. One in the environment does not count. */
function readNamedTask({ argv, env }: CommandContext): NamedTask | null {
  const { task } = readOptions(help, argv, { ...env, [variableOf('task')]: undefined })
  if (task === undefined) return null
  // A user may forget --schedule.
  if (!isTaskName(task) && !isGiven('task', argv)) {
    throw usageError(
      `unexpected argument ${quote(task)}. It is not a task name. Put a schedule in quotes after --schedule.`,
    )
  }
  checkTaskName(task)
  const given = ['schedule', 'timezone', 'anchor'].find((name) => isGiven(name, argv))
  if (given !== undefined) {
    throw usageError(
      `--${given} and a task cannot be used together, because explain shows the recorded schedule of a task. Leave one of them out.`,
    )
  }
  return readOptions({ ...help, options: OF_TASK }, argv, env)
}

/** Returns the schedule of the options, without a ledger. Throws a usage error for a flag that would be ignored. */
function readGivenSchedule({ schedule, timezone, anchor, task }: Given, argv: readonly string[]): Schedule {
  for (const name of ['store', 'ledgerTimeoutMs']) {
    if (isGiven(name, argv)) throw usageError(`--${optionName(name)} requires --task on the command line.`)
  }
  if (schedule === undefined) {
    throw usageError(
      '--schedule is missing. Give --schedule EXPR, or --task NAME with --store to explain the recorded schedule.',
    )
  }
  if (task !== undefined) checkTaskName(task)
  return readSchedule({ schedule, timezone, anchor })
}

/** Returns the recorded schedule at the slot of `slotIn`, or that of the newest row. Throws a usage error without one. */
async function recordedSchedule(
  { store, task, ledgerTimeoutMs }: NamedTask,
  slotIn: (schedule: Schedule) => Instant | null,
): Promise<Schedule> {
  // The ledger takes longer to load than all the rest of this command.
  const { findNewestRow, recordOf, unknownTaskOf } = await import('../lookup.ts')
  const { createLedger } = await import('../../ledger.ts')
  const ledger = createLedger({ store })
  const reading = { task, ledgerTimeoutMs }
  const record = await recordOf(ledger, reading)
  const inForce = record === null ? null : scheduleInForce(record.schedules, slotIn)
  if (inForce !== null) return inForce.schedule
  const row = await findNewestRow(ledger, reading)
  if (record === null && row === null) throw await unknownTaskOf(ledger, reading)
  const spec = readableRow(row)?.schedule
  if (spec !== undefined) return parseSchedule(spec)
  const { noScheduleText } = await import('../../audit/tasks.ts')
  throw usageError(noScheduleText(task))
}

function neighbours(
  schedule: Schedule,
  from: Instant,
  step: (schedule: Schedule, at: Instant) => Instant | null,
  count: number,
): Instant[] {
  const slots: Instant[] = []
  for (let slot = step(schedule, from); slot !== null && slots.length < count; slot = step(schedule, slot)) {
    slots.push(slot)
  }
  return slots
}
