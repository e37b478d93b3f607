import type { Ledger } from '../api.ts'
import type { KnownTask } from '../audit/tasks.ts'
import { LedgerError } from '../core/errors.ts'
import { AmbiguousTime } from '../core/schedule/local-time.ts'
import type { ScheduleOptions } from '../core/schedule/schedule-options.ts'
import type { OrUndefined } from '../core/types.ts'
import { recordOf } from './lookup.ts'
import { isGiven } from './options/arguments.ts'

// Which schedule counts where the environment has one and the task record has others.

/** The options of a command about one task, with a schedule from a flag or from the environment. */
interface GivenSchedule extends OrUndefined<ScheduleOptions> {
  readonly task?: string | undefined
  readonly ledgerTimeoutMs?: number | undefined
}

/**
 * Returns the record of the task if its schedules replace the given one: a run has recorded a schedule, and the given one
 * comes from the environment. That of the environment is of today, and says nothing about the slots before it changed: they
 * would look missed, and those of the schedule before would be hidden. A flag replaces what is recorded: an operator who
 * types it means it.
 */
export async function recordInstead(
  { task, schedule, ledgerTimeoutMs }: GivenSchedule,
  ledger: Ledger,
  argv: readonly string[],
): Promise<KnownTask | null> {
  const isTyped = ['schedule', 'timezone', 'anchor'].some((name) => isGiven(name, argv))
  if (task === undefined || schedule === undefined || isTyped) return null
  try {
    return await recordOf(ledger, { task, ledgerTimeoutMs })
  } catch (error) {
    // A record that cannot be read must not hide the rows. The commands that need it say so.
    if (error instanceof LedgerError && error.kind === 'shape') return null
    throw error
  }
}

export function withoutSchedule<Given extends GivenSchedule>(given: Given): Given {
  return { ...given, schedule: undefined, timezone: undefined, anchor: undefined }
}

/** Returns the options about a range of slots, by the recorded schedules if these replace the given one. */
export async function byRecord<Given extends GivenSchedule>(
  given: Given,
  ledger: Ledger,
  argv: readonly string[],
): Promise<Given> {
  return (await recordInstead(given, ledger, argv)) === null ? given : withoutSchedule(given)
}

/**
 * Returns the options about one slot, by the recorded schedules if these replace the given one and have the slot. The slot
 * may also be the first one of the schedule in the environment. Throws a usage error if the recorded schedules have
 * several slots that the operator may mean.
 */
export async function bySlotOfRecord<Given extends GivenSchedule & { readonly task: string; readonly slot: string }>(
  given: Given,
  ledger: Ledger,
  argv: readonly string[],
): Promise<Given> {
  if ((await recordInstead(given, ledger, argv)) === null) return given
  const recorded = withoutSchedule(given)
  try {
    await ledger.findSlot(recorded)
    return recorded
  } catch (error) {
    const hasNone = error instanceof LedgerError && error.kind === 'usage' && !(error instanceof AmbiguousTime)
    if (hasNone) return given
    throw error
  }
}
