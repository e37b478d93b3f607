import { elapsed } from '../../../core/duration.ts'
import { formatInstant } from '../../../core/instant.ts'
import { groupedBy } from '../../../core/objects.ts'
import {
  CLASSES,
  classesOf,
  REPORT_MEASURES,
  type Report,
  type ReportCounts,
  SLOT_CLASSES,
  shareCompleted,
  shareInTime,
  sumOf,
  type TaskReport,
  totalCounts,
  worstTasks,
} from '../../../format/report.ts'
import { counted, printable } from '../../../format/text.ts'
import { Heads, ListTable, Owner } from '../frame/parts.tsx'
import { type WallClock, wallClock } from '../frame/time.tsx'
import { hasMore, idOf, number } from './chapter.tsx'

/** A column of the table that has numbers. Those that are not `always` there need a number other than 0. */
interface CountColumn {
  readonly name: keyof ReportCounts
  readonly words: string
  readonly always: boolean
}

const COUNT_COLUMNS: readonly CountColumn[] = [
  { name: 'due', words: 'due', always: true },
  ...SLOT_CLASSES.map((name) => ({
    name,
    words: CLASSES[name][0],
    always: ['missed', 'failed'].includes(name),
  })),
  { name: 'repaired', words: 'failed and repaired', always: true },
  { name: 'forced', words: 'forced runs', always: false },
  { name: 'duplicates', words: 'duplicates rejected', always: true },
  { name: 'refused', words: 'triggers refused', always: false },
]

export function reportTitle({ since, until }: Report, clock: WallClock): string {
  return `Report ${clock.time(since)} to ${clock.time(until)} ${clock.zone}`
}

export function ReportSummary({ report }: { readonly report: Report }) {
  const { tasks, problems, zone, since, until } = report
  const clock = wallClock(zone)
  const total = totalCounts(tasks)
  const [share, completed] = [shareInTime(tasks), shareCompleted(tasks)]
  const columns = COUNT_COLUMNS.filter(({ name, always }) => always || total[name] > 0)
  const counts = columns.map(({ words }) => words)
  const heads = [
    ...(share === null ? [] : ['share in time']),
    ...counts,
    'usual delay',
    'longest delay',
    'usual duration',
    'longest duration',
  ]
  const worst = worstTasks(tasks)
  const isWhole = problems.length === 0 && tasks.every(({ problem }) => problem === null)
  return (
    <>
      <h1>
        {completed === null
          ? 'No slot was due'
          : `${completed} of ${number(total.due)} slots completed${isWhole ? '' : AS_FAR}`}
      </h1>
      <p>
        {clock.time(since)} to {clock.time(until)} {clock.zone} · {scopeText(report)} · made by {printable(report.by)}{' '}
        with cronledger {report.version}
      </p>
      <Figures tasks={tasks} />
      {problems.map((problem) => (
        <p class="problem">{printable(problem)}</p>
      ))}
      {worst.length > 0 && <Exceptions tasks={worst} />}
      <h2>All tasks</h2>
      <section class="scroll" tabindex={0} aria-label="Table of the tasks">
        <table class="list report">
          <thead>
            <tr>
              <Heads columns={[['Task'], ...heads.map((words) => [words, 'number'] as const)]} />
            </tr>
          </thead>
          <tbody>
            {tasks.map((task) => (
              <TaskRow task={task} columns={columns} hasShare={share !== null} />
            ))}
          </tbody>
        </table>
      </section>
      <Meaning />
      <Missing report={report} />
    </>
  )
}

function scopeText({ task, owner, tasks }: Report): string {
  const names = task === undefined ? [] : [`only ${task}`]
  const owners = owner === undefined ? [] : [`owner ${owner}`]
  const scope = [...names, ...owners].map(printable).join(', ') || 'all tasks'
  return task !== undefined && tasks.length === 1 ? scope : `${scope}: ${number(tasks.length)}`
}

