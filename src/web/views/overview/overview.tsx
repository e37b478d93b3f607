import { isKeyOf, keysOf } from '../../../core/objects.ts'
import { counted } from '../../../format/text.ts'
import { Legend, type Look, Sign } from '../frame/badge.tsx'
import { links, type OverviewQuery } from '../frame/links.ts'
import { MARKS } from '../frame/marks.ts'
import { Choice } from '../frame/parts.tsx'
import { DEFAULT_SPAN, SPANS } from './axis.ts'
import { Grid, GridGroup, GridLine, type GridProps, hasDense, slownessOf, type TaskLine } from './grid.tsx'
import { groupTasks, type StateCounts, type TaskGroup, type TaskState } from './order.ts'

export const SORTS = { severity: 'severity', name: 'name', duration: 'slower than usual', next: 'next slot' } as const
export type Sort = keyof typeof SORTS

export interface OverviewModel extends Pick<GridProps, 'axis'> {
  readonly lines: readonly TaskLine[]
  readonly unread: number
  readonly hasFindings: (task: string) => boolean
  readonly sort: Sort
  readonly owners: readonly string[]
  readonly state: TaskState | null
  readonly counts: StateCounts
  /** The number of tasks without the filter by state. */
  readonly total: number
  /** The number of tasks with the filter by state. A page shows some of them if there are very many. */
  readonly matching: number
  readonly isWhole: boolean
  readonly query: OverviewQuery
  readonly page: number
  readonly before: number
}

/** With so few tasks, the page has room to say more about each. */
const SMALL = 5

type OverviewProps = { readonly model: OverviewModel } & Omit<GridProps, 'axis'>

export function Overview({ model, now }: OverviewProps) {
  const { lines, unread, axis, query, page, before, matching } = model
  const all = lines.length + unread
  const end = before + all
  const grid = { axis, now, isSmall: matching <= SMALL }
  const groups = groupsOf(model)
  const pageHref = (to: number) => links.overview({ ...query, page: to === 1 ? undefined : String(to) })
  return (
    <section id="overview" aria-labelledby="overview-title">
      <div class="bar tools">
        <h2 id="overview-title">Tasks</h2>
        <Search model={model} />
        <States model={model} />
        <Legend looks={looksOf(model)} />
        <Spans model={model} />
      </div>
      <div id="tasks" tabindex={-1}>
        {unread > 0 && (
          <p id="partial" class="quiet">
            Partial: {lines.length} of the {counted(all, 'task')} of this page read so far.
          </p>
        )}
        {all === 0 ? (
          <p class="empty">{emptyText(model)}</p>
        ) : (
          <Grid axis={axis}>
            {groups.map(({ name, tasks }) => (
              <GridGroup name={name} tasks={matching > lines.length ? null : tasks.length} axis={axis}>
                {tasks.map((line) => (
                  <GridLine line={line} {...grid} />
                ))}
              </GridGroup>
            ))}
          </Grid>
        )}
        {matching > all && all > 0 && (
          <p class="quiet">
            Tasks {before + 1} to {end} of {matching.toLocaleString('en')}. The summary above is about all tasks
            {query.owner && ' of this owner'}.
          </p>
        )}
        <nav class="pages" aria-label="Pages of tasks">
          {page > 1 && <a href={pageHref(page - 1)}>Previous tasks</a>}
          {end < matching && <a href={pageHref(page + 1)}>More tasks</a>}
        </nav>
      </div>
    </section>
  )
}

const ORDERS: Readonly<Record<Exclude<Sort, 'severity'>, (one: TaskLine, other: TaskLine) => number>> = {
  // They come by name.
  name: () => 0,
  duration: (one, other) => slownessOf(other.pace) - slownessOf(one.pace),
  next: (one, other) => (one.next ?? Number.MAX_VALUE) - (other.next ?? Number.MAX_VALUE),
}

