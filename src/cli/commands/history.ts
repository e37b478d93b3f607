import { setTimeout as delay, setImmediate as idle } from 'node:timers/promises'
import type { Ledger } from '../../api.ts'
import { EXIT } from '../../core/exit.ts'
import { isKeyOf, keysOf } from '../../core/objects.ts'
import { reportedFacts } from '../../core/row/report.ts'
import { readableRow } from '../../core/row/status.ts'
import { isTaskOf } from '../../core/task/pattern.ts'
import { type Instant, STATUSES, type StoredRow } from '../../core/types.ts'
import { firstRunText } from '../../format/command-line.ts'
import { forceOf } from '../../format/history/columns.ts'
import { HISTORY_FORMATS, type HistoryFormat, historyText, openTotal } from '../../format/history/history.ts'
import { lastReport } from '../../format/slot/row.ts'
import { listed, printable } from '../../format/text.ts'
import { createLedger, type TellingLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { REMARKS } from '../../verdict/remarks.ts'
import { newestRowOf, readRange, recordOf, wantedTasks } from '../lookup.ts'
import { defineCommand, type Values } from '../options/arguments.ts'
import { formatOf } from '../options/format.ts'
import { COMMON, type CommandHelp } from '../options/options.ts'
import { grouped, PATIENCE_MS, printAll, screenOf } from '../output.ts'

/** A history lists the rows, and the slots that were missed: none that may still come. */
const HISTORY_STATUSES = STATUSES.filter((status) => status !== 'due' && status !== 'scheduled')

const help = {
  name: 'history',
  summary: 'List the slots of a task, or of all tasks, with their status, newest first.',
  options: {
    store: COMMON.store,
    task: COMMON.someTasks,
    since: { ...COMMON.since, otherwise: 'the first slot; 7d for all tasks' },
    until: { ...COMMON.until, otherwise: 'the last slot; today for all tasks' },
    timezone: COMMON.rangeZone,
    status: {
      ...COMMON.status,
      choices: [...HISTORY_STATUSES, ...keysOf(REMARKS), 'recorded', 'rejected'],
      details:
        'late, unusual: also slots that a person has settled. recorded: not the missed ones. rejected: a trigger was a duplicate or refused.',
    },
    forced: {
      kind: 'switch',
      isFlagOnly: true,
      help: 'Only slots that an operator forced, with who and why',
    },
    limit: {
      kind: 'integer',
      default: 20,
      otherwise: '20 in a table, otherwise all',
      bounds: [0, 100_000],
      help: 'Show at most this many slots; 0 shows all',
    },
    fields: {
      kind: 'text',
      value: 'NAME[,…]',
      group: 'Notifications and output',
      help: 'Add a column for each of these facts that the batch reports',
      details: 'JSON has all facts.',
    },
    format: {
      kind: 'choice',
      choices: HISTORY_FORMATS,
      default: 'table',
      group: 'Notifications and output',
      help: 'Output format',
    },
    json: COMMON.json,
    ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
  },
  takesTask: true,
  examples: [
    ['cronledger history nightly --store dynamodb:cronledger --limit 7', 'the last seven slots'],
    [
      'cronledger history … --status missed,failed,stale,overdue',
      'what went wrong in the last seven days, in all tasks',
    ],
    ['cronledger history … --status rejected --since 1d', 'which slots had duplicates, or triggers that were refused'],
    ['cronledger history … --forced --since 90d --limit 0', 'who ran what again in the last ninety days, and why'],
    ['cronledger history nightly … --fields rows', 'what the batch reported, as a column'],
    ['cronledger history nightly … --format csv > nightly.csv', 'all slots, for a spreadsheet'],
  ],
  notes:
    'Each object in JSON is described by schema/row.schema.json; ndjson has one object a line. In csv, a text that a spreadsheet would run as a formula begins with an apostrophe.\nMissed slots are found by the schedule that was in force then, for the tasks whose schedule is recorded. For one task without --since, they begin with its first recorded slot.',
} as const satisfies CommandHelp

type HistoryValues = Values<typeof help.options>

export const history = defineCommand(help, async (values, { argv, env, sink }) => {
  const format = formatOf<HistoryFormat>(values, argv, help.options.format.default)
  const now = systemClock.now()
  const hasMissed = values.status?.some((one) => one === 'missed' || one === 'overdue') ?? true
  // A program must get every slot. Only a table is cut, and says so.
  const mayCut = values.limit === undefined && format === 'table'
  const limit = mayCut ? help.options.limit.default : values.limit || Number.POSITIVE_INFINITY

  const ledger = createLedger({ store: values.store })
  const problems: string[] = []
  const emitProblem = (problem: string) => hasMissed && problems.push(problem)
  const slots = await historySlots(values, ledger, now, emitProblem)
  const total = openTotal()
  const fields = [...new Set(values.fields?.split(',').filter((name) => name !== ''))]
  const reported = new Set<string>()
  let isCut = false
  async function* wanted() {
    let left = limit
    for await (const one of slots) {
      if (!isWanted(one, values)) continue
      isCut = left === 0
      if (isCut) return
      total.add(one)
      for (const name of Object.keys(reportedFacts(lastReport(one)) ?? {})) reported.add(name)
      yield one
      left -= 1
      if (left === 0 && !mayCut) return
    }
  }
  const text = historyText(grouped(wanted(), idle, format === 'table' ? delay(PATIENCE_MS) : undefined), {
    format,
    asked: [
      ...(wantedTasks(values).task === undefined ? (['tasks'] as const) : []),
      ...(values.forced ? (['forced'] as const) : []),
    ],
    fields,
    ...screenOf(env),
    nothing: () => emptyText(values, ledger),
    total: () => total.text(),
  })
  await printAll(text)
  for (const problem of problems) sink.write(printable(`cronledger: missed slots are not shown: ${problem}`))
  const unknown = fields.filter((name) => !reported.has(name))
  if (unknown.length > 0)
    sink.write(printable(`cronledger: none of these slots has reported ${listed(unknown, 'or')}.`))
  if (isCut) sink.write(`cronledger: only the newest ${limit} slots are shown. --limit 0 shows all.`)
  return problems.length > 0 && values.status?.includes('missed') ? EXIT.shape : EXIT.ok
})

/** A slot that may still come is not listed. */
function isWanted(one: JudgedSlot, { task = '*', status: wanted }: HistoryValues): boolean {
  const { status, row, own, remarks } = one
  if (!isTaskOf(task, one.task) || status === 'due') return false
  return (
    wanted === undefined ||
    wanted.some((word) => {
      if (word === 'recorded') return row !== null
      if (word === 'rejected') return (own?.rejections.count ?? 0) > 0
      return isKeyOf(word, REMARKS) ? remarks[word] !== undefined : word === status
    })
  )
}

async function historySlots(
  values: HistoryValues,
  ledger: TellingLedger,
  now: Instant,
  emitProblem: (problem: string) => void,
): Promise<AsyncIterable<JudgedSlot>> {
  const { status, ledgerTimeoutMs } = values
  const { task } = wantedTasks(values)
  const { since, until } = await readRange({ ...values, task }, ledger, now)
  const wished = {
    task,
    ledgerTimeoutMs,
    now: new Date(now),
    since: since === undefined ? undefined : new Date(since),
    until: until === undefined ? undefined : new Date(until),
    // To judge all slots of a quarter takes longer than to read them.
    onlyRows: values.forced ? (row: StoredRow) => forceOf(readableRow(row)) !== undefined : undefined,
  }
  if (task === undefined) return ledger.slots({ ...wished, emitProblem })
  // We must check this before the first line of CSV is printed.
  const reading = { task, ledgerTimeoutMs }
  if ((await recordOf(ledger, reading)) === null) await newestRowOf(ledger, reading)
  // The user asked for missed slots, so we must print them or fail: at the end, if the rows of other tasks come, too.
  return ledger.slots(status?.includes('missed') ? wished : { ...wished, emitProblem })
}

async function emptyText(values: HistoryValues, ledger: Ledger): Promise<string> {
  const { store, task, status, forced, since, until, ledgerTimeoutMs } = values
  const isFiltered = task?.endsWith('*') || forced || status !== undefined || since !== undefined || until !== undefined
  if (isFiltered) return `No slot${task === undefined ? '' : ` of ${task}`} matches.`
  if (task !== undefined) return `No slot of ${task} is recorded.`
  for await (const _ of ledger.tasks({ ledgerTimeoutMs }))
    return 'No slots in the last 7 days. To look further back, use --since.'
  return firstRunText(store)
}
