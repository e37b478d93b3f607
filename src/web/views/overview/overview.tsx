import type { Child } from 'hono/jsx'
import { isKeyOf, keysOf } from '../../../core/objects.ts'
import { printable } from '../../../format/text.ts'
import { Legend, Sign } from '../frame/badge.tsx'
import { Heading } from '../frame/document.tsx'
import type { OverviewQuery } from '../frame/links.ts'
import { MARKS } from '../frame/marks.ts'
import { DEFAULT_SPAN, SPANS, type SpanName } from './axis.ts'
import { Grid, GridGroup, GridLine, type GridProps, type TaskLine } from './grid.tsx'
import { groupTasks, type StateCounts, type TaskState } from './order.ts'

export interface OverviewModel extends Pick<GridProps, 'axis'> {
  readonly lines: readonly TaskLine[]
  /** The names of the tasks that need attention. */
  readonly attention: ReadonlySet<string>
  readonly span: SpanName
  /** The state that all tasks have, or null. */
  readonly state: TaskState | null
  /** How many tasks have each state. On a page of a large ledger, these are the findings of all tasks. */
  readonly counts: StateCounts
  /** The number of tasks without the filter by state, on a large ledger on all pages. Null if it is not known. */
  readonly total: number | null
  /** Whether the ledger has more tasks than one page. */
  readonly isLarge: boolean
  /** Whether the findings of all tasks were read. Otherwise the states of some tasks are not known yet. */
  readonly isWhole: boolean
  readonly query: OverviewQuery
  /** The task after which the next page begins. Null on the last page. */
  readonly more: string | null
}

type OverviewProps = { readonly model: OverviewModel } & Omit<GridProps, 'axis'>

/** All tasks on one time axis, with a search and filters. */
export function Overview({ model, links, now, live }: OverviewProps) {
  const { lines, attention, axis, query, more } = model
  const grid = { axis, links, now, live }
  return (
    <section id="overview" aria-labelledby="overview-title">
      <div class="bar tools">
        <Heading level={2} id="overview-title">
          Tasks
        </Heading>
        <Search query={query} />
        <States model={model} links={links} />
        <Spans model={model} links={links} />
      </div>
      <div id="tasks" data-q={query.q ?? ''} data-complete={model.isLarge ? undefined : ''}>
        {lines.length === 0 ? (
          <p class="empty">{emptyText(model)}</p>
        ) : (
          <GridOfTasks lines={lines} attention={attention} {...grid} />
        )}
        {model.isLarge && <p class="quiet">{largeText(model)}</p>}
        <nav class="pages" aria-label="Pages of tasks">
          {query.after && <a href={links.overview({ ...query, after: undefined })}>First tasks</a>}
          {more !== null && <a href={links.overview({ ...query, after: more })}>More tasks</a>}
        </nav>
      </div>
      {lines.length > 0 && <Legend live={live} />}
    </section>
  )
}

function GridOfTasks({ lines, attention, ...grid }: Pick<OverviewModel, 'lines' | 'attention'> & GridProps) {
  const retired = lines.filter(isRetiredLine)
  const groups = groupTasks(
    lines.filter((line) => !isRetiredLine(line)),
    ({ task }) => attention.has(task),
  )
  return (
    <>
      {groups.length > 0 && (
        <Grid axis={grid.axis}>
          {groups.map(({ name, tasks }) => (
            <GridGroup name={name} tasks={tasks.length} axis={grid.axis}>
              {tasks.map((line) => (
                <GridLine line={line} {...grid} />
              ))}
            </GridGroup>
          ))}
        </Grid>
      )}
      <RetiredTasks count={retired.length} isOpen={groups.length === 0} axis={grid.axis}>
        {retired.map((line) => (
          <GridLine line={line} {...grid} />
        ))}
      </RetiredTasks>
    </>
  )
}

function isRetiredLine({ suspended }: TaskLine): boolean {
  return suspended?.kind === 'retirement'
}

/** The tasks that were removed. They are folded, because they need no attention. The children are the lines. */
export function RetiredTasks({
  count,
  isOpen,
  axis,
  children,
}: {
  readonly count: number
  readonly isOpen: boolean
  readonly children?: Child
} & Pick<GridProps, 'axis'>) {
  if (count === 0) return null
  return (
    <details id="retired" open={isOpen}>
      <summary>
        Retired <small>{count === 1 ? '1 task' : `${count} tasks`}</small>
      </summary>
      <Grid axis={axis}>
        <tbody>{children}</tbody>
      </Grid>
    </details>
  )
}

function emptyText({ query: { q, after }, state, isWhole, more }: OverviewModel): string {
  // Further tasks may have the status: those that are not checked yet, and those of other pages.
  const where = state === null ? '' : isWhole ? (more !== null || after ? ' on this page' : '') : ' so far'
  if (q)
    return `No task ${state === null ? '' : `with the status ${state} `}has ${JSON.stringify(printable(q))} in its name${where}.`
  if (state !== null) return `No task has the status ${state}${where}.`
  return after ? 'There are no more tasks.' : 'Tasks appear here after their first run.'
}

function largeText({ lines, total, isWhole }: OverviewModel): string {
  const shown =
    total === null
      ? `This page shows ${lines.length} tasks.`
      : `This page shows ${lines.length} of ${total.toLocaleString('en')} tasks.`
  return isWhole ? `${shown} The summary above is about all tasks.` : shown
}

/** A search by name. The script also searches while a person types, and writes how many tasks it found. */
function Search({ query: { q, span, status } }: { readonly query: OverviewQuery }) {
  return (
    <search>
      <form method="get" action="/">
        <label for="q">Name</label>
        <input id="q" type="search" name="q" value={q ?? ''} maxlength={128} autocomplete="off" spellcheck={false} />
        {span && <input type="hidden" name="span" value={span} />}
        {status && <input type="hidden" name="status" value={status} />}
        <button type="submit">Find</button>
        <output id="found" class="quiet" />
      </form>
    </search>
  )
}

function Spans({ model: { span, query }, links }: Pick<OverviewProps, 'model' | 'links'>) {
  return (
    <nav id="spans" class="choices" aria-label="Time span">
      {keysOf(SPANS).map((name) => (
        <a
          href={links.overview({ ...query, span: name === DEFAULT_SPAN ? undefined : name })}
          aria-current={name === span ? 'true' : undefined}
        >
          {SPANS[name].words}
        </a>
      ))}
    </nav>
  )
}

/** The filter by state. Its signs explain those of the cells. It is hidden where all tasks are as usual. */
function States({ model: { counts, state, total, query }, links }: Pick<OverviewProps, 'model' | 'links'>) {
  const href = (status: TaskState | undefined) => links.overview({ ...query, status, after: undefined })
  return (
    <nav id="states" class="choices" aria-label="Filter by status" hidden={counts.length === 0 && state === null}>
      <a href={href(undefined)} aria-current={state === null ? 'true' : undefined}>
        All {total ?? ''}
      </a>
      {counts.map(({ state: one, count }) => (
        <a class="badge" href={href(one)} aria-current={one === state ? 'true' : undefined}>
          {isKeyOf(one, MARKS) && <Sign mark={one} />}
          {`${one[0]?.toUpperCase()}${one.slice(1)} ${count}`}
        </a>
      ))}
    </nav>
  )
}
