import { setTimeout as delay, setImmediate as idle } from 'node:timers/promises'
import type { HistoryOptions, Ledger, ReadOptions } from '../../api.ts'
import { usageError } from '../../core/errors.ts'
import { type OptionTable, optionName } from '../../core/option.ts'
import { isMissed } from '../../core/row/expected-slots.ts'
import { isNewerSchema, readableRow } from '../../core/row/status.ts'
import { readSchedule } from '../../core/schedule/schedule-options.ts'
import { namesDate, parseTimeRange } from '../../core/schedule/time-range.ts'
import { type Environment, type Instant, STATUSES } from '../../core/types.ts'
import { firstRunText } from '../../format/command-line.ts'
import { HISTORY_FORMATS, type HistoryFormat, historyText } from '../../format/history.ts'
import { type HistoryItem, statusOfItem } from '../../format/row.ts'
import { printable } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT } from '../exit.ts'
import { checkTaskIsKnown, newestRow, recordedSchedules, type TaskReading } from '../lookup.ts'
import { isGiven, readOptions, type Values } from '../options/arguments.ts'
import { DUE_BY, withDueBy } from '../options/due-by.ts'
import { COMMON, variableOf } from '../options/options.ts'
import { grouped, PATIENCE_MS, printAll, screenOf } from '../output.ts'

/** A history has no slot that is only scheduled: it lists the rows, and the slots that were missed. */
const HISTORY_STATUSES = STATUSES.filter((status) => status !== 'scheduled')

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
  status: { kind: 'words', value: 'STATUS[,…]', choices: HISTORY_STATUSES, otherwise: 'all', help: 'Only these slots' },
  noMissed: { kind: 'switch', help: 'Leave out the missed slots, which have no row' },
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
  summary: 'Shows the status of the slots of a task, or of all tasks, newest first.',
  options: OPTIONS,
  examples: [
    ['cronledger history --store dynamodb:cronledger --task nightly --limit 7', 'the last seven slots'],
    ['cronledger history … --status missed,failed,stale', 'what went wrong in the last seven days, in all tasks'],
    ['cronledger history … --since 30d --status failed --all', 'all failures of thirty days'],
    ['cronledger history … --task nightly --all --format csv > nightly.csv', 'everything, for a spreadsheet'],
  ],
  notes:
    'Missed slots are found by the schedule that was in force then, for the tasks whose schedule is recorded. For one task without --since, they begin with its first row.',
} as const

type HistoryValues = Values<typeof OPTIONS>

export const history: Command = {
  help,
  async execute({ argv: given, env: variables, sink }: CommandContext) {
    const { argv, env } = withStatusNames(given, variables)
    const values = withDueBy(readOptions(help, argv, env), { argv, env })
    const format = formatOf(values, argv)
    // A row does not store the skew of its run. Most runs have the default, and only the output depends on it.
    const [now, skewMs] = [systemClock.now(), SETTINGS.skewMs.default]
    const hasMissed = showsMissed(values, argv)
    const limit = values.all ? Number.POSITIVE_INFINITY : (values.limit ?? OPTIONS.limit.default)

    const ledger = createLedger({ store: values.store })
    const problems: string[] = []
    const items = await readItems(values, { ledger, now, emitProblem: hasMissed ? problems.push.bind(problems) : null })
    let isCut = false
    // We report the cut only if the user did not give the limit.
    const onCut = values.limit === undefined && format === 'table' ? () => (isCut = true) : null
    const wanted = first(limit, items, wantedBy(values, now, skewMs), onCut)
    const text = historyText(grouped(wanted, idle, format === 'table' ? delay(PATIENCE_MS) : undefined), {
      format,
      withTask: values.task === undefined,
      ...screenOf(env),
      now,
      skewMs,
      nothing: () => emptyText(values, ledger),
    })
    await printAll(text)
    for (const problem of problems) sink.write(printable(`cronledger: missed slots are not shown: ${problem}`))
    if (isCut) sink.write(`cronledger: only the newest ${limit} slots are shown. Use --all to show all of them.`)
    return EXIT.ok
  },
}

/**
 * Returns the options with the names that they have today. Scripts may use the older ones: `--state`, and `pending` for
 * an attempt that waits or runs.
 */
