import type { Child } from 'hono/jsx'
import { formatInstant } from '../../../core/instant.ts'
import type { FoundSuspension, Gap } from '../../../core/task/suspensions.ts'
import type { Instant } from '../../../core/types.ts'
import { printable } from '../../../format/text.ts'
import { Cell } from '../frame/cell.tsx'
import { links } from '../frame/links.ts'
import { SuspensionInForce } from '../frame/suspension.tsx'
import { Time } from '../frame/time.tsx'
import { type WallClock, wordsIn } from '../frame/wall-clock.ts'
import { type Axis, type Column, labelsOf, stepText } from './axis.ts'
import { cellFacts, type GridCell } from './cells.ts'

export interface TaskLine {
  readonly task: string
  readonly clock: WallClock
  readonly words: string
  readonly expression: string
  /** The contents of each column of the axis. Null where no slot is. */
  readonly cells: readonly (GridCell | null)[]
  /** How many of the oldest columns show nothing, because the task has too many slots. */
  readonly unread: number
  /** The pauses and retirements that overlap the axis. */
  readonly gaps: readonly Gap[]
  /** Whether a slot of the axis runs, or may start at any moment. */
  readonly isMoving: boolean
  readonly lastSuccess: Instant | null
  readonly next: Instant | null
  readonly suspended: FoundSuspension | null
  /** Why the slots could not be read. Null when they could be read. */
  readonly problem: string | null
}

export interface GridProps {
  readonly axis: Axis
  readonly now: Instant
}

/** The columns that a narrow screen shows, see overview.css. A few more columns still fit, so none is hidden then. */
const NARROW_COLUMNS = 24
const SPARE_COLUMNS = 7

/** The table of the tasks. Its children are `GridGroup`s. */
export function Grid({ axis, children }: Pick<GridProps, 'axis'> & { readonly children?: Child }) {
  const { clock, columns } = axis
  const labels = labelsOf(axis)
  const isDense = columns.length > NARROW_COLUMNS + SPARE_COLUMNS
  return (
    <>
      {isDense && (
        <p class="half quiet">This screen is narrow, so only the newest {NARROW_COLUMNS} columns are shown.</p>
      )}
      <table class={isDense ? 'grid dense' : 'grid'} data-roving>
        <thead>
          <tr>
            <th scope="col" class="name">
              Task{' '}
              <small class="zone">
                {stepText(axis.stepMs)} per column, {clock.zone}
              </small>
            </th>
            {columns.map(({ from }, index) => (
              <th scope="col" class={labels[index] === null ? undefined : 'edge'}>
                <span class="aside">{clock.time(from)}</span>
                {labels[index] !== null && (
                  <span class="label" aria-hidden="true">
                    {labels[index]}
                  </span>
                )}
              </th>
            ))}
            <th scope="col" class="when">
              Last success
            </th>
            <th scope="col" class="when">
              Next slot
            </th>
          </tr>
        </thead>
        {children}
      </table>
    </>
  )
}

/** Tasks that stand together, with a line above them if the group has a name. */
export function GridGroup({
  name,
  tasks,
  axis,
  children,
}: {
  readonly name: string | null
  readonly tasks: number
  readonly children?: Child
} & Pick<GridProps, 'axis'>) {
  return (
    <tbody>
      {name !== null && (
        <tr class="group">
          <th scope="rowgroup" colspan={axis.columns.length + 3}>
            <strong>{printable(name)}</strong> <small>{tasks === 1 ? '1 task' : `${tasks} tasks`}</small>
          </th>
        </tr>
      )}
      {children}
    </tbody>
  )
}

export function GridLine({ line, axis, now }: { readonly line: TaskLine } & GridProps) {
  const { task, clock, words, expression, lastSuccess, next, suspended, problem } = line
  return (
    <tr id={`line-${encodeURIComponent(task)}`} data-task={task.toLowerCase()}>
      <th scope="row" class="name">
        <span class="line">
          <a href={links.task(task)} title={printable(task)}>
            {printable(task)}
          </a>
          {suspended === null ? (
            <span class="words" title={printable(`${wordsIn(clock.zone, words)} (${expression})`)}>
              {printable(clock.zone === axis.clock.zone ? words : wordsIn(clock.zone, words))}
            </span>
          ) : (
            <SuspensionInForce found={suspended} clock={clock} />
          )}
        </span>
      </th>
      {problem === null ? (
        <Cells line={line} axis={axis} now={now} />
      ) : (
        <td colspan={axis.columns.length} class="problem">
          {printable(problem)}
        </td>
      )}
      <td class="when" data-name="Last success">
        {problem !== null ? null : lastSuccess === null ? (
          <small title="No success in the slots that this page read">none found</small>
        ) : (
          <Time at={lastSuccess} clock={clock} now={now} />
        )}
      </td>
      <td class="when" data-name="Next slot">
        {next === null ? <small>none</small> : <Time at={next} clock={clock} now={now} />}
      </td>
    </tr>
  )
}

function Cells({ line, axis, now }: { readonly line: TaskLine } & GridProps) {
  const { task, clock, cells, unread, gaps } = line
  const stop = cells.findLastIndex((cell) => cell !== null)
  const labels = labelsOf(axis)
  return axis.columns.map((column, index) => {
    const cell = cells[index] ?? null
    const isUnread = index < unread
    const isPaused = gaps.some(({ from, until }) => from < column.to && until > column.from)
    const names = [isUnread && 'unread', isPaused && 'paused', labels[index] !== null && 'edge'].filter(Boolean)
    return (
      <td class={names.length === 0 ? undefined : names.join(' ')} title={isUnread ? UNREAD : undefined}>
        {cell !== null && (
          <Cell
            href={hrefOf(task, cell, { ...column, now })}
            mark={cell.mark}
            facts={cellFacts(cell, task, column, clock)}
            isRejected={cell.rejected.count > 0}
            isStop={index === stop}
          />
        )}
      </td>
    )
  })
}

const UNREAD = 'not read: too many slots'

type PlaceOfCell = Column & Pick<GridProps, 'now'>

/** A cell leads to its slot. If it has several, it leads to the history of the task in the time of the column. */
function hrefOf(task: string, cell: GridCell, { from, to, now }: PlaceOfCell): string {
  if (cell.kind === 'slot') return links.slot(task, cell.slot)
  // The history also has slots of the future that are resolved, which the cell does not count. A slot is a whole second.
  const until = to > now ? Math.min(to, cell.newest + 1_000) : to
  return links.task(task, { since: formatInstant(from), until: formatInstant(until) })
}
