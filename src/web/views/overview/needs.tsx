import type { TaskFinding } from '../../../core/task/findings.ts'
import type { Instant } from '../../../core/types.ts'
import { countsText, totalOf } from '../../../format/check/finding.ts'
import { printable } from '../../../format/text.ts'
import { firstRun } from '../../../verdict/command.ts'
import type { Incident } from '../../../verdict/incidents.ts'
import { Badge } from '../frame/badge.tsx'
import { CommandToCopy } from '../frame/command.tsx'
import { links } from '../frame/links.ts'
import { ageText, Time } from '../frame/time.tsx'
import { UTC, wallClock } from '../frame/wall-clock.ts'

export interface TaskNeeds {
  readonly task: string
  readonly owner: string | undefined
  /** The findings of each kind, newest first, some of them only counted. The kind with the newest finding comes first. */
  readonly kinds: ReadonlyMap<TaskFinding['kind'], { readonly count: number; readonly listed: readonly TaskFinding[] }>
}

/** The findings of `check`: the slots that need attention. */
export interface Needs {
  readonly count: Readonly<Record<TaskFinding['kind'], number>>
  /** The tasks that have findings, by their names. */
  readonly byTask: ReadonlyMap<string, TaskNeeds>
  /** The incident of the most tasks comes first. */
  readonly incidents: readonly Incident[]
  /** The span of the slots that were looked at, in words: `in the last 7 days`. */
  readonly when: string
  readonly now: Instant
  readonly tasks: number
  /** Whether all tasks were read. Otherwise these are the findings so far, while the other tasks are being read. */
  readonly isWhole: boolean
  /** Why the answer is incomplete, task by task. Empty when it is complete. */
  readonly problems: readonly string[]
}

/** How many tasks the top of the overview names, one a line. The others are one click away. */
const NAMED = 8

/** The page says when the findings were read if that was this long before the page was made. */
const OLD_MS = 60_000

type LinkProps = Omit<NeedsProps, 'needs'>

export interface NeedsProps {
  readonly needs: Needs
  /** The time of the page. */
  readonly now: Instant
}

/** The top of the overview: what needs attention, task by task. `store` is for the first command of an empty ledger. */
export function NeedsLine({ needs, now, store }: NeedsProps & { readonly store: string }) {
  const { byTask, count, problems, isWhole } = needs
  if (isEmpty(needs)) return <EmptyLedger store={store} />
  const total = totalOf(count)
  // A page that is still checking must neither look like a problem nor like a success.
  const isCalm = total === 0 && problems.length === 0
  return (
    <section
      id="needs-line"
      class={`needs ${isWhole && isCalm ? 'well' : isCalm ? 'open' : ''}`}
      aria-labelledby="needs-title"
    >
      <NeedsSummary needs={needs} now={now} problems={problems.slice(0, 1)} />
      {problems.length > 1 && (
        <p class="problem">
          <a href={links.needs}>and {problems.length === 2 ? '1 more task' : `${problems.length - 1} more tasks`}</a>
        </p>
      )}
      {total > 0 && (
        <>
          <ul>
            {newestFirst(needs)
              .slice(0, NAMED)
              .map((task) => (
                <FindingsOfTask task={task} now={now} />
              ))}
          </ul>
          <p>
            <a href={links.needs}>{total === 1 ? 'Details' : `All ${total} slots`}</a>
            {byTask.size > NAMED && <span class="quiet"> of {byTask.size} tasks</span>}
          </p>
        </>
      )}
    </section>
  )
}

/** Says how many slots need attention, in which time, whether it was one outage, and which tasks are not part of it. */
export function NeedsSummary({
  needs,
  now,
  problems,
}: Pick<NeedsProps, 'needs' | 'now'> & {
  /** The problems that are named. */
  readonly problems: readonly string[]
}) {
  const { count, when, tasks, isWhole, now: readAt } = needs
  const [largest] = needs.incidents
  const total = totalOf(count)
  return (
    <>
      <h1 id="needs-title">
        {total === 0
          ? wellText(needs)
          : `${atLeast(needs)}${total === 1 ? '1 slot needs' : `${total} slots need`} attention`}
      </h1>
      <p class="quiet">{total === 0 ? spanText(needs) : `${countsText(count)} ${when}.`}</p>
      {largest !== undefined && largest.tasks.length > 1 && <OutageLine outage={largest} />}
      {!isWhole && (
        <p class="quiet">
          {tasks === 1 ? '1 task was' : `${tasks} tasks were`} checked so far. The others are still being checked.
        </p>
      )}
      {isWhole && now - readAt >= OLD_MS && (
        <p class="quiet">
          Checked at <Time at={readAt} clock={UTC} />.
        </p>
      )}
      {problems.map((problem) => (
        <p class="problem">{printable(problem)}</p>
      ))}
    </>
  )
}

