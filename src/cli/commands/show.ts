import type { Ledger } from '../../api.ts'
import { parseSchedules } from '../../audit/expected.ts'
import type { KnownTask } from '../../audit/tasks.ts'
import { LedgerError, quote, usageError } from '../../core/errors.ts'
import type { OptionTable } from '../../core/option.ts'
import { readableRow, statusOfAbsent } from '../../core/row/status.ts'
import { parseSchedule } from '../../core/schedule/schedule.ts'
import { readSchedule } from '../../core/schedule/schedule-options.ts'
import { instantWithoutSchedule, parseSlotReference } from '../../core/schedule/slot-reference.ts'
import { dueKeys } from '../../core/task/expected-slots.ts'
import { parseSlotBySchedules, scheduleWith } from '../../core/task/schedules-in-force.ts'
import { gapsOf, suspensionOf } from '../../core/task/suspensions.ts'
import { expectedTimes } from '../../core/task/task-record.ts'
import type { Instant } from '../../core/types.ts'
import { statusOfItem } from '../../format/row.ts'
import { type AbsentSlot, absentText, showJson, showText } from '../../format/show.ts'
import { attentionSteps } from '../../format/steps/next-steps.ts'
import { ofRow, otherScheduleOf, ownedSteps } from '../../format/steps/step.ts'
import { printable } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import type { Sink } from '../../process/log/sink.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT } from '../exit.ts'
import { findNewestRow, recordOf, type TaskReading, unknownTaskOf } from '../lookup.ts'
import { readOptions, type Values } from '../options/arguments.ts'
import { SCHEDULE_OF_SLOT, withDueBy } from '../options/due-by.ts'
import { COMMON } from '../options/options.ts'
import { print } from '../output.ts'
import { bySlotOfRecord } from '../recorded-schedule.ts'

const OPTIONS = {
  store: COMMON.store,
  task: COMMON.task,
  slot: COMMON.slot,
  ...SCHEDULE_OF_SLOT,
  json: { ...COMMON.json, help: 'Print the record as JSON (schema/row.schema.json)' },
  ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
} as const satisfies OptionTable

const help = {
  name: 'show',
  summary: 'Show one slot as a timeline, with its attempts and the triggers that were rejected.',
  options: OPTIONS,
  takesTask: true,
  examples: [
    ['cronledger show nightly --store dynamodb:cronledger --slot latest', 'the newest slot'],
    ['cronledger show nightly … --slot 2026-11-24 --json', 'the slot of that day, for a program'],
  ],
  notes: `Exit codes: 0, ${EXIT.noRow} if nothing is recorded for the slot, otherwise as in run.`,
} as const

type ShowValues = Values<typeof OPTIONS>

export const show: Command = {
  help,
  async execute({ argv, env, sink }: CommandContext) {
    const given = withDueBy(readOptions(help, argv, env), { argv, env })
    const { store, task, json, ledgerTimeoutMs } = given
    const ledger = createLedger({ store })
    const values = await bySlotOfRecord(given, ledger, argv)
    const reading = { task, ledgerTimeoutMs }
    const now = systemClock.now()
    const record = recordOnce(ledger, reading)
    const slot = await slotFrom(values, ledger, reading, record, now)
    const row = await ledger.get({ ...reading, slot: new Date(slot) })
    if (row === null) {
      const absent = await readAbsent(values, slot, ledger, reading, record, now)
      const schedule = values.schedule === undefined ? null : absent.schedule
      const known = await record()
      const of = { ...otherScheduleOf(absent.schedule, known), ...ofRow(row, known?.ecs) }
      const todo = attentionSteps(absent.status, { store, task, slot, schedule, ...of })
      const next = ownedSteps(ownerOf(known), todo).map(printable)
      sink.write([`cronledger: ${absentText(absent, now)}`, ...next].join('\n'))
      return EXIT.noRow
    }
    // The JSON has no pauses, and only a slot in which something runs or waits can be overdue.
    const isNeeded = !json || readableRow(row)?.state === 'PENDING'
    const known = isNeeded ? await unlessDamaged(record, sink) : null
    const { doneByMs } = expectedTimes(known)
    const found = suspensionOf(known, slot)
    // A row does not store the skew of its run. We use the default, which most runs have.
    const skewMs = SETTINGS.skewMs.default
    const doneByMsOf = () => doneByMs
    const schedule = readableRow(row)?.schedule ?? null
    const status = statusOfItem(row, now, skewMs, doneByMsOf)
    const of = { ...otherScheduleOf(schedule, known), ...ofRow(row, known?.ecs) }
    const todo = attentionSteps(status, { store, task, slot, schedule, ...of })
    const ofRecord = { found, doneByMsOf, owner: ownerOf(known), todo }
    await print(json ? showJson(row, now, skewMs, doneByMsOf) : showText(row, now, skewMs, ofRecord))
    return EXIT.ok
  },
}

