import type { KnownTask } from '../../../audit/tasks.ts'
import { isRetired } from '../../../core/task/suspensions.ts'
import { inForceAt } from '../../../core/task/task-record.ts'
import { Legend } from '../../views/frame/badge.tsx'
import { Heading } from '../../views/frame/document.tsx'
import { IN_ONE_FILE } from '../../views/frame/links.ts'
import { type Axis, axisBetween, commonZone } from '../../views/overview/axis.ts'
import { Grid, GridGroup, GridLine } from '../../views/overview/grid.tsx'
import type { Needs } from '../../views/overview/needs.tsx'
import { groupTasks, type TaskGroup } from '../../views/overview/order.ts'
import { RetiredTasks } from '../../views/overview/overview.tsx'
import type { Span } from '../read/needs.ts'
import { readLines } from '../read/overview.ts'
import { clockOf, type Reading, type ReadTask, readAll } from '../read/reading.ts'
import { around, PLACE } from './pieces.ts'

/** How many slots of one task the axis counts: a year of an hourly task. */
const MAX_SLOTS = 10_000

/** The tasks of a report in two forms. A task without a task record is in `read` only. */
export interface ReportTasks {
  readonly known: readonly KnownTask[]
  readonly read: Iterable<ReadTask>
  /** Why the records of other tasks cannot be read. */
  readonly problems: readonly string[]
}

/**
 * Yields the overview of a report, one line at a time. The order is known before the slots are read, so memory holds only
 * the lines that are being read: the tasks that have findings come first.
 */
export async function* overviewPieces(
  tasks: ReportTasks,
  needs: Needs,
  span: Span,
  reading: Reading,
): AsyncGenerator<string, void> {
  const { known } = tasks
  const retired = known.filter((task) => isRetired(task, reading.now))
  const groups = groupTasks(
    known.filter((task) => !isRetired(task, reading.now)),
    ({ task }) => needs.kinds.has(task),
  )
  const clocks =
    known.length > 0
      ? known.map(({ schedules }) => clockOf(inForceAt(schedules, reading.now)?.spec))
      : clocksOf(tasks.read)
  const axis = axisBetween(span, commonZone(clocks))
  const [begin, end] = around(
    String(
      <section id="overview" aria-labelledby="overview-title">
        <Heading level={2} id="overview-title">
          Tasks
        </Heading>
        {PLACE}
        <Legend live={false} />
      </section>,
    ),
  )
  yield begin
  if (groups.length > 0) yield* gridPieces(groups, axis, reading)
  else if (known.length === 0) yield* lonePieces(tasks.read, axis, reading)
  if (retired.length > 0) yield* retiredPieces(retired, { axis, isOpen: groups.length === 0 }, reading)
  yield end
}

function clocksOf(tasks: Iterable<ReadTask>) {
  return [...tasks].map(({ head }) => head.clock)
}

async function* gridPieces(groups: readonly TaskGroup<KnownTask>[], axis: Axis, reading: Reading) {
  const [begin, end] = around(String(<Grid axis={axis}>{PLACE}</Grid>))
  yield begin
  for (const { name, tasks } of groups) {
    const [before, after] = around(
      String(
        <GridGroup name={name} tasks={tasks.length} axis={axis}>
          {PLACE}
        </GridGroup>,
      ),
    )
    yield before
    yield* linePieces(readAll(tasks, reading), axis, reading)
    yield after
  }
  yield end
}

/** The task of a report may have no task record, and so no place in a group. */
async function* lonePieces(read: Iterable<ReadTask>, axis: Axis, reading: Reading) {
  const [begin, end] = around(
    String(
      <Grid axis={axis}>
        <tbody>{PLACE}</tbody>
      </Grid>,
    ),
  )
  let hasBegun = false
  for await (const line of linePieces(read, axis, reading)) {
    if (!hasBegun) yield begin
    hasBegun = true
    yield line
  }
  yield hasBegun ? end : String(<p class="empty">Tasks appear here after their first run.</p>)
}

async function* retiredPieces(
  retired: readonly KnownTask[],
  { axis, isOpen }: { readonly axis: Axis; readonly isOpen: boolean },
  reading: Reading,
) {
  const [begin, end] = around(
    String(
      <RetiredTasks count={retired.length} isOpen={isOpen} axis={axis}>
        {PLACE}
      </RetiredTasks>,
    ),
  )
  yield begin
  yield* linePieces(readAll(retired, reading), axis, reading)
  yield end
}

async function* linePieces(tasks: Iterable<ReadTask>, axis: Axis, reading: Reading): AsyncGenerator<string, void> {
  const props = { axis, links: IN_ONE_FILE, now: reading.now, live: false }
  for await (const line of readLines(tasks, axis, MAX_SLOTS, reading)) {
    yield String(<GridLine line={line} {...props} />)
  }
}
