import { DAY_MS } from '../../core/duration.ts'
import { LedgerError, quote, usageError } from '../../core/errors.ts'
import { EXIT } from '../../core/exit.ts'
import { type OptionTable, optionName } from '../../core/option.ts'
import { readableRow } from '../../core/row/status.ts'
import { clockNotes } from '../../core/schedule/clock-changes.ts'
import { parseSchedule, type Schedule } from '../../core/schedule/schedule.ts'
import { readSchedule } from '../../core/schedule/schedule-options.ts'
import { earlyToleranceMs, slotAfter, slotBefore, windowOf } from '../../core/schedule/slot.ts'
import { parseTime } from '../../core/schedule/time-range.ts'
import { scheduleWarnings } from '../../core/schedule/warnings.ts'
import { type ExplainedSwitch, explainSwitch } from '../../core/task/schedule-switch.ts'
import { scheduleInForce } from '../../core/task/schedules-in-force.ts'
import type { Instant } from '../../core/types.ts'
import { checkTaskName, isTaskName } from '../../core/user-text.ts'
import { explainJson, explainSwitchJson, explainSwitchText, explainText } from '../../format/explain.ts'
import { safeJson } from '../../format/text.ts'
import { systemClock, ZONE_DATA } from '../../process/clock.ts'
import { type CommandContext, defineCommand, isGiven, readOptions, type Values } from '../options/arguments.ts'
import { COMMON, variableOf } from '../options/options.ts'
import { print } from '../output.ts'

/** A year, also a leap year. The clocks of every zone make all their yearly changes in this time. */
const CLOCKS_MS = 366 * DAY_MS

const CHANGING = 'Changing a schedule'

const OF_SWITCH = {
  schedule: { kind: 'text', value: 'EXPR', group: CHANGING, spaces: true },
  timezone: { kind: 'text', value: 'ZONE', group: CHANGING },
  anchor: { kind: 'text', value: 'INSTANT', group: CHANGING },
} as const

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
  fromSchedule: { ...OF_SWITCH.schedule, otherwise: 'the recorded one of the task', help: 'Schedule before a change' },
  fromTimezone: { ...OF_SWITCH.timezone, otherwise: '--timezone', help: 'IANA time zone of --from-schedule' },
  fromAnchor: { ...OF_SWITCH.anchor, help: 'Start of the first window of --from-schedule rate(…)' },
  toSchedule: {
    ...OF_SWITCH.schedule,
    help: 'Schedule after a change: show what would run twice or never',
    details: 'The change takes effect at --at.',
  },
  toTimezone: { ...OF_SWITCH.timezone, otherwise: 'the old one', help: 'IANA time zone of --to-schedule' },
  toAnchor: { ...OF_SWITCH.anchor, help: 'Start of the first window of --to-schedule rate(…)' },
  count: {
    kind: 'integer',
    default: 5,
    // A person does not read more than a hundred lines each way, and a program can ask for more in steps.
    bounds: [1, 100],
    help: 'Show this many slots before and after',
  },
  json: { ...COMMON.json, help: 'Print a JSON object' },
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
    [
      "cronledger explain nightly --store dynamodb:cronledger --to-schedule '30 4 * * *'",
      'which slots would run twice or never if the schedule changed now, and when a change is safe',
    ],
  ],
  notes: `The ledger is read only if the task is on the command line. CRONLEDGER_TASK only sets the task in the key.\nExit codes: ${EXIT.ok}, otherwise as in run.`,
} as const

export const explain = defineCommand(help, async (values, context) => {
  const { argv } = context
  const now = systemClock.now()
  const isOfSwitch = isSwitch(argv, values.toSchedule)
  const named = readNamedTask(context, isOfSwitch)
  await print(await (isOfSwitch ? switchText : slotsText)(values, named, argv, now))
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

async function switchText(values: Given, named: NamedTask | null, argv: readonly string[], now: Instant) {
  if (values.fromSchedule === undefined && isGiven('timezone', argv)) {
    throw usageError('--timezone requires --from-schedule. Use --to-timezone for the new schedule.')
  }
  const explained = await readSwitch(values, named, now)
  const count = values.count ?? OPTIONS.count.default
  return values.json
    ? safeJson(explainSwitchJson(explained, count, ZONE_DATA), 2)
    : explainSwitchText(explained, count, ZONE_DATA)
}

/** Reads the options again, with the ledger, if the command line names the task. One in the environment does not count. */
function readNamedTask({ argv, env }: CommandContext, isOfSwitch: boolean): NamedTask | null {
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
  if (given !== undefined && !isOfSwitch) {
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

/** The options that need `--to-schedule`, and those that would be ignored together with it. */
const ONLY_OF_SWITCH = ['fromSchedule', 'fromTimezone', 'fromAnchor', 'toTimezone', 'toAnchor'] as const
const OTHERS = ['schedule', 'anchor'] as const

/** Returns whether two schedules are to be compared. Throws a usage error for a flag that would have no effect. */
function isSwitch(argv: readonly string[], toSchedule: string | undefined): boolean {
  const wrong = (toSchedule === undefined ? ONLY_OF_SWITCH : OTHERS).find((name) => isGiven(name, argv))
  if (wrong === undefined) return toSchedule !== undefined
  if (toSchedule === undefined) throw usageError(`--${optionName(wrong)} requires --to-schedule.`)
  throw usageError(
    `--${optionName(wrong)} cannot be used together with --to-schedule. Use --from-schedule and --from-anchor for the old schedule.`,
  )
}

/** The zone of the new schedule is that of the old one, unless it is given. */
async function readSwitch(values: Given, named: NamedTask | null, now: Instant): Promise<ExplainedSwitch> {
  const { at, fromSchedule, fromTimezone, fromAnchor, toTimezone } = values
  const atIn = (zone: string) => (at === undefined ? now : parseTime(at, '--at', toTimezone ?? zone, now))
  let from: Schedule
  if (fromSchedule !== undefined) from = readOneOfTwo('from', values, fromTimezone ?? values.timezone)
  else if (named === null) {
    throw usageError(
      '--from-schedule is missing. Give --from-schedule EXPR, or --task NAME with --store to compare with the recorded schedule.',
    )
  } else if (fromTimezone !== undefined || fromAnchor !== undefined) {
    throw usageError(`--from-${fromTimezone === undefined ? 'anchor' : 'timezone'} requires --from-schedule.`)
  } else from = await recordedSchedule(named, (one) => windowOf(one, atIn(one.spec.zone))?.slot ?? null)
  const { zone } = from.spec
  return explainSwitch(from, readOneOfTwo('to', values, toTimezone ?? zone), atIn(zone))
}

/** Reads one of the two schedules. An error says which one is wrong, and names its own options. */
function readOneOfTwo(side: 'from' | 'to', values: Given, timezone: string | undefined): Schedule {
  try {
    return readSchedule({ schedule: values[`${side}Schedule`] ?? '', timezone, anchor: values[`${side}Anchor`] })
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    throw usageError(`--${side}-schedule: ${error.message.replaceAll('--anchor', `--${side}-anchor`)}`)
  }
}
