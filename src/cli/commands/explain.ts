import { DAY_MS } from '../../core/duration.ts'
import { LedgerError, quote, usageError } from '../../core/errors.ts'
import { type OptionTable, optionName } from '../../core/option.ts'
import { clockNotes } from '../../core/schedule/clock-changes.ts'
import type { Schedule } from '../../core/schedule/schedule.ts'
import { readSchedule } from '../../core/schedule/schedule-options.ts'
import { earlyToleranceMs, slotAfter, slotBefore, windowOf } from '../../core/schedule/slot.ts'
import { parseTime } from '../../core/schedule/time-range.ts'
import { scheduleWarnings } from '../../core/schedule/warnings.ts'
import { type ExplainedSwitch, explainSwitch } from '../../core/task/schedule-switch.ts'
import type { Instant } from '../../core/types.ts'
import { checkTaskName, isTaskName } from '../../core/user-text.ts'
import { EXIT } from '../../exit-code.ts'
import { explainJson, explainSwitchJson, explainSwitchText, explainText } from '../../format/explain.ts'
import { safeJson } from '../../format/text.ts'
import { systemClock, ZONE_DATA } from '../../process/clock.ts'
import type { TaskReading } from '../lookup.ts'
import { type Command, type CommandContext, isGiven, readOptions, type Values } from '../options/arguments.ts'
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
  notes:
    'The ledger is read only if the task is on the command line. CRONLEDGER_TASK only sets the task in the key.\nExit codes: 0, otherwise as in run.',
} as const

export const explain: Command = {
  help,
  async execute(context: CommandContext) {
    const values = readOptions(help, context.argv, context.env)
    const now = systemClock.now()
    if (isSwitch(context.argv, values.toSchedule)) return printSwitch(context, values, now)
    const atIn = ({ spec }: Schedule) => (values.at === undefined ? now : parseTime(values.at, '--at', spec.zone, now))
    const toleranceIn = (schedule: Schedule) => earlyToleranceMs(schedule, atIn(schedule))
    const windowIn = (schedule: Schedule) => windowOf(schedule, atIn(schedule), toleranceIn(schedule))
    const schedule = await readExplained(context, (given) => windowIn(given)?.slot ?? null)
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
    await print(values.json ? safeJson(explainJson(explanation), 2) : explainText(explanation))
    return EXIT.ok
  },
}

async function printSwitch(
  { argv, env }: CommandContext,
  values: Values<typeof OPTIONS>,
  now: Instant,
): Promise<number> {
  const task = taskNamed({ argv, env })
  const named = task === undefined ? null : readOptions({ ...help, options: OF_TASK }, argv, env)
  if (task !== undefined) checkNamed(task, argv)
  if (values.fromSchedule === undefined && isGiven('timezone', argv)) {
    throw usageError('--timezone requires --from-schedule. Use --to-timezone for the new schedule.')
  }
  const explained = await readSwitch(values, named, now)
  const count = values.count ?? OPTIONS.count.default
  await print(
    values.json
      ? safeJson(explainSwitchJson(explained, count, ZONE_DATA), 2)
      : explainSwitchText(explained, count, ZONE_DATA),
  )
  return EXIT.ok
}

/** Returns the task of the command line. One that only the environment names does not count. */
function taskNamed({ argv, env }: Pick<CommandContext, 'argv' | 'env'>): string | undefined {
  return readOptions(help, argv, { ...env, [variableOf('task')]: undefined }).task
}

/** A container has ledger and task in its environment, and must explain a schedule without reading them. */
async function readExplained(
  { argv, env }: CommandContext,
  slotIn: (schedule: Schedule) => Instant | null,
): Promise<Schedule> {
  const named = taskNamed({ argv, env })
  if (named === undefined) return readGivenSchedule({ argv, env })
  checkNamed(named, argv)
  const given = ['schedule', 'timezone', 'anchor'].find((name) => isGiven(name, argv))
  if (given !== undefined) {
    throw usageError(
      `--${given} and a task cannot be used together, because explain shows the recorded schedule of a task. Leave one of them out.`,
    )
  }
  const { store, task, ledgerTimeoutMs } = readOptions({ ...help, options: OF_TASK }, argv, env)
  const { recordedSchedule } = await import('./explain/recorded-schedule.ts')
  return recordedSchedule({ store, task, ledgerTimeoutMs }, slotIn)
}

/** Returns the schedule of the options, without a ledger. Throws a usage error for a flag that would be ignored. */
function readGivenSchedule({ argv, env }: Pick<CommandContext, 'argv' | 'env'>): Schedule {
  for (const name of ['store', 'ledgerTimeoutMs']) {
    if (isGiven(name, argv)) throw usageError(`--${optionName(name)} requires --task on the command line.`)
  }
  const { schedule, timezone, anchor, task } = readOptions(help, argv, env)
  if (schedule === undefined) {
    throw usageError(
      '--schedule is missing. Give --schedule EXPR, or --task NAME with --store to explain the recorded schedule.',
    )
  }
  if (task !== undefined) checkTaskName(task)
  return readSchedule({ schedule, timezone, anchor })
}

/** Throws a usage error unless the task on the command line is a task name. A user may forget --schedule. */
function checkNamed(task: string, argv: readonly string[]): void {
  if (!isTaskName(task) && !isGiven('task', argv)) {
    throw usageError(
      `unexpected argument ${quote(task)}. It is not a task name. Put a schedule in quotes after --schedule.`,
    )
  }
  checkTaskName(task)
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

type Named = `${'from' | 'to'}${'Schedule' | 'Timezone' | 'Anchor'}`
type SwitchOptions = Readonly<Record<Named | 'timezone' | 'at', string | undefined>>

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
async function readSwitch(
  options: SwitchOptions,
  named: (TaskReading & { readonly store: string }) | null,
  now: Instant,
): Promise<ExplainedSwitch> {
  const { at, fromSchedule, fromTimezone, fromAnchor, toTimezone } = options
  const atIn = (zone: string) => (at === undefined ? now : parseTime(at, '--at', toTimezone ?? zone, now))
  let from: Schedule
  if (fromSchedule !== undefined) from = readNamed('from', options, fromTimezone ?? options.timezone)
  else if (named === null) {
    throw usageError(
      '--from-schedule is missing. Give --from-schedule EXPR, or --task NAME with --store to compare with the recorded schedule.',
    )
  } else if (fromTimezone !== undefined || fromAnchor !== undefined) {
    throw usageError(`--from-${fromTimezone === undefined ? 'anchor' : 'timezone'} requires --from-schedule.`)
  } else {
    const { recordedSchedule } = await import('./explain/recorded-schedule.ts')
    from = await recordedSchedule(named, (one) => windowOf(one, atIn(one.spec.zone))?.slot ?? null)
  }
  const { zone } = from.spec
  return explainSwitch(from, readNamed('to', options, toTimezone ?? zone), atIn(zone))
}

/** Reads one of the two schedules. An error says which one is wrong, and names its own options. */
function readNamed(side: 'from' | 'to', options: SwitchOptions, timezone: string | undefined): Schedule {
  try {
    return readSchedule({ schedule: options[`${side}Schedule`] ?? '', timezone, anchor: options[`${side}Anchor`] })
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    throw usageError(`--${side}-schedule: ${error.message.replaceAll('--anchor', `--${side}-anchor`)}`)
  }
}