/** Says that several tasks have problems in one time, in the zone that most of these tasks share. */
function OutageLine({ outage: { tasks, from, to, zone } }: { readonly outage: Incident }) {
  const clock = wallClock(zone)
  return (
    <p class="outage">
      <strong>
        {tasks.length} tasks have problems that began {from === to ? 'at' : 'between'} <Time at={from} clock={clock} />
        {from !== to && (
          <>
            {' and '}
            <Time at={to} near={from} clock={clock} />
          </>
        )}
        .
      </strong>{' '}
      They may have one cause.
    </p>
  )
}

function FindingsOfTask({ task: { task, owner, kinds }, now }: LinkProps & { readonly task: TaskNeeds }) {
  return (
    <li>
      <a class="task" href={links.task(task)}>
        {printable(task)}
      </a>
      <span class="findings">
        {[...kinds.values()].map(({ count, listed: [newest] }) => (
          <span>
            {newest !== undefined && <FindingLink found={newest} now={now} />}
            {count > 1 && <span class="quiet"> and {count - 1} earlier</span>}
          </span>
        ))}
      </span>
      {owner !== undefined && <span class="quiet">owner: {printable(owner)}</span>}
    </li>
  )
}

/** The kind of a finding, and its slot as a link. */
export function FindingLink({ found, now }: LinkProps & { readonly found: TaskFinding }) {
  const { task, slot, kind, schedule } = found
  return (
    <a href={links.slot(task, slot)}>
      <Badge mark={kind} word={kind} /> <Time at={slot} clock={wallClock(schedule.zone)} />{' '}
      <small>({ageText(slot, now)})</small>
    </a>
  )
}

function EmptyLedger({ store }: { readonly store: string }) {
  return (
    <section id="needs-line" aria-labelledby="needs-title">
      <h1 id="needs-title">No tasks yet</h1>
      <p>A task appears here after its first run. To run one, replace YOUR_COMMAND with the command of your batch:</p>
      <CommandToCopy
        what="Run a batch at most once for each slot of its schedule"
        command={firstRun(store, 'nightly')}
      />
    </section>
  )
}

/** Returns the tasks that have findings. The task with the newest finding comes first. */
export function newestFirst({ byTask }: Needs): readonly TaskNeeds[] {
  const newestOf = ({ kinds }: TaskNeeds) => [...kinds.values()][0]?.listed[0]?.slot ?? 0
  return [...byTask.values()].sort((one, other) => newestOf(other) - newestOf(one))
}

/** Returns whether the ledger has no tasks. */
export function isEmpty({ tasks, problems, isWhole }: Needs): boolean {
  return tasks === 0 && isWhole && problems.length === 0
}

function wellText(needs: Needs): string {
  const { problems, isWhole } = needs
  if (problems.length > 0)
    return problems.length === 1 ? '1 task could not be checked' : `${problems.length} tasks could not be checked`
  if (isEmpty(needs)) return 'No tasks yet'
  return isWhole ? 'No problems found' : 'No problems found so far'
}

/** Says in which span nothing was found. Returns an empty text if no task could be checked. */
function spanText({ problems, isWhole, tasks, when }: Needs): string {
  if (problems.length === 0) return `${when[0]?.toUpperCase()}${when.slice(1)}.`
  const found = isWhole ? 'No problems found' : 'No problems found so far'
  return tasks > problems.length ? `${found} in the other tasks ${when}.` : ''
}

function atLeast({ problems, isWhole }: Needs): string {
  return problems.length > 0 || !isWhole ? 'At least ' : ''
}

/** Returns `(4) `, for the title of a page, or an empty text when nothing needs attention. */
export function countInTitle(needs: Needs): string {
  const total = totalOf(needs.count)
  return total === 0 ? '' : `(${total}${atLeast(needs) === '' ? '' : '+'}) `
}
