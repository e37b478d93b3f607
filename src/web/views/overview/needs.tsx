import type { TaskFinding } from '../../../core/task/findings.ts'
import type { Instant } from '../../../core/types.ts'
import { countsText } from '../../../format/check.ts'
import { printable } from '../../../format/text.ts'
import { firstRun } from '../../../verdict/command.ts'
import { Sign } from '../frame/badge.tsx'
import { CommandToCopy } from '../frame/command.tsx'
import { Heading, type HeadingLevel } from '../frame/document.tsx'
import type { Links } from '../frame/links.ts'
import { ageText, Time } from '../frame/time.tsx'
import { UTC, wallClock } from '../frame/wall-clock.ts'
import type { KindsOfTasks } from './order.ts'
import type { Outage } from './outage.ts'
import { OutageLine } from './outage-line.tsx'

/** The findings of one task: the newest one of each kind, and how many there are. The newest kind comes first. */
export interface TaskNeeds {
  readonly task: string
  readonly owner: string | undefined
  readonly kinds: readonly { readonly newest: TaskFinding; readonly count: number }[]
}

/** The findings of `check`: the slots that need attention. */
export interface Needs {
  readonly count: Readonly<Record<TaskFinding['kind'], number>>
  /** The task with the newest finding comes first. Only the first tasks are kept when there are very many. */
  readonly byTask: readonly TaskNeeds[]
  /** The kinds of findings of all tasks that have one. */
  readonly kinds: KindsOfTasks
  /** The findings by task, and newest first for each task. Some are left out when there are very many. */
  readonly found: readonly TaskFinding[]
  /** The tasks whose problems began at about the same time. Null if there are none. */
  readonly outage: Outage | null
  /** The span of the slots that were looked at, in words: `in the last 7 days`. */
  readonly when: string
  readonly now: Instant
  /** The number of tasks that were read. */
  readonly tasks: number
  /** Whether all tasks were read. Otherwise these are the findings so far, while the other tasks are being read. */
  readonly isWhole: boolean
  /** Why the answer is incomplete, task by task. Empty when it is complete. */
  readonly problems: readonly string[]
}

/** How many tasks the top of the page names, one a line. The others are one click away. */
const NAMED = 8

/** The page says when the findings were read if that was this long before the page was made. */
const OLD_MS = 60_000

export interface NeedsProps {
  readonly needs: Needs
  readonly links: Links
  /** The level of the heading. */
  readonly level: HeadingLevel
  /** The time of the page. */
  readonly now: Instant
}

interface SummaryProps extends NeedsProps {
  /** The name of the ledger, for the first command of an empty one. */
  readonly store: string
  /** Whether the page has the script that copies commands. */
  readonly live: boolean
}

/** The summary on top of the overview: what needs attention, task by task. */
export function NeedsLine({ needs, links, level, now, store, live }: SummaryProps) {
  const { byTask, count, problems, when, outage } = needs
  if (isEmpty(needs)) return <EmptyLedger store={store} level={level} live={live} />
  const total = totalOf(count)
  // A page that is still checking must neither look like a problem nor like a success.
  const isCalm = total === 0 && problems.length === 0
  return (
    <section
      id="needs-line"
      class={`needs ${needs.isWhole && isCalm ? 'well' : isCalm ? 'open' : ''}`}
      aria-labelledby="needs-head"
    >
      <Heading level={level} id="needs-head">
        {total === 0 ? wellText(needs) : `${slots(needs, total)} attention`}
      </Heading>
      <p class="quiet">{total === 0 ? spanText(needs) : `${countsText(count)} ${when}.`}</p>
      {outage !== null && <OutageLine outage={outage} />}
      <Extent needs={needs} now={now} />
      {problems.slice(0, 1).map((problem) => (
        <p class="problem">
          {printable(problem)}
          {problems.length > 1 && (
            <>
              {' '}
              <a href={links.needs}>
                and {problems.length === 2 ? '1 more task' : `${problems.length - 1} more tasks`}
              </a>
            </>
          )}
        </p>
      ))}
      {total > 0 && (
        <>
          <ul>
            {byTask.slice(0, NAMED).map((task) => (
              <TaskFindings task={task} links={links} now={now} />
            ))}
          </ul>
          <p>
            <a href={links.needs}>{total === 1 ? 'Details' : `All ${total} slots`}</a>
            {needs.kinds.size > NAMED && <span class="quiet"> of {needs.kinds.size} tasks</span>}
          </p>
        </>
      )}
    </section>
  )
}

