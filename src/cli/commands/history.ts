import { setTimeout as delay, setImmediate as idle } from 'node:timers/promises'
import type { HistoryOptions, Ledger, ReadOptions } from '../../api.ts'
import { usageError } from '../../core/errors.ts'
import { type OptionTable, optionName } from '../../core/option.ts'
import { isNewerSchema } from '../../core/row/decide.ts'
import { isMissed } from '../../core/row/expected-slots.ts'
import { needsZone, parseTimeRange } from '../../core/schedule/time-range.ts'
import type { Instant } from '../../core/types.ts'
import { HISTORY_FORMATS, type HistoryFormat, historyText } from '../../format/history.ts'
import { type HistoryItem, shownState } from '../../format/row.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT } from '../exit.ts'
import { zoneOfTask } from '../lookup.ts'
import { isGiven, readOptions, type Values } from '../options/arguments.ts'
import { DUE_BY, withDueBy } from '../options/due-by.ts'
import { formatOf } from '../options/format.ts'
import { COMMON, RANGE_FLAGS } from '../options/options.ts'
import { grouped, PATIENCE_MS, printAll, screenOf } from '../output.ts'

/** `missed` is not the state of a row. It stands for the slots that have no row. */
const HISTORY_STATES = ['completed', 'failed', 'pending', 'skipped', 'stale', 'missed'] as const

const OPTIONS = {
  store: COMMON.store,
  task: { ...COMMON.onlyTask, otherwise: 'all tasks' },
  since: { ...COMMON.since, otherwise: 'the first slot; 7d for all tasks' },
  until: { ...COMMON.until, otherwise: 'the last slot; today for all tasks' },
  state: {
    kind: 'words',
    value: 'STATE[,…]',
    choices: HISTORY_STATES,
    otherwise: 'any',
    help: 'Only slots with one of these',
  },
  graceMs: COMMON.graceMs,
  ...DUE_BY,
  duplicates: { kind: 'switch', help: 'Only slots in which a trigger was rejected' },
  limit: { kind: 'integer', default: 20, bounds: [1, 100_000], help: 'Show at most this many slots' },
  all: { kind: 'switch', help: 'Show all slots' },
  format: {
    kind: 'choice',
    choices: HISTORY_FORMATS,
    default: 'table',
    group: 'Notifications and output',
    help: 'Output format',
  },
  json: COMMON.json,
  ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
} as const satisfies OptionTable

const help = {
  name: 'history',
  summary: 'List the slots of a task, or of all tasks, with their status, newest first.',
  options: OPTIONS,
  takesTask: true,
  examples: [
    ['cronledger history nightly --store dynamodb:cronledger --limit 7', 'the last seven slots'],
    [
      'cronledger history … --since 30d --state failed,stale --all',
      'failed and stale slots of all tasks in the last thirty days',
    ],
    ['cronledger history … --state missed,failed,stale', 'missed slots too, in the last seven days'],
    ['cronledger history nightly … --all --format csv > nightly.csv', 'all slots, for a spreadsheet'],
  ],
  notes:
    'Each object in JSON is described by schema/row.schema.json; ndjson has one object a line. In csv, a text that a spreadsheet would run as a formula begins with an apostrophe.\n--state missed also shows slots that were due and have no row, by the schedule that was in force then. For one task without --since, they begin with its first row.',
} as const

export const history: Command = {
  help,
  async execute({ argv, env, sink }: CommandContext) {
    const values = withDueBy(readOptions(help, argv, env), { argv, env })
    const format = formatOf<HistoryFormat>(values, argv, OPTIONS.format.default)
    // A row does not store the skew of its run. Most runs have the default, and only the output depends on it.
    const [now, skewMs] = [systemClock.now(), SETTINGS.skewMs.default]
    const states = values.state?.map((state) => state.toUpperCase()) ?? null
    const withMissed = states?.includes('MISSED') === true
    const ignored = [...Object.keys(DUE_BY), 'graceMs'].find((name) => !withMissed && isGiven(name, argv))
    if (ignored !== undefined) throw usageError(`--${optionName(ignored)} requires --state missed.`)
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

async function queryRange(
  { task, since, until, schedule, timezone, anchor }: Values<typeof OPTIONS>,
  ledger: Ledger,
  reading: ReadOptions,
  now: Instant,
): Promise<HistoryOptions> {
  const zone =
    task !== undefined && needsZone({ since, until })
      ? await zoneOfTask(ledger, { ...reading, task }, { schedule, timezone, anchor })
      : 'UTC'
  const range = parseTimeRange({ since, until }, zone, now, RANGE_FLAGS)
  return {
    task,
    since: range.since === undefined ? undefined : new Date(range.since),
    until: range.until === undefined ? undefined : new Date(range.until),
  }
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