function withStatusNames(
  argv: readonly string[],
  env: Environment,
): { readonly argv: readonly string[]; readonly env: Environment } {
  const statuses = (text: string) => text.replace(/(?<=^|,)\s*pending\s*(?=,|$)/gi, 'running,waiting')
  const words = argv.map((word) => word.replace(/^--state(?==|$)/, '--status'))
  const value = env[variableOf('status')] ?? env[variableOf('state')]
  return {
    argv: words.map((word, index) => {
      if (word.startsWith('--status=')) return `--status=${statuses(word.slice('--status='.length))}`
      return words[index - 1] === '--status' ? statuses(word) : word
    }),
    env: { ...env, [variableOf('status')]: value && statuses(value) },
  }
}

/**
 * Returns whether the history shows missed slots. Throws a usage error if it does not, and a flag says how to find them.
 */
function showsMissed({ status, noMissed, duplicates }: HistoryValues, argv: readonly string[]): boolean {
  if (noMissed && status?.includes('missed')) throw usageError('--no-missed and --status missed are given together')
  if (!noMissed && !duplicates && (status === undefined || status.includes('missed'))) return true
  const ignored = [...Object.keys(DUE_BY), 'graceMs'].find((name) => isGiven(name, argv))
  if (ignored === undefined) return false
  throw usageError(`--${optionName(ignored)} has no effect here, because missed slots are not shown`)
}

function wantedBy({ status, duplicates }: HistoryValues, now: Instant, skewMs: number) {
  return (item: HistoryItem) =>
    (status === undefined || status.some((one) => one === statusOfItem(item, now, skewMs))) &&
    (!duplicates || (!isMissed(item) && !isNewerSchema(item) && item.rejections.count > 0))
}

interface ItemsReading {
  readonly ledger: Ledger
  readonly now: Instant
  /** Called with the reason why missed slots are not shown. Null if they are not wanted. */
  readonly emitProblem: ((problem: string) => void) | null
}

/** Returns the rows and the missed slots, newest first. Throws a usage error if the ledger has nothing about the task. */
async function readItems(
  values: HistoryValues,
  { ledger, now, emitProblem }: ItemsReading,
): Promise<AsyncIterable<HistoryItem>> {
  const { task, status, schedule, timezone, anchor, graceMs = COMMON.graceMs.default } = values
  const reading = { ledgerTimeoutMs: values.ledgerTimeoutMs }
  const wished = { ...(await queryRange(values, ledger, reading, now)), ...reading }
  // We must check this before the first line of CSV is printed.
  if (task !== undefined) await checkTaskIsKnown(ledger, { ...reading, task })
  if (emitProblem === null) return ledger.history(wished)
  const expected = { ...wished, schedule, timezone, anchor, graceMs }
  // The user asked for missed slots, so we must print them or fail.
  return ledger.slots(status === undefined ? { ...expected, emitProblem } : expected)
}

/** Returns what to say instead of an empty table. */
async function emptyText(values: HistoryValues, ledger: Ledger): Promise<string> {
  const { store, task, status, duplicates, since, until, ledgerTimeoutMs } = values
  const isFiltered = status !== undefined || duplicates || since !== undefined || until !== undefined
  if (isFiltered) return `No slot${task === undefined ? '' : ` of ${task}`} matches.`
  if (task !== undefined) return `No slot of ${task} is recorded.`
  for await (const _ of ledger.tasks({ ledgerTimeoutMs }))
    return 'No slots in the last 7 days. To look further back, use --since.'
  return firstRunText(store)
}

function formatOf({ format, json }: HistoryValues, argv: readonly string[]): HistoryFormat {
  const jsonIsFlag = isGiven('json', argv)
  if (json && format !== undefined && format !== 'json' && jsonIsFlag === isGiven('format', argv)) {
    throw usageError(`--json and --format ${format} are given together; leave one out`)
  }
  // A flag takes precedence over the environment.
  return json && (format === undefined || jsonIsFlag) ? 'json' : (format ?? OPTIONS.format.default)
}

async function queryRange(
  { task, since, until, schedule, timezone, anchor }: HistoryValues,
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
async function specOfTask(ledger: Ledger, options: TaskReading) {
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
