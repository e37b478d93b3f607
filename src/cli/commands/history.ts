import { setTimeout as delay, setImmediate as idle } from 'node:timers/promises'
import type { HistoryOptions, Ledger, ReadOptions } from '../../api.ts'
import { usageError } from '../../core/errors.ts'
import { type OptionTable, optionName } from '../../core/option.ts'
import { isNewerSchema, readableRow } from '../../core/row/decide.ts'
import { isMissed } from '../../core/row/expected-slots.ts'
import { readSchedule } from '../../core/schedule/schedule-options.ts'
import { namesDate, parseTimeRange } from '../../core/schedule/time-range.ts'
import type { Instant } from '../../core/types.ts'
import { HISTORY_FORMATS, type HistoryFormat, historyText } from '../../format/history.ts'
import { type HistoryItem, shownState } from '../../format/row.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT } from '../exit.ts'
import { newestRow, recordedSchedules } from '../lookup.ts'
import { isGiven, readOptions, type Values } from '../options/arguments.ts'
import { DUE_BY, withDueBy } from '../options/due-by.ts'
import { COMMON } from '../options/options.ts'
import { grouped, PATIENCE_MS, printAll, screenOf } from '../output.ts'

/** `missed` is not the state of a row. It stands for the slots that have no row. */
const HISTORY_STATES = ['completed', 'failed', 'pending', 'skipped', 'stale', 'missed'] as const

const OPTIONS = {
  store: COMMON.store,
  task: { ...COMMON.onlyTask, otherwise: 'all tasks' },
  since: {
    kind: 'text',
    value: 'TIME',
    otherwise: 'the first slot; of all tasks, 7d',
    help: "Slots from there on: an instant, a date (in the task's zone; of all tasks, in UTC), or 7d ago",
  },
  until: { ...COMMON.until, otherwise: 'the last slot; of all tasks, the end of today (UTC)' },
  state: { kind: 'words', value: 'STATE[,…]', choices: HISTORY_STATES, otherwise: 'any', help: 'Only these' },
  graceMs: COMMON.graceMs,
  ...DUE_BY,
  duplicates: { kind: 'switch', help: 'Only slots that rejected a trigger' },
  limit: { kind: 'integer', default: 20, bounds: [1, 100_000], help: 'Most slots' },
  all: { kind: 'switch', help: 'All slots, whatever --limit says' },
  format: {
    kind: 'choice',
    choices: HISTORY_FORMATS,
    default: 'table',
    help: "json is one array, ndjson one object a line, both as in schema/row.schema.json; in csv, text that a spreadsheet would run (=, +, -, @) begins with '",
  },
  json: { kind: 'switch', help: 'Short for --format json' },
  ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
} as const satisfies OptionTable

const help = {
  name: 'history',
  summary: 'Shows what became of the slots of a task, or of all tasks; newest first.',
  options: OPTIONS,
  examples: [
    ['cronledger history --store dynamodb:cronledger --task nightly --limit 7', 'the last seven slots'],
    ['cronledger history … --since 30d --state failed,stale --all', 'what went wrong in thirty days, in all tasks'],
    ['cronledger history … --state missed,failed,stale', 'the same, and what never ran, in the last seven days'],
    ['cronledger history … --task nightly --all --format csv > nightly.csv', 'everything, for a spreadsheet'],
  ],
  notes:
    '--state missed also shows slots that were due and have no row: of the tasks that the registry knows, by the schedule that was in force then. Of one task without --since, they begin with its first row.',
} as const

