import { LedgerError, usageError } from '../../../core/errors.ts'
import { optionName } from '../../../core/option.ts'
import type { Schedule } from '../../../core/schedule/schedule.ts'
import { readSchedule, type ScheduleOptions } from '../../../core/schedule/schedule-options.ts'
import { windowOf } from '../../../core/schedule/slot.ts'
import { parseTime } from '../../../core/schedule/time-range.ts'
import { type ExplainedSwitch, explainSwitch } from '../../../core/switch/explain-switch.ts'
import type { Instant } from '../../../core/types.ts'
import { isGiven } from '../../options/arguments.ts'

/** The options of `explain` that this file reads. */
export interface SwitchOptions {
  readonly fromSchedule: string | undefined
  readonly fromTimezone: string | undefined
  readonly fromAnchor: string | undefined
  readonly toSchedule: string | undefined
  readonly toTimezone: string | undefined
  readonly toAnchor: string | undefined
  readonly timezone: string | undefined
  readonly at: string | undefined
  readonly count: number
  /** The ledger and the task that are on the command line. Null without a task. */
  readonly named: { readonly store: string; readonly task: string; readonly ledgerTimeoutMs: number | undefined } | null
}

/** The options that need `--to-schedule`. */
const OF_SWITCH = ['fromSchedule', 'fromTimezone', 'fromAnchor', 'toTimezone', 'toAnchor'] as const

/** The options of `explain` that would be ignored together with `--to-schedule`. */
const OTHERS = ['schedule', 'anchor', 'earlyToleranceMs'] as const

/**
 * Returns whether two schedules are to be compared. Throws a usage error for a flag that has no effect in a comparison, or
 * only in a comparison.
 */
export function isSwitch(argv: readonly string[], toSchedule: string | undefined): boolean {
  const wrong = (toSchedule === undefined ? OF_SWITCH : OTHERS).find((name) => isGiven(name, argv))
  if (wrong === undefined) return toSchedule !== undefined
  if (toSchedule === undefined) throw usageError(`--${optionName(wrong)} requires --to-schedule.`)
  throw usageError(
    `--${optionName(wrong)} cannot be used together with --to-schedule. Use --from-schedule and --from-anchor for the old schedule.`,
  )
}

/**
 * Compares two schedules around the time at which they are switched. The old one is `--from-schedule`, or that of the task
 * record. The zone of the new one is that of the old one, unless it is given.
 */
export async function readSwitch(options: SwitchOptions, now: Instant): Promise<ExplainedSwitch> {
  const { at, toTimezone, count } = options
  const atIn = (zone: string) => (at === undefined ? now : parseTime(at, '--at', toTimezone ?? zone, now))
  const from = await readOld(options, (schedule) => windowOf(schedule, atIn(schedule.spec.zone))?.slot ?? null, now)
  const to = readNamed('to', {
    schedule: options.toSchedule ?? '',
    timezone: toTimezone ?? from.spec.zone,
    anchor: options.toAnchor,
  })
  return explainSwitch(from, to, atIn(from.spec.zone), count)
}

async function readOld(
  { fromSchedule, fromTimezone, fromAnchor, timezone, named }: SwitchOptions,
  slotIn: (schedule: Schedule) => Instant | null,
  now: Instant,
): Promise<Schedule> {
  if (fromSchedule !== undefined) {
    const zone = fromTimezone ?? timezone
    return readNamed('from', { schedule: fromSchedule, timezone: zone, anchor: fromAnchor })
  }
  if (named === null) {
    throw usageError(
      '--from-schedule is missing. Give --from-schedule EXPR, or --task NAME with --store to compare with the recorded schedule.',
    )
  }
  if (fromTimezone !== undefined || fromAnchor !== undefined) {
    throw usageError(`--from-${fromTimezone === undefined ? 'anchor' : 'timezone'} requires --from-schedule.`)
  }
  const { explainTask } = await import('./explain-task.ts')
  return (await explainTask(named, slotIn, now)).schedule
}

/** Reads one of the two schedules. An error says which one is wrong, and names its own options. */
function readNamed(side: 'from' | 'to', options: ScheduleOptions): Schedule {
  try {
    return readSchedule(options)
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    throw usageError(`--${side}-schedule: ${error.message.replaceAll('--anchor', `--${side}-anchor`)}`)
  }
}
