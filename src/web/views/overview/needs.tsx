import { groupedBy } from '../../../core/objects.ts'
import type { Instant } from '../../../core/types.ts'
import { countsText, findingDetail, totalOf } from '../../../format/check/finding.ts'
import { problemName, teamsText } from '../../../format/check/problems.ts'
import { counted, printable } from '../../../format/text.ts'
import { firstRun } from '../../../verdict/command.ts'
import type { TaskFinding } from '../../../verdict/judge.ts'
import type { Problem, ProblemTask } from '../../../verdict/problems.ts'
import { repairStep } from '../../../verdict/steps.ts'
import { verdictOf } from '../../../verdict/verdict.ts'
import { Badge } from '../frame/badge.tsx'
import { links } from '../frame/links.ts'
import { Heads, Owner } from '../frame/parts.tsx'
import { CommandToCopy } from '../frame/steps.tsx'
import { ageText, Said, Time, UTC, wallClock } from '../frame/time.tsx'

type Kind = TaskFinding['kind']

export interface Needs {
  readonly count: Readonly<Record<Kind, number>>
  readonly byTask: ReadonlyMap<string, ReadonlyMap<Kind, number>>
  readonly problems: readonly Problem[]
  /** The span of the slots that were looked at, in words: `in the last 7 days`. */
  readonly when: string
  readonly now: Instant
  /** How many tasks were checked to the end, of how many. */
  readonly tasks: number
  readonly of: number
  /** Whether all tasks were read. Otherwise these are the findings so far, while the other tasks are being read. */
  readonly isWhole: boolean
  /** Why the answer is incomplete, task by task. Empty when it is complete. */
  readonly faults: readonly string[]
}

/** How many problems the top of the overview names, one a line. The others are one click away. */
const NAMED = 5

/** The page says when the findings were read if that was this long before the page was made. */
const OLD_MS = 60_000

export interface NeedsProps {
  readonly needs: Needs
  readonly zone?: string | undefined
  readonly now: Instant
  readonly store: string
  /** The needs are those of the tasks whose owner contains this. Left out: of all. */
  readonly owner?: string | undefined
}

/** The top of the overview: the problems that most tasks still have. */
export function NeedsLine({ needs, zone, now, store, owner }: NeedsProps) {
  const { problems, count, faults, isWhole, tasks } = needs
  const total = totalOf(count)
  // A page that is still checking must neither look like a problem nor like a success.
  const isCalm = total === 0 && faults.length === 0
  return (
    <section
      id="needs-line"
      class={`needs ${isWhole && isCalm && tasks > 0 ? 'well' : isCalm ? 'open' : ''}`}
      aria-labelledby="needs-title"
    >
      <NeedsSummary needs={needs} now={now} owner={owner} faults={faults.slice(0, 1)} allHref={links.overview()} />
      {faults.length > 1 && (
        <p class="problem">
          <a href={links.needs(owner)}>and {counted(faults.length - 1, 'more task')}</a>
        </p>
      )}
      {total > 0 && (
        <>
          <ul>
            {problems.slice(0, NAMED).map((problem, index) => (
              <li>
                <ProblemHead
                  problem={problem}
                  zone={zone}
                  isWhole={isWhole}
                  href={`${links.needs(owner)}#problem-${index + 1}`}
                />
              </li>
            ))}
          </ul>
          <Repair problems={problems} store={store} owner={owner} />
          <p>
            <a href={links.needs(owner)}>{problems.length > 1 ? `All ${problems.length} problems` : 'All details'}</a>
          </p>
        </>
      )}
    </section>
  )
}

function NeedsSummary({
  needs,
  now,
  owner,
  faults,
  allHref,
}: Pick<NeedsProps, 'needs' | 'now' | 'owner'> & {
  readonly faults: readonly string[]
  /** The same page without the filter by owner. */
  readonly allHref: string
}) {
  const { count, tasks, of, isWhole, now: readAt } = needs
  const total = totalOf(count)
  return (
    <>
      <h1 id="needs-title">
        {total === 0
          ? wellText(needs)
          : `${atLeast(needs)}${total === 1 ? '1 slot needs' : `${total} slots need`} attention`}
      </h1>
      <p class="quiet">{spanText(needs)}</p>
      {owner && (
        <p class="quiet">
          Only {counted(of, 'task')} whose owner has {JSON.stringify(printable(owner))}.{' '}
          <a href={allHref}>All owners</a>
        </p>
      )}
      {!isWhole && (
        <p class="quiet">
          Partial: {tasks.toLocaleString('en')} of {counted(of, 'task')} checked so far.
        </p>
      )}
      {isWhole && now - readAt >= OLD_MS && (
        <p class="quiet">
          Checked at <Time at={readAt} clock={UTC} />.
        </p>
      )}
      {faults.map((fault) => (
        <p class="problem">{printable(fault)}</p>
      ))}
    </>
  )
}