function TaskFindings({
  task: { task, owner, kinds },
  links,
  now,
}: { readonly task: TaskNeeds } & Omit<NeedsProps, 'needs' | 'level'>) {
  return (
    <li>
      <a class="task" href={links.task(task)}>
        {printable(task)}
      </a>
      <span class="findings">
        {kinds.map(({ newest: { slot, kind, schedule }, count }) => (
          <span>
            <a href={links.slot(task, slot)}>
              <span class="badge">
                <Sign mark={kind} />
                {kind}
              </span>{' '}
              <Time at={slot} clock={wallClock(schedule.zone)} /> <small>({ageText(slot, now)})</small>
            </a>
            {count > 1 && <span class="quiet"> and {count - 1} earlier</span>}
          </span>
        ))}
      </span>
      {owner !== undefined && <span class="quiet">owner: {printable(owner)}</span>}
    </li>
  )
}

function EmptyLedger({ store, level, live }: Pick<SummaryProps, 'store' | 'level' | 'live'>) {
  return (
    <section id="needs-line" aria-labelledby="needs-head">
      <Heading level={level} id="needs-head">
        No tasks yet
      </Heading>
      <p>A task appears here after its first run. To run one, replace YOUR_COMMAND with the command of your batch:</p>
      <CommandToCopy
        what="Run a batch at most once for each slot of its schedule"
        command={firstRun(store, 'nightly')}
        live={live}
      />
    </section>
  )
}

/** Says which part of the ledger the findings are about, where that is not all of it as it is now. */
export function Extent({ needs: { tasks, isWhole, now: readAt }, now }: Pick<NeedsProps, 'needs' | 'now'>) {
  if (!isWhole) {
    const read = tasks === 1 ? '1 task was' : `${tasks} tasks were`
    return <p class="quiet">{`${read} checked so far. The others are still being checked.`}</p>
  }
  if (now - readAt < OLD_MS) return null
  return (
    <p class="quiet">
      Checked at <Time at={readAt} clock={UTC} />.
    </p>
  )
}

/** Returns whether the ledger has no tasks. */
export function isEmpty({ tasks, problems, isWhole }: Needs): boolean {
  return tasks === 0 && isWhole && problems.length === 0
}

export function wellText(needs: Needs): string {
  const { problems, isWhole } = needs
  if (!isWhole && problems.length === 0) return 'No problems found so far'
  if (problems.length > 0)
    return problems.length === 1 ? '1 task could not be checked' : `${problems.length} tasks could not be checked`
  return isEmpty(needs) ? 'No tasks yet' : 'No problems found'
}

/** Says in which span nothing was found. Returns an empty text if no task could be checked. */
export function spanText({ problems, isWhole, tasks, when }: Needs): string {
  if (problems.length === 0) return `${when[0]?.toUpperCase()}${when.slice(1)}.`
  const found = isWhole ? 'No problems found' : 'No problems found so far'
  return tasks > problems.length ? `${found} in the other tasks ${when}.` : ''
}

function slots(needs: Needs, total: number): string {
  return `${atLeast(needs)}${total === 1 ? '1 slot needs' : `${total} slots need`}`
}

export function atLeast({ problems, isWhole }: Needs): string {
  return problems.length > 0 || !isWhole ? 'At least ' : ''
}

export function totalOf(count: Needs['count']): number {
  return Object.values(count).reduce((sum, number) => sum + number, 0)
}

/** Returns `(4) `, for the title of a page, or an empty text when nothing needs attention. */
export function countInTitle(needs: Needs): string {
  const total = totalOf(needs.count)
  return total === 0 ? '' : `(${total}${atLeast(needs) === '' ? '' : '+'}) `
}