/** What an auditor asks first: the slots that were due, what was done of them and how, and what is left. */
function Figures({ tasks }: Pick<Report, 'tasks'>) {
  const total = totalCounts(tasks)
  const timed = tasks.filter(({ isTimed }) => isTimed)
  const ofTimed = totalCounts(timed)
  const words = (names: readonly string[]) => countsText(total, names)
  const [done, lost] = [classesOf('done'), classesOf('lost')]
  const repaired = total.repaired > 0 ? `; of them, ${words(['repaired'])}` : ''
  const isTimed = `of the ${number(ofTimed.due)} slots of ${counted(timed.length, 'task')} with --late-after or --done-by; ${number(ofTimed.late)} late`
  const figures = [
    ['due', total.due, ''],
    ['done', sumOf(total, done), words(done) + repaired],
    ['left', sumOf(total, lost), words(lost)],
    ['skipped', total.skipped, ''],
    ...(ofTimed.due === 0 ? [] : ([['in time', ofTimed.inTime, isTimed]] as const)),
    ['forced runs', total.forced, forcedByText(tasks)],
    ['duplicates rejected', total.duplicates, words(['refused'])],
  ] as const
  return (
    <dl>
      {figures.map(([name, count, more]) => (
        <>
          <dt>{name}</dt>
          <dd>
            <strong>{number(count)}</strong>
            {more && ` · ${more}`}
          </dd>
        </>
      ))}
    </dl>
  )
}

/** Returns `2 missed, 1 failed`, without those that are 0. */
function countsText(counts: TaskReport['counts'], names: readonly string[]): string {
  return COUNT_COLUMNS.filter(({ name }) => names.includes(name) && counts[name] > 0)
    .map((one) => `${number(counts[one.name])} ${one.words}`)
    .join(', ')
}

/** Returns who forced runs, and how many, those with the most of them first. */
function forcedByText(tasks: Report['tasks']): string {
  const forced = tasks.flatMap(({ decisions }) => decisions.filter(({ isForced }) => isForced))
  return [...groupedBy(forced, ({ by }) => by)]
    .sort(([, one], [, other]) => other.length - one.length)
    .map(([by, some]) => printable(`${by} ${number(some.length)}`))
    .join(', ')
}

const MAX_EXCEPTIONS = 10

/** The slots that did not complete, task by task: a reader of paper looks no further than the first page. */
function Exceptions({ tasks }: Pick<Report, 'tasks'>) {
  const shown = tasks.slice(0, MAX_EXCEPTIONS)
  const lost: readonly string[] = classesOf('lost')
  return (
    <>
      <h2>Slots that did not complete</h2>
      <section class="scroll" tabindex={0} aria-label="Table of what is left">
        <ListTable
          columns={[['Task', 'hash'], ['Left'], ['Newest'], ['What happened', 'hash']]}
          rows={shown.map(({ task, counts, exceptions }) => {
            const newest = exceptions.find(({ class: name }) => lost.includes(name))
            return [
              <a href={`#${idOf(task)}`}>{printable(task)}</a>,
              countsText(counts, lost),
              newest === undefined ? '' : `${wallClock(newest.zone).time(newest.slot)} ${newest.zone}`,
              newest?.happened ?? '',
            ]
          })}
        />
      </section>
      {tasks.length > shown.length && (
        <p class="quiet">
          And {counted(tasks.length - shown.length, 'task')} with fewer of them: see the table of all tasks.
        </p>
      )}
    </>
  )
}

