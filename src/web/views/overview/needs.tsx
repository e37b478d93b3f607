import type { Child } from 'hono/jsx'
import { groupedBy } from '../../../core/objects.ts'
import type { Instant } from '../../../core/types.ts'
import { countsText, findingDetail, totalOf } from '../../../format/check/finding.ts'
import { INCIDENT_NAMES, ownerCounts } from '../../../format/check/incidents.ts'
import { commandText } from '../../../format/command-line.ts'
import { counted, printable } from '../../../format/text.ts'
import { firstRun } from '../../../verdict/command.ts'
import type { Incident, IncidentTask } from '../../../verdict/incidents.ts'
import { NO_FINDINGS, type TaskFinding } from '../../../verdict/judge.ts'
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
  readonly incidents: readonly Incident[]
  /** The span of the slots that were looked at, in words: `in the last 7 days`. */
  readonly when: string
  readonly now: Instant
  /** How many tasks were checked to the end, of how many. */
  readonly tasks: number
  readonly of: number
  /** Whether all tasks were read. Otherwise these are the findings so far, while the other tasks are being read. */
  readonly isWhole: boolean
  /** Why the answer is incomplete, task by task. Empty when it is complete. */
  readonly problems: readonly string[]
}

/** How many incidents the top of the overview names, one a line. The others are one click away. */
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