/** The command that runs what was missed or failed in several tasks. Nothing: one task has a page with its own commands. */
function Repair({ problems, store, owner }: Pick<Needs, 'problems'> & Pick<NeedsProps, 'store' | 'owner'>) {
  const open = problems.filter(({ kind }) => kind === 'missed' || kind === 'failed')
  const tasks = open.flatMap((one) => [...one.tasks, ...one.waiting])
  if (new Set(tasks.map(({ task }) => task)).size < 2) return null
  const [from, to] = [Math.min(...tasks.map((one) => one.from)), Math.max(...tasks.map((one) => one.to))]
  return (
    <details class="commands">
      <summary>Run the missed and failed slots again</summary>
      <CommandToCopy {...repairStep({ store, task: null, owner, from, to })} />
    </details>
  )
}

type HeadProps = Readonly<{ problem: Problem; zone: string | undefined; isWhole: boolean; href?: string }>

/** `failed: connection to db-7 refused · 22 tasks · 44 slots · 02:10 to 04:15 JST · still: 7 tasks`, and how many tasks each team has. */
function ProblemHead({ problem, zone, isWhole, href }: HeadProps) {
  const { tasks, waiting, slots, from, to, still } = problem
  const teams = teamsText(problem)
  const [only] = tasks
  return (
    <>
      {/* A problem of which only a part was read must not look like a whole one. */}
      <strong>{`${problemName(problem)}${isWhole ? '' : ', as far as checked'}`}</strong>{' '}
      <span>
        {tasks.length === 1 && only !== undefined ? (
          <TaskNames tasks={[only]} />
        ) : (
          <a href={href}>{tasks.length} tasks</a>
        )}{' '}
        {slots > 1 && `· ${slots} slots `}· <DatesOf from={from} to={to} zone={zone ?? problem.zone} />
        {still === 0 ? ' · since then done' : tasks.length > 1 && ` · still: ${counted(still, 'task')}`}
        {waiting.length > 0 && ` · waiting for this: ${counted(waiting.length, 'task')}`}
        {teams !== null && <span class="fact">{teams}</span>}
      </span>
    </>
  )
}

function DatesOf({
  from,
  to,
  zone,
  fromZone = zone,
}: Readonly<{ from: Instant; to: Instant; zone: string; fromZone?: string }>) {
  const clock = wallClock(zone)
  const start = <Time at={from} clock={wallClock(fromZone)} isBrief />
  if (from === to) return start
  return (
    <>
      {start} to <Time at={to} {...(fromZone === zone && { near: from })} clock={clock} isBrief />
    </>
  )
}

/** All problems, each with its tasks and what is known of the newest slot of each. */
export function NeedsList({ needs, store, owner, zone, now }: NeedsProps) {
  return (
    <section id="needs" aria-labelledby="needs-title">
      <NeedsSummary needs={needs} now={now} owner={owner} faults={needs.faults} allHref={links.needs()} />
      <Repair problems={needs.problems} store={store} owner={owner} />
      {needs.problems.length > 0 && (
        <section class="scroll" tabindex={0} aria-label="Slots that need attention">
          <table class="list stacked">
            <thead>
              <tr>
                <Heads columns={[['Task'], ['Slots'], ['Newest slot']]} />
              </tr>
            </thead>
            {needs.problems.map((problem, index) => (
              <tbody id={`problem-${index + 1}`}>
                <tr class="group">
                  <th scope="rowgroup" colspan={3}>
                    <ProblemHead problem={problem} zone={zone} isWhole={needs.isWhole} />
                  </th>
                </tr>
                <TaskRows tasks={problem.tasks} zone={zone} now={needs.now} />
                <TaskRows tasks={problem.waiting} zone={zone} now={needs.now} isWaiting />
              </tbody>
            ))}
          </table>
        </section>
      )}
    </section>
  )
}