function groupsOf({ lines, sort, hasFindings }: OverviewModel): readonly TaskGroup<TaskLine>[] {
  if (sort === 'severity')
    return groupTasks(lines, {
      needsAttention: (line) => isUrgent(line) || hasFindings(line.task),
      isRetired: ({ suspended }) => suspended?.kind === 'retirement',
    })
  return [{ name: null, tasks: lines.toSorted(ORDERS[sort]) }]
}

/** A task whose slots cannot be read may have a problem too, so it must not stand among the calm ones. */
function isUrgent({ cells, problem }: TaskLine): boolean {
  return problem !== null || cells.some((cell) => cell?.needsAttention)
}

function emptyText({ query: { q, owner }, page, state, isWhole }: OverviewModel): string {
  // Further tasks may have the status: those that are not checked yet.
  if (state !== null || q || owner) return `No task matches${state === null || isWhole ? '' : ' so far'}.`
  return page > 1 ? 'There are no more tasks.' : 'Tasks appear here after their first run.'
}

function Search({ model: { query, owners, sort } }: Pick<OverviewProps, 'model'>) {
  const { q, span, status, owner } = query
  // The order that an address without one has.
  const given = (one: Sort) => (one === 'severity' ? '' : one)
  return (
    <search>
      <form method="get" action="/">
        <label for="q">Name</label>
        <input
          id="q"
          type="search"
          name="q"
          value={q ?? ''}
          placeholder="a part, or pay/*"
          size={14}
          maxlength={128}
          autocomplete="off"
          spellcheck={false}
        />
        {(owners.length > 0 || owner) && (
          <label>
            Owner
            <input type="search" name="owner" value={owner ?? ''} list="owners" placeholder="a part" size={14} />
            <datalist id="owners">
              {owners.map((one) => (
                <option value={one} />
              ))}
            </datalist>
          </label>
        )}
        <Choice
          label="Sort by"
          name="sort"
          chosen={given(sort)}
          options={keysOf(SORTS).map((one) => [given(one), SORTS[one]])}
        />
        {span && <input type="hidden" name="span" value={span} />}
        {status && <input type="hidden" name="status" value={status} />}
        <button type="submit">Find</button>
      </form>
    </search>
  )
}

function Spans({ model: { axis, query } }: Pick<OverviewProps, 'model'>) {
  return (
    <nav id="spans" class="choices" aria-label="Time span">
      {keysOf(SPANS).map((name) => (
        <a
          href={links.overview({ ...query, span: name === DEFAULT_SPAN ? undefined : name })}
          aria-current={name === axis.span ? 'true' : undefined}
        >
          {SPANS[name].words}
        </a>
      ))}
    </nav>
  )
}

/** Returns the looks of the cells of the page that the filter by state does not explain. */
function looksOf({ lines, counts }: OverviewModel): ReadonlySet<Look> {
  const looks = new Set<Look>()
  for (const line of lines) {
    const { cells, ahead, unread, gaps } = line
    const isDense = hasDense(line)
    for (const cell of [...cells, ...ahead])
      if (cell !== null) looks.add(isDense && cell.mark === 'completed' ? 'calm' : cell.mark)
    if (unread > 0) looks.add('unread')
    if (gaps.length > 0) looks.add('paused')
  }
  for (const { state } of counts) if (isKeyOf(state, MARKS)) looks.delete(state)
  return looks
}

/** The filter by state. Its signs explain those of the cells. It is hidden where all tasks are as usual. */
function States({ model: { counts, state, total, query } }: Pick<OverviewProps, 'model'>) {
  const href = (status: TaskState | undefined) => links.overview({ ...query, status, page: undefined })
  return (
    <nav id="states" class="choices" aria-label="Filter by status" hidden={counts.length === 0 && state === null}>
      <a href={href(undefined)} aria-current={state === null ? 'true' : undefined}>
        All {total.toLocaleString('en')}
      </a>
      {counts.map(({ state: one, count }) => (
        <a class="badge" href={href(one)} aria-current={one === state ? 'true' : undefined}>
          {isKeyOf(one, MARKS) && <Sign mark={one} />}
          {`${one[0]?.toUpperCase()}${one.slice(1)} ${count.toLocaleString('en')}`}
        </a>
      ))}
    </nav>
  )
}