export const history: Command = {
  help,
  async execute({ argv, env, sink }: CommandContext) {
    const values = withDueBy(readOptions(help, argv, env), { argv, env })
    const format = formatOf(values, argv)
    // A row does not store the skew of its run. Most runs have the default, and only the output depends on it.
    const [now, skewMs] = [systemClock.now(), SETTINGS.skewMs.default]
    const states = values.state?.map((state) => state.toUpperCase()) ?? null
    const withMissed = states?.includes('MISSED') === true
    const ignored = [...Object.keys(DUE_BY), 'graceMs'].find((name) => !withMissed && isGiven(name, argv))
    if (ignored !== undefined)
      throw usageError(`--${optionName(ignored)} is given, but no --state missed that needs it`)
    const isWanted = (item: HistoryItem) =>
      (states === null || states.includes(shownState(item, now, skewMs))) &&
      (!values.duplicates || (!isMissed(item) && !isNewerSchema(item) && item.rejections.count > 0))
    const limit = values.all ? Number.POSITIVE_INFINITY : (values.limit ?? OPTIONS.limit.default)

    const nothing = `no slot${values.task === undefined ? '' : ` of ${values.task}`} is on record`
    const filtered =
      states !== null || values.duplicates === true || values.since !== undefined || values.until !== undefined

    const ledger = createLedger({ store: values.store })
    const reading = { ledgerTimeoutMs: values.ledgerTimeoutMs }
    const wished = { ...(await queryRange(values, ledger, reading, now)), ...reading }
    const { schedule, timezone, anchor, graceMs = COMMON.graceMs.default } = values
    const items = withMissed ? ledger.slots({ ...wished, schedule, timezone, anchor, graceMs }) : ledger.history(wished)
    let isCut = false
    // We report the cut only if the user did not give the limit.
    const onCut = values.limit === undefined && format === 'table' ? () => (isCut = true) : null
    const text = historyText(
      grouped(first(limit, items, isWanted, onCut), idle, format === 'table' ? delay(PATIENCE_MS) : undefined),
      {
        format,
        withTask: values.task === undefined,
        ...screenOf(env),
        now,
        skewMs,
        nothing: filtered ? `${nothing} that matches` : nothing,
      },
    )
    await printAll(text)
    if (isCut) sink.write(`cronledger: the newest ${limit} only; --all goes on to the oldest`)
    return EXIT.ok
  },
}

function formatOf({ format, json }: Values<typeof OPTIONS>, argv: readonly string[]): HistoryFormat {
  const jsonIsFlag = isGiven('json', argv)
  if (json && format !== undefined && format !== 'json' && jsonIsFlag === isGiven('format', argv)) {
    throw usageError(`--json and --format ${format} are given together; leave one out`)
  }
  // A flag takes precedence over the environment.
  return json && (format === undefined || jsonIsFlag) ? 'json' : (format ?? OPTIONS.format.default)
}

async function queryRange(
  { task, since, until, schedule, timezone, anchor }: Values<typeof OPTIONS>,
  ledger: Ledger,
  reading: ReadOptions,
  now: Instant,
): Promise<HistoryOptions> {
  let zone = 'UTC'
  if (task !== undefined && namesDate({ since, until })) {
    const spec =
      schedule === undefined
        ? await specOfTask(ledger, { ...reading, task })
        : readSchedule({ schedule, timezone, anchor }).spec
    zone = spec?.zone ?? zone
  }
  const range = parseTimeRange({ since, until }, zone, now)
  return {
    task,
    since: range.since === undefined ? undefined : new Date(range.since),
    until: range.until === undefined ? undefined : new Date(range.until),
  }
}

/** Returns the schedule in force, otherwise that of the newest row, otherwise null. */
async function specOfTask(ledger: Ledger, options: ReadOptions & { readonly task: string }) {
  const schedules = await recordedSchedules(ledger, options)
  if (schedules !== null) return schedules.at(-1)?.spec ?? null
  return readableRow(await newestRow(ledger, options))?.schedule ?? null
}

/** Yields the first `limit` items that are wanted. Calls `onCut`, if given, when there are further items. */
async function* first(
  limit: number,
  items: AsyncIterable<HistoryItem>,
  isWanted: (item: HistoryItem) => boolean,
  onCut: (() => void) | null,
): AsyncGenerator<HistoryItem, void, undefined> {
  let left = limit
  for await (const item of items) {
    if (left === 0) {
      onCut?.()
      return
    }
    if (!isWanted(item)) continue
    yield item
    left -= 1
    if (left === 0 && onCut === null) return
  }
}
