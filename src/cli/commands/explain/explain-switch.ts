import { LedgerError, usageError } from '../../../core/errors.ts'
import { optionName } from '../../../core/option.ts'
import type { Schedule } from '../../../core/schedule/schedule.ts'
import { readSchedule } from '../../../core/schedule/schedule-options.ts'
import { windowOf } from '../../../core/schedule/slot.ts'
import { parseTime } from '../../../core/schedule/time-range.ts'
import { type ExplainedSwitch, explainSwitch } from '../../../core/task/schedule-switch.ts'
import type { Instant } from '../../../core/types.ts'
import type { TaskReading } from '../../lookup.ts'
import { isGiven } from '../../options/arguments.ts'

type Named = `${'from' | 'to'}${'Schedule' | 'Timezone' | 'Anchor'}`
type SwitchOptions = Readonly<Record<Named | 'timezone' | 'at', string | undefined>>

/** The options that need `--to-schedule`, and those that would be ignored together with it. */
const OF_SWITCH = ['fromSchedule', 'fromTimezone', 'fromAnchor', 'toTimezone', 'toAnchor'] as const
const OTHERS = ['schedule', 'anchor'] as const

/** Returns whether two schedules are to be compared. Throws a usage error for a flag that would have no effect. */
export function isSwitch(argv: readonly string[], toSchedule: string | undefined): boolean {
  const wrong = (toSchedule === undefined ? OF_SWITCH : OTHERS).find((name) => isGiven(name, argv))
  if (wrong === undefined) return toSchedule !== undefined
  if (toSchedule === undefined) throw usageError(`--${optionName(wrong)} requires --to-schedule.`)
  throw usageError(
    `--${optionName(wrong)} cannot be used together with --to-schedule. Use --from-schedule and --from-anchor for the old schedule.`,
  )
}

/** The zone of the new schedule is that of the old one, unless it is given. */
export async function readSwitch(
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
    const { recordedSchedule } = await import('./recorded-schedule.ts')
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
