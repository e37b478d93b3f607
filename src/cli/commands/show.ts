import type { Ledger } from '../../api.ts'
import { readableRows } from '../../audit/history.ts'
import type { ReadDated } from '../../audit/ranges.ts'
import type { KnownTask } from '../../audit/tasks.ts'
import { judgeNamed, LOOKED_AT } from '../../audit/walk.ts'
import { LedgerError, quote, usageError } from '../../core/errors.ts'
import { EXIT } from '../../core/exit.ts'
import { readableRow } from '../../core/row/status.ts'
import { parseSchedule } from '../../core/schedule/schedule.ts'
import { instantWithoutSchedule, parseSlotReference } from '../../core/schedule/slot-reference.ts'
import { parseSchedules, parseSlotBySchedules, readableSchedules } from '../../core/task/schedules-in-force.ts'
import type { Instant } from '../../core/types.ts'
import { showJson, shownSlot, showText } from '../../format/slot/show.ts'
import { printable } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { factsOf } from '../../verdict/found.ts'
import { newestRowOf, recordOf, type TaskReading } from '../lookup.ts'
import { defineCommand } from '../options/arguments.ts'
import { formatOf } from '../options/format.ts'
import { COMMON, type CommandHelp } from '../options/options.ts'
import { print, screenOf } from '../output.ts'

const help = {
  name: 'show',
  summary: 'Show one slot as a timeline, with its attempts and the triggers that were rejected.',
  options: {
    store: COMMON.store,
    task: COMMON.task,
    slot: { ...COMMON.slot, required: undefined, default: 'latest' },
    ids: { kind: 'switch', isFlagOnly: true, help: 'Add the runs, ECS tasks, Pods, logs and traces to the timeline' },
    format: { ...COMMON.format, help: 'Output format' },
    json: COMMON.json,
    ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
  },
  takesTask: true,
  examples: [
    ['cronledger show nightly --store dynamodb:cronledger', 'the newest slot'],
    ['cronledger show nightly … --slot 2026-11-24 --json', 'the slot of that day, for a program'],
  ],
  notes: `Exit codes: ${EXIT.ok}, ${EXIT.noRow} if nothing is recorded for the slot, otherwise as in run.`,
} as const satisfies CommandHelp

export const show = defineCommand(help, async (values, { argv, env, sink }) => {
  const { store, task, slot: reference = help.options.slot.default, ledgerTimeoutMs } = values
  const isJson = formatOf(values, argv, help.options.format.default) === 'json'
  const ledger = createLedger({ store })
  const reading = { task, ledgerTimeoutMs }
  const now = systemClock.now()
  // An error: the record is damaged, or a newer cronledger wrote it.
  const record = await recordOf(ledger, reading).catch((error: unknown) => {
    if (error instanceof LedgerError && error.kind === 'shape') return error
    throw error
  })
  const slot = await slotFrom(reference, ledger, reading, record, now)
  const row = await ledger.get({ ...reading, slot: new Date(slot) })
  if (row === null && record === null) await newestRowOf(ledger, reading)
  if (record instanceof LedgerError) {
    if (row === null) throw record
    sink.write(printable(`cronledger: pauses are not shown: ${record.message}`))
  }
  const known = record instanceof LedgerError ? undefined : record
  const inForce = known == null ? [] : row === null ? parseSchedules(known) : readableSchedules(known.schedules)
  const of = factsOf(task, known, now, inForce)
  const history: ReadDated = (asked) => ledger.history({ ...reading, ...asked })
  const before = { until: new Date(slot), limit: LOOKED_AT }
  const older = of.rules === null ? [] : await readableRows(ledger.history({ ...reading, ...before }))
  const shown = shownSlot(await judgeNamed(slot, row, of, history, older), store)
  await print(isJson ? showJson(shown) : showText(shown, screenOf(env).columns, values.ids))
  return row === null ? EXIT.noRow : EXIT.ok
})

/** An instant also finds a row whose schedule is unknown. Other forms need that of the record, or of the newest row. */
async function slotFrom(
  reference: string,
  ledger: Ledger,
  reading: TaskReading,
  record: KnownTask | LedgerError | null,
  now: Instant,
): Promise<Instant> {
  const instant = instantWithoutSchedule(reference)
  if (instant !== null) return instant
  if (record instanceof LedgerError) throw record
  if (record?.schedules.length) return parseSlotBySchedules(record.schedules, reference, now).window.slot
  const spec = readableRow(await newestRowOf(ledger, reading))?.schedule
  if (spec !== undefined) return parseSlotReference(parseSchedule(spec), reference, now).slot
  throw usageError(
    `slot ${quote(reference)} can be read only with a schedule, and a newer version of cronledger wrote the newest record of ${reading.task}. Give the slot as an instant.`,
  )
}