function Missing({ report: { tasks, leftOut, since } }: { readonly report: Report }) {
  const forced = tasks.reduce((sum, { forcedOnly }) => sum + forcedOnly, 0)
  const removed = tasks.filter(({ hasRetention }) => hasRetention).length
  const begun = tasks.filter(({ recordedFrom }) => recordedFrom !== null).length - removed
  const parts = [
    forced > 0 && `${counted(forced, 'slot')} that an operator ran and no schedule has: they are not counted.`,
    begun > 0 && `What ${counted(begun, 'task')} did before “recorded from”: the ledger has no record of it.`,
    removed > 0 &&
      `The older records of ${counted(removed, 'task')}, which a retention removes: no slot before “recorded from” is called missed.`,
    leftOut.length > 0 &&
      `${counted(leftOut.length, 'task')} retired before ${formatInstant(since)}: ${leftOut.join(', ')}.`,
    'Tasks that have no record in this ledger.',
  ]
  return (
    <>
      <h2>Not in this report</h2>
      <ul>{parts.map((part) => part !== false && <li>{printable(part)}</li>)}</ul>
    </>
  )
}

/** Anybody who can read the ledger can compute the hashes again. */
export function ReportHashes({ report: { tasks, since, until } }: { readonly report: Report }) {
  const command = `cronledger history TASK --status recorded --limit 0 --format ndjson --since ${formatInstant(since)} --until ${formatInstant(until)} | sha256sum`
  return (
    <details class="chapter">
      <summary>SHA-256 of the records of each task</summary>
      <p>
        It is that of the bytes which this command prints, with the same version of cronledger. It differs if a record
        was changed, added or removed since: a slot that was run again or resolved, for example.
      </p>
      <p class="hash">
        <code>{command}</code>
      </p>
      <ListTable
        columns={[
          ['Task', 'hash'],
          ['Records', 'number'],
          ['SHA-256', 'hash'],
        ]}
        rows={tasks.map(({ task, rows, sha256, problem }) => [
          task,
          number(rows),
          problem !== null && rows === 0 ? 'could not be read' : <code>{sha256}</code>,
        ])}
      />
    </details>
  )
}

const AS_FAR = ', as far as they can be read'

type TaskRowProps = Readonly<{ task: TaskReport; columns: readonly CountColumn[]; hasShare: boolean }>

function TaskRow({ task, columns, hasShare }: TaskRowProps) {
  const { counts, isTimed, problem, owner, recordedFrom } = task
  return (
    <tr>
      <th scope="row">
        {hasMore(task) ? <a href={`#${idOf(task.task)}`}>{printable(task.task)}</a> : printable(task.task)}
        {owner !== undefined && (
          <small>
            <Owner owner={owner} />
          </small>
        )}
        {recordedFrom !== null && <small>recorded from {wallClock(task.zone).time(recordedFrom)}</small>}
      </th>
      {problem !== null ? (
        <td colspan={columns.length + (hasShare ? 5 : 4)} class="problem">
          {printable(problem)}
        </td>
      ) : (
        <>
          {hasShare && <td class="number">{shareInTime([task])}</td>}
          {columns.map(({ name }) => (
            <td class={counts[name] === 0 ? 'number quiet' : isBad(name) ? 'number bad' : 'number'}>
              {isTimed || !ONLY_TIMED.includes(name) ? number(counts[name]) : ''}
            </td>
          ))}
          {REPORT_MEASURES.map((name) => task[name]).map((ms) => (
            <td class="number">{ms === null ? '' : elapsed(ms)}</td>
          ))}
        </>
      )}
    </tr>
  )
}

/** Says what the columns mean, because the file may be read by a person who does not know cronledger. */
function Meaning() {
  return (
    <p class="quiet">
      A slot is a time at which a task was due. It is late if it started later than --late-after, or completed later
      than --done-by, and otherwise it completed in time. A task that states neither has no slots in time: see its
      delays, which are how long after its time a slot started. A missed slot has no run on record. “failed and
      repaired” are slots that completed after a failed attempt, and are counted in time or late, too. Slots in a pause
      or after a retirement were not due, nor are those before “recorded from”. The usual duration is the median of the
      20 slots that completed before the newest one.
    </p>
  )
}

/** Empty for a task that does not state when a slot is in time. */
const ONLY_TIMED: readonly string[] = ['inTime', 'late']

const isBad = (name: keyof ReportCounts) => name === 'missed' || name === 'failed' || name === 'stale'
