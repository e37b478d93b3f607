import type { Child } from 'hono/jsx'
import { elapsed } from '../../../core/duration.ts'
import { formatInstant } from '../../../core/instant.ts'
import type { Pace } from '../../../core/task/rules.ts'
import type { FoundSuspension, Gap } from '../../../core/task/suspensions.ts'
import type { Instant } from '../../../core/types.ts'
import { counted, printable } from '../../../format/text.ts'
import { Cell } from '../frame/badge.tsx'
import { links } from '../frame/links.ts'
import { Heads, IN_FORCE } from '../frame/parts.tsx'
import { BriefTime, wordsIn } from '../frame/time.tsx'
import type { Axis, Column } from './axis.ts'
import { cellFacts, type GridCell } from './cells.ts'

export interface TaskLine {
  readonly task: string
  readonly words: string
  readonly expression: string
  readonly zone: string
  readonly cells: readonly (GridCell | null)[]
  readonly ahead: readonly (GridCell | null)[]
  /** How many of the oldest columns show nothing, because the task has too many slots. */
  readonly unread: number
  readonly gaps: readonly Gap[]
  readonly isMoving: boolean
  readonly lastSuccess: Instant | null
  readonly pace: Pace
  readonly next: Instant | null
  readonly suspended: FoundSuspension | null
  readonly problem: string | null
}

export interface GridProps {
  readonly axis: Axis
  readonly now: Instant
  /** There is room for the schedule of each task below its name. */
  readonly isSmall?: boolean
}

const AFTER_CELLS = [
  ['Duration', 'took'],
  ['Usual', 'took usual'],
  ['Last success', 'when'],
  ['Next slot', 'when'],
] as const

export function Grid({ axis, children }: Pick<GridProps, 'axis'> & { readonly children?: Child }) {
  const { clock, labels, all } = axis
  return (
    <table class="grid">
      <thead>
        <tr>
          <Heads columns={[['Task', 'name']]} />
          {all.map(({ from }, index) => (
            <th scope="col" class={columnClass(index, axis)}>
              <span class="aside">{clock.time(from)}</span>
              {labels[index] !== null && (
                <span class="label" aria-hidden="true">
                  {labels[index]}
                </span>
              )}
            </th>
          ))}
          <Heads columns={AFTER_CELLS} />
        </tr>
      </thead>
      {children}
    </table>
  )
}

/** `tasks` is null where the group goes on, on another page. */
type GroupProps = Readonly<{ name: string | null; tasks: number | null; axis: Axis; children?: Child }>

/** Tasks that stand together, with a line above them if the group has a name. */
export function GridGroup({ name, tasks, axis, children }: GroupProps) {
  return (
    <tbody>
      {name !== null && (
        <tr class="group">
          <th scope="rowgroup" colspan={axis.all.length + 1 + AFTER_CELLS.length}>
            <strong>{printable(name)}</strong> {tasks !== null && <small>{counted(tasks, 'task')}</small>}
          </th>
        </tr>
      )}
      {children}
    </tbody>
  )
}

export function GridLine({ line, axis, now, isSmall = false }: { readonly line: TaskLine } & GridProps) {
  const { task, words, expression, zone, lastSuccess, pace, next, suspended, problem } = line
  const { durationsMs, usualMs } = pace
  const [lastMs] = durationsMs
  return (
    <tr id={`line-${encodeURIComponent(task)}`} data-task={task}>
      <th scope="row" class="name">
        <span class="line">
          <a href={links.task(task)} title={printable(`${task}: ${wordsIn(zone, words)} (${expression})`)}>
            {printable(task)}
          </a>
          {suspended !== null && (
            <strong title={printable(`${suspended.suspension.by}: ${suspended.suspension.reason}`)}>
              {IN_FORCE[suspended.kind]}
            </strong>
          )}
        </span>
        {isSmall && <small class="words">{printable(words)}</small>}
      </th>
      {problem === null ? (
        <Cells line={line} axis={axis} now={now} />
      ) : (
        <td colspan={axis.all.length} class="problem">
          {printable(problem)}
        </td>
      )}
      <td class="took" data-name="took">
        {lastMs !== undefined && (slownessOf(pace) >= SLOW ? <strong>{elapsed(lastMs)}</strong> : elapsed(lastMs))}
      </td>
      <td class="took usual">{usualMs !== null && elapsed(usualMs)}</td>
      <td class="when" data-name="last">
        {problem !== null ? null : lastSuccess === null ? (
          <small title="No success in the slots that this page read">none found</small>
        ) : (
          <BriefTime at={lastSuccess} clock={axis.clock} now={now} />
        )}
      </td>
      <td class="when" data-name="next">
        {next === null ? <small>none</small> : <BriefTime at={next} clock={axis.clock} now={now} />}
      </td>
    </tr>
  )
}

function Cells({ line, axis, now }: { readonly line: TaskLine } & GridProps) {
  const { task, cells, ahead, unread, gaps } = line
  const stop = cells.findLastIndex((cell) => cell !== null)
  const isDense = hasDense(line)
  const first = axis.columns.length
  return axis.all.map((column, index) => {
    const cell = (index < first ? cells[index] : ahead[index - first]) ?? null
    const isUnread = index < unread
    const isPaused = gaps.some(({ from, until }) => from < column.to && until > column.from)
    const names = [isUnread && 'unread', isPaused && 'paused', columnClass(index, axis)].filter(Boolean)
    return (
      <td class={names.length === 0 ? undefined : names.join(' ')}>
        {index === unread - 1 && (
          <a class="more" href={links.task(task, { until: formatInstant(column.to) })} title="These are many slots">
            {unread < MIN_UNREAD ? '…' : 'not read'}
            <span class="aside"> yet: the older slots of {printable(task)}</span>
          </a>
        )}
        {cell !== null && (
          <Cell
            href={hrefOfCell(task, cell, { ...column, now })}
            mark={cell.mark}
            facts={cellFacts(cell, task, column, axis.clock)}
            isCalm={isDense && isCalm(cell)}
            isStop={index === stop}
          />
        )}
      </td>
    )
  })
}

const MIN_UNREAD = 5

/** Returns whether a task has several slots in a column. */
export function hasDense({ cells }: Pick<TaskLine, 'cells'>): boolean {
  return cells.some((cell) => cell?.kind === 'slots')
}

/** Returns whether all slots of a cell completed, or none was due yet. */
function isCalm({ mark }: GridCell): boolean {
  return mark === 'completed' || mark === 'scheduled'
}

function columnClass(index: number, { columns, labels }: Axis): string | undefined {
  const names = [labels[index] !== null && 'edge', index === columns.length - 1 && 'now'].filter(Boolean)
  return names.length === 0 ? undefined : names.join(' ')
}

/** A slot that takes this many times as long as usual stands out. */
const SLOW = 1.5

/** Returns how many times as long as usual the newest slot took. 0: not known. */
export function slownessOf({ durationsMs, usualMs }: Pace): number {
  return (durationsMs[0] ?? 0) / (usualMs || Number.POSITIVE_INFINITY)
}

/** A cell leads to its slot. If it has several, it leads to the history of the task in the time of the column. */
function hrefOfCell(task: string, cell: GridCell, { from, to, now }: Column & Pick<GridProps, 'now'>): string {
  if (cell.kind === 'slot') return links.slot(task, cell.slot)
  // The history also has slots of the future that are resolved, which the cell does not count. A slot is a whole second.
  const until = to > now ? Math.min(to, cell.newest + 1_000) : to
  return links.task(task, { since: formatInstant(from), until: formatInstant(until) })
}
