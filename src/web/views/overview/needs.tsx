import type { Child } from 'hono/jsx'
import { elapsed } from '../../../core/duration.ts'
import { groupedBy } from '../../../core/objects.ts'
import { decidingAttempt } from '../../../core/row/decide.ts'
import type { Instant } from '../../../core/types.ts'
import { countsText, totalOf } from '../../../format/check/finding.ts'
import { problemName, teamsText } from '../../../format/check/problems.ts'
import { durationMsOf } from '../../../format/slot/row.ts'
import { counted, printable } from '../../../format/text.ts'
import { firstRun } from '../../../verdict/command.ts'
import { endingText } from '../../../verdict/endings.ts'
import type { TaskFinding } from '../../../verdict/judge.ts'
import type { Problem, ProblemTask } from '../../../verdict/problems.ts'
import { repairStep } from '../../../verdict/steps.ts'
import { verdictOf } from '../../../verdict/verdict.ts'
import { Legend, type Look, Sign } from '../frame/badge.tsx'
import { links } from '../frame/links.ts'
import { Owner } from '../frame/parts.tsx'
import { CommandToCopy } from '../frame/steps.tsx'
import { Said, Time, type WallClock } from '../frame/time.tsx'

type Kind = TaskFinding['kind']

export interface Needs {
  readonly count: Readonly<Record<Kind, number>>
  readonly byTask: ReadonlyMap<string, ReadonlyMap<Kind, number>>
  readonly problems: readonly Problem[]
  /** The span of the slots that were looked at, in words: `in the last 7 days`. */
  readonly when: string
  readonly now: Instant
  /** The zone of more than half of the tasks. */
  readonly zone: string
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
  /** All times of the page have its zone. */
  readonly clock: WallClock
  readonly now: Instant
  readonly store: string
  /** The needs are those of the tasks whose owner contains this. Left out: of all. */
  readonly owner?: string | undefined
}

/** The top of the overview: the problems that most tasks still have. */
export function NeedsLine(props: NeedsProps) {
  const { needs, clock, now, store, owner } = props
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
      <NeedsSummary {...props} faults={faults.slice(0, 1)} allHref={links.overview()}>
        {total > 0 && ' '}
        {total > 0 && (
          <a href={links.needs(owner)}>{problems.length > 1 ? `All ${problems.length} problems` : 'All details'}</a>
        )}
      </NeedsSummary>
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
                <NameOf problem={problem} isWhole={isWhole} />
                <span>
                  <FactsOf
                    problem={problem}
                    clock={clock}
                    now={now}
                    href={`${links.needs(owner)}#problem-${index + 1}`}
                  />
                  <TeamsOf problem={problem} />
                </span>
              </li>
            ))}
          </ul>
          <Repair problems={problems} store={store} owner={owner} />
        </>
      )}
    </section>
  )
}