function ownerOf(known: KnownTask | null): string | undefined {
  return known?.expectations?.owner
}

type RecordReader = () => Promise<KnownTask | null>

/** Returns a function that reads the record of the task when it is called first. */
function recordOnce(ledger: Ledger, reading: TaskReading): RecordReader {
  let record: ReturnType<RecordReader> | null = null
  return () => {
    record ??= recordOf(ledger, reading)
    return record
  }
}

/** Returns the record. One that is damaged, or that a newer cronledger wrote, does not hide the row: the log says so. */
async function unlessDamaged(record: RecordReader, sink: Sink): Promise<KnownTask | null> {
  try {
    return await record()
  } catch (error) {
    if (!(error instanceof LedgerError) || error.kind !== 'shape') throw error
    sink.write(printable(`cronledger: pauses are not shown: ${error.message}`))
    return null
  }
}

/** Returns what the schedule says of a slot without a row. Throws a usage error if the ledger does not know the task. */
async function readAbsent(
  { task, schedule, timezone, anchor }: ShowValues,
  slot: Instant,
  ledger: Ledger,
  reading: TaskReading,
  record: RecordReader,
  now: Instant,
): Promise<AbsentSlot> {
  const recorded = await record()
  if (recorded === null && (await findNewestRow(ledger, reading)) === null) throw await unknownTaskOf(ledger, reading)
  const given =
    schedule === undefined ? undefined : [{ since: 0, spec: readSchedule({ schedule, timezone, anchor }).spec }]
  const inForce = parseSchedules({ schedules: given ?? recorded?.schedules ?? [] })
  const [key] = dueKeys([{ task, schedules: inForce, gaps: gapsOf(recorded) }], slot, slot + 1)
  const isExpected = key?.doubt === undefined ? key !== undefined : await wasDue(slot, ledger, reading)
  return {
    task,
    slot,
    schedule: scheduleWith(inForce, slot)?.spec ?? null,
    status: isExpected ? statusOfAbsent(slot, { now, ...expectedTimes(recorded) }) : null,
    found: suspensionOf(recorded, slot),
  }
}

/** Returns whether a run proves that the slot was due, although its schedule was replaced at about that time. */
async function wasDue(slot: Instant, ledger: Ledger, reading: TaskReading): Promise<boolean> {
  const range = { since: new Date(slot), until: new Date(slot + 1) }
  for await (const _ of ledger.slots({ ...reading, ...range, graceMs: 0 })) return true
  return false
}

/**
 * Returns the slot that the user means. An instant needs no schedule, so it also finds a row whose schedule is unknown.
 * Any other form needs a schedule: the given one, that of the task record, or that of the newest row. Throws a usage
 * error if the user gave no schedule, none is recorded, and no row has one that this version can read.
 */
async function slotFrom(
  { task, slot, schedule, timezone, anchor }: ShowValues,
  ledger: Ledger,
  reading: TaskReading,
  record: RecordReader,
  now: Instant,
): Promise<Instant> {
  const instant = instantWithoutSchedule(slot)
  if (instant !== null) return instant
  if (schedule !== undefined) {
    return parseSlotReference(readSchedule({ schedule, timezone, anchor }), slot, now).slot
  }
  const recorded = await record()
  if (recorded !== null) return parseSlotBySchedules(recorded.schedules, slot, now).window.slot
  const row = await findNewestRow(ledger, reading)
  if (row === null) throw await unknownTaskOf(ledger, reading)
  const spec = readableRow(row)?.schedule
  if (spec !== undefined) return parseSlotReference(parseSchedule(spec), slot, now).slot
  throw usageError(
    `slot ${quote(slot)} can be read only with a schedule, and a newer version of cronledger wrote the newest record of ${task}. Give --schedule, or the slot as an instant.`,
  )
}