type RowsProps = Pick<NeedsProps, 'zone' | 'now'> & Readonly<{ tasks: readonly ProblemTask[] }>

/** The tasks by team. Those of one team with the same text share a row. */
function TaskRows({ tasks, isWaiting = false, ...props }: RowsProps & { readonly isWaiting?: boolean }) {
  const teams = groupedBy(tasks, ({ owner = '' }) => owner)
  return [...teams].map(([team, ofTeam]) => (
    <>
      {(teams.size > 1 || team !== '' || isWaiting) && (
        <tr class="team">
          <th scope="rowgroup" colspan={3}>
            {isWaiting && 'Waiting for this: '}
            {team === '' ? 'no owner' : <Owner owner={team} />} · {counted(ofTeam.length, 'task')}
          </th>
        </tr>
      )}
      {[...groupedBy(ofTeam, alikeOf).values()].map((alike) => (
        <TaskRow tasks={alike} {...props} />
      ))}
    </>
  ))
}

/** Returns what a row says of a task. */
function alikeOf({ slots, from, to, newest }: ProblemTask): string {
  return JSON.stringify([slots.length, from, to, newest.kind, newest.schedule.zone, findingDetail(newest)])
}

/** How many tasks a row names. The others are folded. */
const NAMES_SHOWN = 8

function TaskRow({ tasks, zone, now }: RowsProps) {
  const [own] = tasks
  if (own === undefined) return null
  const { task, slots, from, fromZone, to, newest } = own
  const age = ageText(newest.slot, now)
  const rest = tasks.slice(NAMES_SHOWN)
  const clock = zone ?? newest.schedule.zone
  return (
    <tr>
      <th scope="row">
        <TaskNames tasks={tasks.slice(0, NAMES_SHOWN)} />
        {rest.length > 0 && (
          <details>
            <summary>and {counted(rest.length, 'other task')}</summary>
            <TaskNames tasks={rest} />
          </details>
        )}
      </th>
      <td>
        <Badge mark={newest.kind} word={`${slots.length === 1 ? '' : `${slots.length} `}${newest.kind}`} />{' '}
        <DatesOf from={from} to={to} zone={clock} fromZone={zone ?? fromZone} />
      </td>
      <td>
        {tasks.length > 1 ? age : <a href={links.slot(task, newest.slot)}>{age}</a>}:{' '}
        <Said said={verdictOf(newest, '').happened} near={newest.slot} clock={wallClock(clock)} />
      </td>
    </tr>
  )
}

function TaskNames({ tasks }: { readonly tasks: readonly ProblemTask[] }) {
  return tasks.map(({ task }) => (
    <a class="task" href={links.task(task)}>
      {printable(task)}
    </a>
  ))
}

export function EmptyLedger({ store }: { readonly store: string }) {
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

export function isEmpty({ tasks, faults, isWhole }: Needs): boolean {
  return tasks === 0 && isWhole && faults.length === 0
}

function wellText({ faults, isWhole, of }: Needs): string {
  if (faults.length > 0) return `${counted(faults.length, 'task')} could not be checked`
  if (isWhole && of === 0) return 'No tasks'
  return isWhole ? 'No problems found' : 'Still checking'
}

/** Says what was found in which span. Returns an empty text if no task could be checked. */
function spanText({ count, faults, isWhole, tasks, of, when }: Needs): string {
  if (totalOf(count) > 0) return `${countsText(count)} ${when}.`
  if (of === 0) return ''
  if (faults.length === 0) return `${when[0]?.toUpperCase()}${when.slice(1)}.`
  return isWhole && tasks > faults.length ? `No problems found in the other tasks ${when}.` : ''
}

function atLeast({ faults, isWhole }: Needs): string {
  return faults.length > 0 || !isWhole ? 'At least ' : ''
}

/** Returns `(4) `, for the title of a page, or an empty text when nothing needs attention. */
export function countInTitle(needs: Needs): string {
  const total = totalOf(needs.count)
  return total === 0 ? '' : `(${total}${atLeast(needs) === '' ? '' : '+'}) `
}