/** `allHref`: the same page without the filter by owner. */
function NeedsSummary(props: NeedsProps & Readonly<{ faults: readonly string[]; allHref: string; children?: Child }>) {
  const { needs, clock, now, owner, faults, allHref, children } = props
  const { count, tasks, of, isWhole, now: readAt } = needs
  const total = totalOf(count)
  return (
    <>
      <h1 id="needs-title">
        {total === 0
          ? wellText(needs)
          : `${atLeast(needs)}${total === 1 ? '1 slot needs' : `${total.toLocaleString('en')} slots need`} attention`}
      </h1>
      <p class="quiet">
        {spanText(needs)}
        {children}
      </p>
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
          Checked at <Time at={readAt} near={now} clock={clock} />.
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
  const { command } = repairStep({ store, task: null, owner, from, to })
  return (
    <div class="commands">
      <CommandToCopy what="Run the missed and failed slots again" command={command} />
    </div>
  )
}

interface ProblemProps {
  readonly problem: Problem
}

/** A problem that was read only in part must not look complete. */
function NameOf({ problem, isWhole }: ProblemProps & Pick<Needs, 'isWhole'>) {
  return (
    <strong>
      <Sign mark={problem.kind} /> {`${problemName(problem)}${isWhole ? '' : ', as far as checked'}`}
    </strong>
  )
}

/** Returns `22 tasks · 44 slots · 02:10 to 04:15 · still: 7 tasks`, or for one task its name. */
function FactsOf(props: ProblemProps & Pick<NeedsProps, 'clock' | 'now'> & { readonly href?: string }) {
  const { problem, clock, now, href } = props
  const { tasks, waiting, slots, from, to, still } = problem
  const [only] = tasks
  const [begin, end] = [from, to].map((at) => <Time at={at} near={at === from ? now : from} clock={clock} />)
  return (
    <>
      {tasks.length === 1 && only !== undefined ? (
        <TaskLink task={only.task} />
      ) : (
        <a href={href}>{tasks.length} tasks</a>
      )}
      {slots > 1 && ` · ${slots} slots`} · {begin}
      {from !== to && <> to {end}</>}
      {still === 0 ? ' · since then done' : tasks.length > 1 && ` · still: ${counted(still, 'task')}`}
      {waiting.length > 0 && ` · waiting for this: ${counted(waiting.length, 'task')}`}
    </>
  )
}

function TeamsOf({ problem }: ProblemProps) {
  const teams = teamsText(problem)
  return (
    teams !== null && (
      <>
        {' '}
        · <Owner owner={teams} />
      </>
    )
  )
}

function TaskLink({ task }: { readonly task: string }) {
  return (
    <a class="task" href={links.task(task)}>
      {printable(task)}
    </a>
  )
}

/** All problems, each with its tasks by team, and what is known of the newest slot. */
export function NeedsList(props: NeedsProps) {
  const { needs, store, owner, clock, now } = props
  return (
    <section id="needs" aria-labelledby="needs-title">
      <NeedsSummary {...props} faults={needs.faults} allHref={links.needs()} />
      <Repair problems={needs.problems} store={store} owner={owner} />
      {needs.problems.map((problem, index) => (
        <section class="case" id={`problem-${index + 1}`}>
          <h2>
            <NameOf problem={problem} isWhole={needs.isWhole} />
          </h2>
          <p>
            <FactsOf problem={problem} clock={clock} now={now} />
            {problem.tasks.length === 1 && <TeamsOf problem={problem} />}
          </p>
          <Newest tasks={problem.tasks} clock={clock} />
          <dl>
            {problem.tasks.length > 1 && <Teams tasks={problem.tasks} clock={clock} now={now} />}
            <Teams tasks={problem.waiting} clock={clock} now={now} isWaiting />
          </dl>
        </section>
      ))}
    </section>
  )
}

type TasksProps = Pick<NeedsProps, 'clock' | 'now'> & Readonly<{ tasks: readonly ProblemTask[] }>

/** The problem is named by the cause of a failure, so this says how and where it failed. */
function Newest({ tasks, clock }: Pick<TasksProps, 'tasks' | 'clock'>) {
  const [first, ...others] = tasks
  if (first === undefined) return null
  const { task, newest } = others.reduce((one, other) => (other.to > one.to ? other : one), first)
  return (
    <p>
      <a href={links.slot(task, newest.slot)}>Newest slot</a>
      {others.length > 0 && ` of ${printable(task)}`}: <Happened found={newest} clock={clock} />
    </p>
  )
}

/** Where the cause of a failure stands before it: how the attempt ended, and then where. */
function Happened({ found, clock }: Pick<NeedsProps, 'clock'> & Readonly<{ found: TaskFinding }>) {
  const attempt = found.kind === 'failed' && found.own !== null ? decidingAttempt(found.own) : undefined
  if (attempt?.phase !== 'ended') return <Said said={verdictOf(found, '').happened} near={found.slot} clock={clock} />
  const ms = durationMsOf(found)
  const took = ms === null ? '' : ` after ${elapsed(ms)}`
  return <>{printable(`attempt ${attempt.number} ${endingText(attempt)}${took} · ${attempt.host}`)}</>
}

/** How many tasks of a team are named. The others are folded. */
const NAMES_SHOWN = 24

/** A line for each team, in which the names of its tasks flow. */
function Teams({ tasks, isWaiting = false, ...props }: TasksProps & { readonly isWaiting?: boolean }) {
  return [...groupedBy(tasks, ({ owner = '' }) => owner)].map(([team, own]) => (
    <>
      <dt>
        {isWaiting && 'Waiting for this: '}
        {team === '' ? 'no owner' : <Owner owner={team} />} · {counted(own.length, 'task')}
      </dt>
      <dd>
        <Names tasks={own.slice(0, NAMES_SHOWN)} {...props} />
        {own.length > NAMES_SHOWN && (
          <details>
            <summary>and {counted(own.length - NAMES_SHOWN, 'other task')}</summary>
            <Names tasks={own.slice(NAMES_SHOWN)} {...props} />
          </details>
        )}
      </dd>
    </>
  ))
}

/** Each has its newest slot, and how many slots it has. */
function Names({ tasks, clock, now }: TasksProps) {
  return (
    <ul>
      {tasks.map(({ task, slots, to }) => (
        <li>
          <TaskLink task={task} />{' '}
          <a class="quiet" href={links.slot(task, to)}>
            {slots.length > 1 && `${slots.length} slots, `}
            <Time at={to} near={now} clock={clock} />
          </a>
        </li>
      ))}
    </ul>
  )
}

/** The looks that the page of an empty ledger explains. */
const FIRST_LOOKS: ReadonlySet<Look> = new Set(['completed', 'running', 'scheduled', 'failed', 'missed'])

export function EmptyLedger({ store }: { readonly store: string }) {
  return (
    <section id="needs-line" aria-labelledby="needs-title">
      <h1 id="needs-title">No tasks yet</h1>
      <p>A task appears here after its first run.</p>
      <CommandToCopy
        what="Run a batch at most once for each slot of its schedule"
        command={firstRun(store, 'nightly')}
      />
      <p>Each slot of its schedule is then a tile:</p>
      <Legend looks={FIRST_LOOKS} />
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
