import { stringify } from 'csv-stringify/sync'
import { formatInstant } from '../../core/instant.ts'
import { attemptCount } from '../../core/row/attempts.ts'
import { type Fact, factOf, reportLine } from '../../core/row/report.ts'
import { isUnreadable } from '../../core/row/status.ts'
import { isMissed } from '../../core/task/expected-slots.ts'
import type { Instant, Row, Status } from '../../core/types.ts'
import { durationMsOf, type HistoryItem, instantOrNull, lastReport, type StatusOf } from '../slot/row.ts'
import { printable } from '../text.ts'

const HEAD = [
  ...['task', 'slot', 'windowEnd', 'status', 'state', 'schedule', 'zone', 'attempts', 'startedAt', 'endedAt'],
  ...['durationMs', 'outcome', 'exitCode', 'signal', 'host', 'ecsTask', 'forcedBy', 'reason', 'rejections', 'refused'],
  ...['resolvedAs', 'resolvedBy', 'resolvedReason', 'report'],
]

type CsvValue = Fact | null | undefined

/** Returns the first line, with its line end. `fields` are the names of the facts that have columns. */
export function csvHead(fields: readonly string[] = []): string {
  return csvText([[...HEAD, ...fields]])
}

/** Returns one line for each item, with line ends. A cell is empty when its value is not known. */
export function csvLines(
  items: readonly HistoryItem[],
  statusOf: StatusOf,
  now: Instant,
  fields: readonly string[] = [],
): string {
  return csvText(
    items.map((item) => {
      const cells = [item.task, formatInstant(item.slot), ...cellsOf(item, statusOf(item), now)]
      return [...HEAD.map((_, index) => cells[index]), ...fields.map((name) => factOf(lastReport(item), name))]
    }),
  )
}

function cellsOf(item: HistoryItem, status: Status, now: Instant): CsvValue[] {
  if (isMissed(item)) return [instantOrNull(item.end), status, null, item.schedule.expression, item.schedule.zone]
  return isUnreadable(item) ? [null, status] : ownCells(item, status, now)
}

function ownCells(row: Row, status: Status, now: Instant): CsvValue[] {
  const attempt = row.attempts.at(-1)
  const ended = attempt?.phase === 'ended' ? attempt : undefined
  const trigger = attempt?.trigger
  const resolution = row.resolutions.at(-1)
  const report = lastReport(row)
  return [
    instantOrNull(row.windowEnd),
    status,
    row.state,
    row.schedule.expression,
    row.schedule.zone,
    attemptCount(row),
    instantOrNull(attempt?.startedAt),
    instantOrNull(ended?.endedAt),
    durationMsOf(row, status, now),
    ended?.outcome,
    ended?.exitCode,
    ended?.signal,
    attempt?.host,
    attempt?.ecsTask,
    trigger?.kind === 'forced' ? trigger.by : null,
    trigger?.kind === 'forced' ? trigger.reason : null,
    row.rejections.count,
    row.rejections.refused,
    resolution?.state,
    resolution?.by,
    resolution?.reason,
    report === undefined ? null : reportLine(report),
  ]
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
