import type { Child } from 'hono/jsx'
import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import type { Instant, Status } from '../../../core/types.ts'
import { printable } from '../../../format/text.ts'
import { Legend } from '../frame/badge.tsx'
import { Cell } from '../frame/cell.tsx'
import { Heading } from '../frame/document.tsx'
import type { Links, OverviewQuery } from '../frame/links.ts'
import { MARKS } from '../frame/marks.ts'
import { Time } from '../frame/time.tsx'
import { type WallClock, wordsIn } from '../frame/wall-clock.ts'
import { SuspensionInForce } from '../task/suspensions.tsx'

/** How many slots the line of a task shows: two months of a nightly task. A wide screen has room for them. */
export const CELLS = 60

export interface SlotCell {
  readonly slot: Instant
  readonly status: Status
  /** The rejected triggers in words. Empty when there are none. */
  readonly rejected: string
}

export interface TaskLine {
  readonly task: string
  readonly clock: WallClock
  /** The schedule in words. */
  readonly words: string
  readonly expression: string
  /** The newest slots, oldest first. */
  readonly cells: readonly SlotCell[]
  readonly lastSuccess: Instant | null
  readonly next: Instant | null
  /** The pause or the retirement that is in force. */
  readonly suspended: FoundSuspension | null
  /** Why the slots could not be read. Null when they could be read. */
  readonly problem: string | null
}

export interface OverviewModel {
  readonly lines: readonly TaskLine[]
  readonly query: OverviewQuery
  /** The task after which the next page begins. Null on the last page. */
  readonly more: string | null
}

export function Overview({ model, links, live }: { readonly model: OverviewModel } & GridProps) {
  const { lines, query } = model
  const retired = lines.filter(isRetiredLine)
  const others = lines.filter((line) => !isRetiredLine(line))
  return (
    <OverviewFrame query={query} more={model.more} links={links} live={live}>
      {lines.length === 0 && <p class="empty">{emptyText(query)}</p>}
      {others.length > 0 && (
        <Grid>
          {others.map((line) => (
            <GridLine line={line} links={links} live={live} />
          ))}
        </Grid>
      )}
      <RetiredTasks lines={retired} links={links} live={live} />
    </OverviewFrame>
  )
}

/** Returns whether the task of a line belongs in the part of the retired tasks. */
export function isRetiredLine({ suspended }: TaskLine): boolean {
  return suspended?.kind === 'retirement'
}

/** The tasks that were removed. They are apart, because they need no attention. */
export function RetiredTasks({ lines, links, live }: Pick<OverviewModel, 'lines'> & GridProps) {
  if (lines.length === 0) return null
  return (
    <section aria-labelledby="retired-title">
      <Heading level={live ? 2 : 3} id="retired-title">
        Retired tasks
      </Heading>
      <Grid>
        {lines.map((line) => (
          <GridLine line={line} links={links} live={live} />
        ))}
      </Grid>
    </section>
  )
}

/** The heading, the search and the legend around the tasks. */
export function OverviewFrame({
  query,
  more,
  links,
  live,
  children,
}: Omit<OverviewModel, 'lines'> & GridProps & { readonly children?: Child }) {
  return (
    <section id="overview" aria-labelledby="overview-title">
      <div class="bar">
        <Heading level={live ? 1 : 2} id="overview-title">
          Tasks
        </Heading>
        {live && <Search q={query.q ?? ''} />}
      </div>
      <Legend keys={live && 'from task to task'} />
      {children}
      <nav class="pages" aria-label="Pages of tasks">
        {query.after && <a href={links.overview({ q: query.q })}>First tasks</a>}
        {more !== null && <a href={links.overview({ q: query.q, after: more })}>More tasks</a>}
      </nav>
    </section>
  )
}

function emptyText({ q, after }: OverviewQuery): string {
  if (q) return `No task has ${JSON.stringify(printable(q))} in its name.`
  return after ? 'There are no more tasks.' : 'Tasks appear here after their first run.'
}

function Search({ q }: { readonly q: string }) {
  return (
    <search>
      <form method="get" action="/">
        <label for="q">Name</label>
        <input id="q" type="search" name="q" value={q} maxlength={128} autocomplete="off" spellcheck={false} />
        <button type="submit">Find</button>
      </form>
    </search>
  )
}

interface GridProps {
  readonly links: Links
  /** Whether the page has the script for the arrow keys. Only then may the Tab key skip most of the cells. */
  readonly live: boolean
}

/** The table of the tasks. Its children are `GridLine`s. */
export function Grid({ children }: { readonly children?: Child }) {
  return (
    <table class="grid" data-roving>
      <thead>
        <tr>
          <th scope="col">Task</th>
          <th scope="col" class="cells">
            Slots, newest on the right
          </th>
          <th scope="col" class="when">
            Last success
          </th>
          <th scope="col" class="when">
            Next slot
          </th>
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  )
}

export function GridLine({ line, links, live }: { readonly line: TaskLine } & GridProps) {
  const { task, clock, words, expression, cells, lastSuccess, next, suspended, problem } = line
  return (
    <tr id={`line-${encodeURIComponent(task)}`}>
      <th scope="row" class="name">
        <a href={links.task(task)}>{printable(task)}</a>
        <span class="words" title={printable(expression)}>
          {printable(wordsIn(clock.zone, words))}
        </span>
        {suspended !== null && <SuspensionInForce found={suspended} clock={clock} />}
      </th>
      {problem === null ? (
        <>
          <td class="cells">
            {cells.map((cell, index) => (
              <Cell
                href={links.slot(task, cell.slot)}
                status={cell.status}
                facts={[
                  printable(task),
                  `${clock.time(cell.slot)} ${clock.zone}`,
                  MARKS[cell.status].word,
                  cell.rejected,
                ]}
                isRejected={cell.rejected !== ''}
                isStop={!live || index === cells.length - 1}
              />
            ))}
          </td>
          <td class="when" data-name="Last success">
            {lastSuccess === null ? <small>not in the slots shown</small> : <Time at={lastSuccess} clock={clock} />}
          </td>
          <td class="when" data-name="Next slot">
            {next === null ? <small>none</small> : <Time at={next} clock={clock} />}
          </td>
        </>
      ) : (
        <td colspan={3} class="problem">
          {printable(problem)}
        </td>
      )}
    </tr>
  )
}
