import type { Ledger, ReadOptions } from '../../api.ts'
import { quote, usageError } from '../../core/errors.ts'
import { formatInstant } from '../../core/instant.ts'
import type { OptionTable } from '../../core/option.ts'
import { readableRow } from '../../core/row/decide.ts'
import { parseSlotBySchedules } from '../../core/row/schedules-in-force.ts'
import { parseSchedule } from '../../core/schedule/schedule.ts'
import { readSchedule } from '../../core/schedule/schedule-options.ts'
import { instantWithoutSchedule, parseSlotReference } from '../../core/schedule/slot-reference.ts'
import type { Instant } from '../../core/types.ts'
import { showJson, showText } from '../../format/show.ts'
import { printable } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT } from '../exit.ts'
import { newestRow, recordedSchedules } from '../lookup.ts'
import { readOptions, type Values } from '../options/arguments.ts'
import { SCHEDULE_OF_SLOT, withDueBy } from '../options/due-by.ts'
import { COMMON } from '../options/options.ts'
import { print } from '../output.ts'

const OPTIONS = {
  store: COMMON.store,
  task: COMMON.task,
  slot: COMMON.slot,
  ...SCHEDULE_OF_SLOT,
  json: { ...COMMON.json, help: 'Print the row as JSON (schema/row.schema.json)' },
  ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
} as const satisfies OptionTable

/** The exit code if the slot has no row. With it, `if cronledger show …` tests whether anything is recorded. */
const NO_ROW = 1

const help = {
  name: 'show',
  summary: 'Show one slot as a timeline, with its attempts and the triggers that were rejected.',
  options: OPTIONS,
  takesTask: true,
  examples: [
    ['cronledger show nightly --store dynamodb:cronledger --slot latest', 'the newest slot'],
    ['cronledger show nightly … --slot 2026-11-24 --json', 'the slot of that day, for a program'],
  ],
  notes: `Exit codes: 0, ${NO_ROW} if nothing is recorded for the slot, otherwise as in run.`,
} as const

export const show: Command = {
  help,
  async execute({ argv, env, sink }: CommandContext) {
    const values = withDueBy(readOptions(help, argv, env), { argv, env })
    const { task, json, ledgerTimeoutMs } = values
    const ledger = createLedger({ store: values.store })
    const reading = { task, ledgerTimeoutMs }
    const now = systemClock.now()
    const nothing = (what: string) => {
      sink.write(printable(`cronledger: no row: nothing of ${task}${what} is on record`))
      return NO_ROW
    }
    const slot = await slotFrom(values, ledger, reading, now)
    if (slot === null) return nothing('')
    const row = await ledger.get({ ...reading, slot: new Date(slot) })
    if (row === null) return nothing(` in the slot ${formatInstant(slot)}`)
    // A row does not store the skew of its run. We use the default, which most runs have.
    await print((json ? showJson : showText)(row, now, SETTINGS.skewMs.default))
    return EXIT.ok
  },
}

/**
 * Returns the slot that the user means. An instant needs no schedule, so it also finds a row whose schedule is unknown.
 * Any other form needs a schedule: the given one, that of the task record, or that of the newest row. Returns null if
 * there are none of these. Throws a usage error if a row of a newer schema is the only source.
 */
async function slotFrom(
  { task, slot, schedule, timezone, anchor }: Values<typeof OPTIONS>,
  ledger: Ledger,
  reading: ReadOptions & { readonly task: string },
  now: Instant,
): Promise<Instant | null> {
  const instant = instantWithoutSchedule(slot)
  if (instant !== null) return instant
  if (schedule !== undefined) {
    return parseSlotReference(readSchedule({ schedule, timezone, anchor }), slot, now).slot
  }
  const schedules = await recordedSchedules(ledger, reading)
  if (schedules !== null) return parseSlotBySchedules(schedules, slot, now).window.slot
  const row = await newestRow(ledger, reading)
  if (row === null) return null
  const spec = readableRow(row)?.schedule
  if (spec !== undefined) return parseSlotReference(parseSchedule(spec), slot, now).slot
  throw usageError(
    `slot ${quote(slot)} takes a schedule, and a newer cronledger wrote the newest row of ${task}; give --schedule, or the slot as an instant`,
  )
}
