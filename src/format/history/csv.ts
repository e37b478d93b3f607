import { stringify } from 'csv-stringify/sync'
import { formatInstant } from '../../core/instant.ts'
import { attemptCount } from '../../core/row/attempts.ts'
import { type Fact, factOf, reportLine } from '../../core/row/report.ts'
import { scheduleOf, windowEndOf } from '../../verdict/found.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { durationMsOf, instantOrNull, lastReport } from '../slot/row.ts'
import { printable } from '../text.ts'

type CsvValue = Fact | null | undefined

/** By the name in the first line. A value that is not known is an empty cell. */
const CSV_COLUMNS: Readonly<Record<string, (source: ReturnType<typeof sourceOf>) => CsvValue>> = {
  task: ({ one }) => one.task,
  slot: ({ one }) => formatInstant(one.slot),
  windowEnd: ({ one }) => instantOrNull(windowEndOf(one)),
  status: ({ one }) => one.status,
  state: ({ row }) => row?.state,
  schedule: ({ schedule }) => schedule?.expression,
  zone: ({ schedule }) => schedule?.zone,
  attempts: ({ row }) => row && attemptCount(row),
  startedAt: ({ attempt }) => instantOrNull(attempt?.startedAt),
  endedAt: ({ ended }) => instantOrNull(ended?.endedAt),
  durationMs: ({ durationMs }) => durationMs,
  outcome: ({ ended }) => ended?.outcome,
  exitCode: ({ ended }) => ended?.exitCode,
  signal: ({ ended }) => ended?.signal,
  host: ({ attempt }) => attempt?.host,
  ecsTask: ({ attempt }) => attempt?.ecsTask,
  forcedBy: ({ forced }) => forced?.by,
  reason: ({ forced }) => forced?.reason,
  rejected: ({ row }) => row?.rejections.count,
  refused: ({ row }) => row?.rejections.refused,
  resolvedAs: ({ resolution }) => resolution?.state,
  resolvedBy: ({ resolution }) => resolution?.by,
  resolvedReason: ({ resolution }) => resolution?.reason,
  report: ({ report }) => (report === undefined ? null : reportLine(report)),
}

function sourceOf(one: JudgedSlot) {
  const { own: row } = one
  const attempt = row?.attempts.at(-1)
  return {
    ...{ one, row, attempt },
    schedule: scheduleOf(one),
    ended: attempt?.phase === 'ended' ? attempt : undefined,
    durationMs: durationMsOf(one),
    forced: attempt?.trigger.kind === 'forced' ? attempt.trigger : undefined,
    resolution: row?.resolutions.at(-1),
    report: lastReport(one),
  }
}

/** Returns the first line, with its line end. `fields` are the names of the facts that have columns. */
export function csvHead(fields: readonly string[] = []): string {
  return csvText([[...Object.keys(CSV_COLUMNS), ...fields]])
}

/** Returns one line for each slot, with line ends. */
export function csvLines(slots: readonly JudgedSlot[], fields: readonly string[] = []): string {
  return csvText(
    slots.map((one) => {
      const source = sourceOf(one)
      const cells = Object.values(CSV_COLUMNS).map((cellOf) => cellOf(source))
      return [...cells, ...fields.map((name) => factOf(source.report, name))]
    }),
  )
}

/**
 * Returns lines of CSV. A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula, and a reason is
 * free text. We must put `'` before such a text, otherwise an operator's spreadsheet runs it. This also changes a
 * schedule such as `@daily`, which a spreadsheet would reject as a wrong formula.
 */
export function csvText(cells: readonly (readonly CsvValue[])[]): string {
  const texts = cells.map((line) => line.map((cell) => (typeof cell === 'string' ? printable(cell) : cell)))
  return stringify(texts, { escape_formulas: true })
}