/** The top of the overview: what needs attention, by incident. */
export function NeedsLine({ needs, zone, now, store, owner }: NeedsProps) {
  const { incidents, count, problems, isWhole, tasks } = needs
  const total = totalOf(count)
  // A page that is still checking must neither look like a problem nor like a success.
  const isCalm = total === 0 && problems.length === 0
  return (
    <section
      id="needs-line"
      class={`needs ${isWhole && isCalm && tasks > 0 ? 'well' : isCalm ? 'open' : ''}`}
      aria-labelledby="needs-title"
    >
      <NeedsSummary {...{ needs, now, owner }} problems={problems.slice(0, 1)} allHref={links.overview()} />
      {problems.length > 1 && (
        <p class="problem">
          <a href={links.needs(owner)}>and {counted(problems.length - 1, 'more task')}</a>
        </p>
      )}
      {total > 0 && (
        <>
          <ul>
            {incidents.slice(0, NAMED).map((incident, index) => (
              <IncidentLine {...{ incident, index, zone, store, owner, isWhole }} />
            ))}
          </ul>
          <p>
            <a href={links.needs(owner)}>
              {incidents.length > 1 ? `All ${incidents.length} incidents` : 'All details'}
            </a>
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
  problems,
  allHref,
}: Pick<NeedsProps, 'needs' | 'now' | 'owner'> & {
  readonly problems: readonly string[]
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
      {problems.map((problem) => (
        <p class="problem">{printable(problem)}</p>
      ))}
    </>
  )
}

interface IncidentProps extends Pick<NeedsProps, 'zone' | 'store' | 'owner'>, Pick<Needs, 'isWhole'> {
  readonly incident: Incident
  readonly index: number
}

/** A shared incident in one line, or the findings of one task. */
function IncidentLine({ index, ...props }: IncidentProps) {
  const { incident, zone, store, owner } = props
  const { cause, tasks, from, to } = incident
  const [only] = tasks
  if (tasks.length === 1 && only !== undefined)
    return (
      <li>
        <a class="task" href={links.task(only.task)}>
          {printable(only.task)}
        </a>
        <span>
          <TaskFindings found={only} zone={zone} />
          <OwnerOf found={only} before=" · owner: " />
        </span>
      </li>
    )
  return (
    <li>
      <IncidentHead {...props} href={`${links.needs(owner)}#incident-${index + 1}`}>
        {cause === 'broken' && (
          <span class="fact needs-script">
            <code class="aside" aria-hidden="true">
              {commandText(repairStep({ store, task: null, owner, from, to }).command)}
            </code>
            <button type="button" class="copy">
              Copy the command that repairs them
            </button>
          </span>
        )}
      </IncidentHead>
    </li>
  )
}

type HeadProps = Pick<IncidentProps, 'incident' | 'zone' | 'isWhole'> & Readonly<{ href?: string; children: Child }>

/** `Outage 02:10 to 04:15 · 18 tasks · 59 slots`, what most failures say, and how many tasks each team has. */
function IncidentHead({ incident, zone, isWhole, href, children }: HeadProps) {
  const { cause, tasks, slots, from, to, says } = incident
  const owners = ownerCounts(incident)
  return (
    <>
      {/* An outage of which only a part was read must not look like a whole one. */}
      <strong>{`${INCIDENT_NAMES[cause]}${isWhole ? '' : ', as far as checked'}`}</strong>{' '}
      <span>
        <strong>
          <DatesOf from={from} to={to} zone={zone ?? incident.zone} />
        </strong>{' '}
        · <a href={href}>{tasks.length} tasks</a> · {slots} slots{' '}
        <span class="quiet">({countsText(sumOf(tasks.map(({ counts }) => counts)))})</span>
        {says !== null && <span class="fact">{printable(says)}</span>}
        {owners.length > 0 && (
          <span class="fact">
            Owners:{' '}
            {owners.map(([owner, tasks], index) => (
              <>
                {index > 0 && ' · '}
                <Owner owner={owner} /> {tasks}
              </>
            ))}
          </span>
        )}
        {children}
      </span>
    </>
  )
}

function TaskFindings({
  found: { task, counts, from, fromZone, to, newest },
  zone,
  isAlone = true,
}: Readonly<{ found: IncidentTask; zone: string | undefined; isAlone?: boolean }>) {
  const dates = <DatesOf from={from} to={to} zone={zone ?? newest.schedule.zone} fromZone={zone ?? fromZone} />
  return (
    <>
      {[...counts].map(([kind, count]) => (
        <>
          <Badge mark={kind} word={`${count === 1 ? '' : `${count} `}${kind}`} />{' '}
        </>
      ))}
      {isAlone ? <a href={from === to ? links.slot(task, from) : links.task(task)}>{dates}</a> : dates}
    </>
  )
}

function OwnerOf({ found: { owner }, before }: Readonly<{ found: IncidentTask; before: string }>) {
  if (owner === undefined) return null
  return (
    <span class="quiet">
      {before}
      <Owner owner={owner} />
    </span>
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

export function sumOf(counts: readonly ReadonlyMap<Kind, number>[]): Readonly<Record<Kind, number>> {
  const sum: Record<Kind, number> = { ...NO_FINDINGS }
  for (const [kind, count] of counts.flatMap((one) => [...one])) sum[kind] += count
  return sum
}

/** All incidents, each with its tasks and what is known of the newest finding of each. */
export function NeedsList({ needs, store, owner, zone, now }: NeedsProps) {
  return (
    <section id="needs" aria-labelledby="needs-title">
      <NeedsSummary {...{ needs, now, owner }} problems={needs.problems} allHref={links.needs()} />
      {needs.incidents.length > 0 && (
        <section class="scroll" tabindex={0} aria-label="Slots that need attention">
          <table class="list stacked">
            <thead>
              <tr>
                <Heads columns={[['Task'], ['Slots'], ['Newest slot']]} />
              </tr>
            </thead>
            {needs.incidents.map((incident, index) => (
              <IncidentRows {...{ incident, index, store, owner, zone }} now={needs.now} isWhole={needs.isWhole} />
            ))}
          </table>
        </section>
      )}
    </section>
  )
}

function IncidentRows({ index, now, ...props }: IncidentProps & Pick<NeedsProps, 'now'>) {
  const { incident, store, owner, zone } = props
  const { cause, tasks, from, to } = incident
  const isShared = tasks.length > 1
  const teams = groupedBy(tasks, ({ owner = '' }) => owner)
  return (
    <tbody id={`incident-${index + 1}`}>
      {isShared && (
        <tr class="group">
          <th scope="rowgroup" colspan={3}>
            <IncidentHead {...props}>
              {cause === 'broken' && (
                <details class="commands">
                  <summary>Run these slots again</summary>
                  <CommandToCopy {...repairStep({ store, task: null, owner, from, to })} />
                </details>
              )}
            </IncidentHead>
          </th>
        </tr>
      )}
      {[...teams].map(([team, ofTeam]) => (
        <>
          {teams.size > 1 && (
            <tr class="team">
              <th scope="rowgroup" colspan={3}>
                {team === '' ? 'No owner' : <Owner owner={team} />} · {counted(ofTeam.length, 'task')}
              </th>
            </tr>
          )}
          {[...groupedBy(ofTeam, alikeOf).values()].map((alike) => (
            <TaskRow {...{ alike, zone, now }} isAlone={!isShared} />
          ))}
        </>
      ))}
    </tbody>
  )
}

/** Returns what a row says of a task. Tasks of one team with the same text share a row. */
function alikeOf({ counts, from, to, newest }: IncidentTask): string {
  return JSON.stringify([...counts, from, to, newest.schedule.zone, findingDetail(newest)])
}

/** How many tasks a row names. The others are folded. */
const NAMES_SHOWN = 8

type TaskRowProps = Pick<NeedsProps, 'zone' | 'now'> & Readonly<{ alike: readonly IncidentTask[]; isAlone: boolean }>

function TaskRow({ alike, zone, now, isAlone }: TaskRowProps) {
  const [own] = alike
  if (own === undefined) return null
  const { task, newest } = own
  const age = ageText(newest.slot, now)
  const rest = alike.slice(NAMES_SHOWN)
  return (
    <tr>
      <th scope="row">
        <TaskNames tasks={alike.slice(0, NAMES_SHOWN)} />
        {rest.length > 0 && (
          <details>
            <summary>and {counted(rest.length, 'other task')}</summary>
            <TaskNames tasks={rest} />
          </details>
        )}
        {isAlone && <OwnerOf found={own} before="" />}
      </th>
      <td>
        <TaskFindings found={own} zone={zone} isAlone={isAlone} />
      </td>
      <td>
        {alike.length > 1 ? age : <a href={links.slot(task, newest.slot)}>{age}</a>}:{' '}
        <Said
          said={verdictOf(newest, '').happened}
          near={newest.slot}
          clock={wallClock(zone ?? newest.schedule.zone)}
        />
      </td>
    </tr>
  )
}

function TaskNames({ tasks }: { readonly tasks: readonly IncidentTask[] }) {
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

export function isEmpty({ tasks, problems, isWhole }: Needs): boolean {
  return tasks === 0 && isWhole && problems.length === 0
}

function wellText({ problems, isWhole, of }: Needs): string {
  if (problems.length > 0) return `${counted(problems.length, 'task')} could not be checked`
  if (isWhole && of === 0) return 'No tasks'
  return isWhole ? 'No problems found' : 'Still checking'
}

/** Says what was found in which span. Returns an empty text if no task could be checked. */
function spanText({ count, problems, isWhole, tasks, of, when }: Needs): string {
  if (totalOf(count) > 0) return `${countsText(count)} ${when}.`
  if (of === 0) return ''
  if (problems.length === 0) return `${when[0]?.toUpperCase()}${when.slice(1)}.`
  return isWhole && tasks > problems.length ? `No problems found in the other tasks ${when}.` : ''
}

function atLeast({ problems, isWhole }: Needs): string {
  return problems.length > 0 || !isWhole ? 'At least ' : ''
}

/** Returns `(4) `, for the title of a page, or an empty text when nothing needs attention. */
export function countInTitle(needs: Needs): string {
  const total = totalOf(needs.count)
  return total === 0 ? '' : `(${total}${atLeast(needs) === '' ? '' : '+'}) `
}
