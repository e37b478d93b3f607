import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { keysOf } from '../../core/objects.ts'
import { attemptCount, isRepaired, latenessMsOf } from '../../core/row/attempts.ts'
import { rejectedWords } from '../../core/row/rejections.ts'
import { type Fact, factOf, reportLine } from '../../core/row/report.ts'
import { isUnreadable } from '../../core/row/status.ts'
import type { Row } from '../../core/types.ts'
import { scheduleOf, windowEndOf } from '../../verdict/found.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { isSettled } from '../../verdict/remarks.ts'
import { missedFor } from '../../verdict/situations.ts'
import { zonedTime } from '../local-time.ts'
import { coveredByOf, durationMsOf, instantOrNull, lastReport, remarkWords } from '../slot/row.ts'
import { type Column, colorOfStatus } from '../table.ts'

export type SlotSource = ReturnType<typeof sourceOf>

export function sourceOf(one: JudgedSlot) {
  const { own: row } = one
  const attempt = row?.attempts.at(-1)
  return {
    one,
    row,
    attempt,
    schedule: scheduleOf(one),
    ended: attempt?.phase === 'ended' ? attempt : undefined,
    durationMs: durationMsOf(one),
    forced: forceOf(row),
    resolution: row?.resolutions.at(-1),
    report: lastReport(one),
  }
}

export type CsvValue = Fact | null | undefined

/** A column of `history`: with `csv` it is in CSV, and with `table` it is in the table of a terminal. */
interface HistoryColumn {
  readonly csv?: (source: SlotSource) => CsvValue
  readonly table?: TableLook
}

/** What may be asked of a table besides: `tasks`: several tasks can come. `forced`: the slots that an operator forced. */
export type Asked = 'tasks' | 'forced'

type TableLook = Omit<Column<SlotSource>, 'text'> &
  Partial<Pick<Column<SlotSource>, 'text'>> & {
    readonly onlyWith?: Asked
  }

const always = () => true
const NUMBER = /^-?\d[\d.e+-]*$/

const HISTORY_COLUMNS: Readonly<Record<string, HistoryColumn>> = {
  slot: { csv: ({ one }) => formatInstant(one.slot), table: { heading: 'SLOT (UTC)' } },
  task: { csv: ({ one }) => one.task, table: { heading: 'TASK', onlyWith: 'tasks', cutTo: [32, 8] } },
  localTime: {
    table: {
      heading: 'LOCAL TIME',
      text: ({ one: { row, slot, schedule } }) =>
        row !== null && isUnreadable(row) ? '' : zonedTime(slot, schedule.zone),
      leftOut: 3,
    },
  },
  windowEnd: { csv: ({ one }) => instantOrNull(windowEndOf(one)) },
  status: {
    csv: ({ one }) => one.status,
    table: {
      // The first slots that are read can be failed ones, and the columns keep their width.
      heading: 'STATUS'.padEnd('completed'.length),
      text: ({ one }) => {
        const { status, mark, situation, own, remarks } = one
        if (situation === 'covered') return `${status}, covered`
        const [remark] = status === 'completed' || status === 'running' ? keysOf(remarks) : []
        const missedMs = situation === 'repaired' && remark === undefined ? missedFor(one) : null
        if (own !== null && missedMs !== null && !isRepaired(own)) return `completed, after ${elapsed(missedMs)}`
        if (mark !== status) return `completed, ${mark}`
        return `${status}${remark ? `, ${remark}` : ''}${remark && isSettled(own) ? ', settled' : ''}`
      },
      color: colorOfStatus,
      cutTo: [32, 'completed'.length],
    },
  },
  remarks: { csv: ({ one }) => remarkWords(one).join(' ') },
  state: { csv: ({ row }) => row?.state },
  schedule: { csv: ({ schedule }) => schedule?.expression },
  zone: { csv: ({ schedule }) => schedule?.zone },
  attempts: {
    csv: ({ row }) => row && attemptCount(row),
    table: { heading: 'ATTEMPTS', isRight: always, leftOut: 1 },
  },
  startedAt: { csv: ({ attempt }) => instantOrNull(attempt?.startedAt) },
  endedAt: { csv: ({ ended }) => instantOrNull(ended?.endedAt) },
  durationMs: {
    csv: ({ durationMs }) => durationMs,
    table: {
      heading: 'DURATION',
      text: ({ row, durationMs: ms }) => {
        if (row === null) return ''
        return ms === null ? '-' : elapsed(ms)
      },
      isRight: always,
      leftOut: 4,
    },
  },
  latenessMs: { csv: ({ row }) => row && latenessMsOf(row) },
  outcome: { csv: ({ ended }) => ended?.outcome },
  exitCode: { csv: ({ ended }) => ended?.exitCode },
  signal: { csv: ({ ended }) => ended?.signal },
  host: { csv: ({ attempt }) => attempt?.host },
  ecsTask: { csv: ({ attempt }) => attempt?.ecsTask },
  forcedBy: {
    csv: ({ forced }) => forced?.by,
    table: { heading: 'FORCED BY', text: ({ forced }) => forced?.by ?? '', onlyWith: 'forced', cutTo: [20, 9] },
  },
  reason: {
    csv: ({ forced }) => forced?.reason,
    table: { heading: 'REASON', text: ({ forced }) => forced?.reason ?? '', onlyWith: 'forced', isBelow: true },
  },
  rejected: {
    csv: ({ row }) => row?.rejections.count,
    table: {
      heading: 'REJECTED',
      text: ({ row }) => (row === null ? '' : rejectedWords(row.rejections)),
      isRight: always,
      leftOut: 2,
    },
  },
  refused: { csv: ({ row }) => row?.rejections.refused },
  resolvedAs: { csv: ({ resolution }) => resolution?.state },
  resolvedBy: { csv: ({ resolution }) => resolution?.by },
  resolvedAt: { csv: ({ resolution }) => instantOrNull(resolution?.at) },
  resolvedReason: { csv: ({ resolution }) => resolution?.reason },
  coveredBy: { csv: ({ one }) => coveredByOf(one) },
  report: { csv: ({ report }) => (report === undefined ? null : reportLine(report)) },
}

/** Returns the newest trigger of an operator. The attempt after it may be of the schedule. */
export function forceOf(row: Row | null) {
  const attempt = row?.attempts.findLast(({ trigger }) => trigger.kind === 'forced')
  return attempt?.trigger.kind === 'forced' ? attempt.trigger : undefined
}

function factColumn(name: string): HistoryColumn {
  return {
    csv: ({ report }) => factOf(report, name),
    table: { heading: name, isRight: (text) => NUMBER.test(text) },
  }
}

function columnsWith(fields: readonly string[]): readonly (readonly [name: string, HistoryColumn])[] {
  return [...Object.entries(HISTORY_COLUMNS), ...fields.map((name) => [name, factColumn(name)] as const)]
}

/** `fields` are the names of the facts that have columns. */
export function csvColumns(fields: readonly string[]) {
  return columnsWith(fields).flatMap(([name, { csv: cellOf }]) => (cellOf ? { name, cellOf } : []))
}

export function tableColumns(fields: readonly string[]) {
  return columnsWith(fields).flatMap(([, { csv, table }]) =>
    table ? { ...table, text: table.text ?? ((source: SlotSource) => String(csv?.(source) ?? '')) } : [],
  )
}
