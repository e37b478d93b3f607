import { elapsed } from '../../../core/duration.ts'
import { attemptCount, latenessMsOf } from '../../../core/row/attempts.ts'
import { decidingAttempt } from '../../../core/row/decide.ts'
import { type Instant, STATUSES } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/slot/row.ts'
import { printable } from '../../../format/text.ts'
import type { JudgedSlot, SlotMark } from '../../../verdict/judge.ts'
import { Badge } from '../frame/badge.tsx'
import { isFiltered, links, type TaskQuery } from '../frame/links.ts'
import { countTexts, MARKS, rejectedText } from '../frame/marks.ts'
import { Choice, ListTable } from '../frame/parts.tsx'
import { noteOf } from '../frame/slot-facts.tsx'
import { Time } from '../frame/time.tsx'
import { Findings, type ShownFindings } from './findings.tsx'
import { Changes, type TaskHead, TaskTitle } from './head.tsx'
import { Recent, type RecentSlots } from './recent.tsx'

interface HistoryTotal {
  readonly counts: Readonly<Partial<Record<SlotMark, number>>>
  readonly isWhole: boolean
}

export interface TaskPage {
  readonly query: TaskQuery
  readonly slots: readonly JudgedSlot[]
  /** The slot before which the next page begins. Null on the last page. */
  readonly before: Instant | null
  /** The slots that were looked at, when too few of them matched the filter. Null when the page is complete. */
  readonly scanned: number | null
  readonly problem: string | null
  /** The slots that match the filter. Null: there is none, or this is a further page. */
  readonly total: HistoryTotal | null
}

interface TaskViewProps {
  readonly head: TaskHead
  readonly recent: RecentSlots
  readonly page: TaskPage
  readonly findings: ShownFindings
  readonly now: Instant
}

export function TaskView({ head, recent, page, findings, now }: TaskViewProps) {
  const { task, clock } = head
  return (
    <>
      <nav class="crumbs" aria-label="Breadcrumbs">
        <a href={links.overview()}>Tasks</a>
      </nav>
      <TaskTitle head={head} recent={recent} now={now} />
      <div class="sheet">
        <div>
          <Findings findings={findings} clock={clock} />
        </div>
        <Recent task={task} recent={recent} clock={clock} />
        <section aria-labelledby="changes-title">
          <h2 id="changes-title">Changes</h2>
          <Changes head={head} />
        </section>
      </div>
      <History head={head} page={page} />
    </>
  )
}

type HistoryProps = Pick<TaskViewProps, 'head' | 'page'>

function History({ head, page }: HistoryProps) {
  const { task, clock } = head
  const { query, slots, problem, total } = page
  return (
    <section aria-labelledby="history-title">
      <div class="bar">
        <h2 id="history-title">History</h2>
        <Filters task={task} query={query} zone={clock.zone} />
      </div>
      {problem !== null && <p class="problem">{printable(problem)}</p>}
      {total !== null && slots.length > 0 && <Total total={total} />}
      {slots.length === 0 && problem === null && (
        <p class="empty">
          {isFiltered(query) ? (
            <>
              No slots match. <a href={links.task(task)}>All slots</a>
            </>
          ) : (
            'No runs are recorded, and none were due.'
          )}
        </p>
      )}
      {slots.length > 0 && (
        <section class="scroll" tabindex={0} aria-label="Table of the history">
          <HistoryTable head={head} slots={slots} />
        </section>
      )}
      <Pages head={head} page={page} />
    </section>
  )
}

function Total({ total: { counts, isWhole } }: { readonly total: HistoryTotal }) {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return (
    <p id="total">
      {isWhole ? '' : 'At least '}
      {all === 1 ? '1 slot' : `${all.toLocaleString('en')} slots`}: {countTexts(counts).join(', ')}
    </p>
  )
}

function Pages({ head: { task, clock }, page }: HistoryProps) {
  const { query, before, scanned, slots } = page
  const first = { ...query, before: undefined }
  return (
    <nav class="pages" aria-label="Pages of the history">
      {query.before && <a href={links.task(task, first)}>Newest slots</a>}
      {before !== null && (
        <a href={links.task(task, { ...query, before: new Date(before).toISOString() })}>
          {scanned === null ? 'Older slots' : `Search the slots before ${clock.time(before)}`}
        </a>
      )}
      {scanned !== null && (
        <span class="quiet">
          {slots.length} of the {scanned} slots that were searched match.
        </span>
      )}
    </nav>
  )
}

/** The form that filters the history of a task. The times are as those of `cronledger history`. */
function Filters({ task, query, zone }: Readonly<{ task: string; query: TaskQuery; zone: string }>) {
  const { status, since, until } = query
  return (
    <search>
      <form method="get" action="/task" autocomplete="off">
        <input type="hidden" name="task" value={task} />
        <Choice
          label="Status"
          name="status"
          chosen={status}
          options={[
            ['', 'any'],
            ...STATUSES.map((name) => [name, MARKS[name].word] as const),
            ['rejected', 'with rejected triggers'],
          ]}
        />
        <Bound label="From" name="since" value={since} />
        <Bound label="To" name="until" value={until} />
        <button type="submit">Show</button>
        <span id="times-of-history" class="quiet">
          2026-11-24, 2026-11-24 03:00 or 7d, in {zone}
        </span>
      </form>
    </search>
  )
}

/** A field for a time. A date field would show it as mm/dd/yyyy, and has no time of the day. */
function Bound({ label, name, value = '' }: Readonly<{ label: string; name: string; value: string | undefined }>) {
  return (
    <label>
      {label}
      <input name={name} value={value} size={16} spellcheck={false} aria-describedby="times-of-history" />
    </label>
  )
}

const HISTORY_HEADS = [
  ['Slot'],
  ['Status'],
  ['What happened', 'what'],
  ['Exit code', 'number'],
  ['Duration', 'number'],
  ['Start delay', 'number'],
  ['Attempts', 'number'],
  ['Host'],
  ['Rejected'],
] as const

/** The slots of a page. */
function HistoryTable({ head: { task, clock }, slots }: Pick<TaskViewProps, 'head'> & Pick<TaskPage, 'slots'>) {
  const rowOf = (one: JudgedSlot) => {
    const { slot, row, own, mark, schedule } = one
    const attempt = own === null ? undefined : decidingAttempt(own)
    const { exitCode, signal } = attempt?.phase === 'ended' ? attempt : {}
    return [
      <a href={links.slot(task, slot)}>
        <Time at={slot} clock={clock.ofSlot(schedule.zone)} />
      </a>,
      <Badge mark={mark} />,
      noteOf(one),
      exitCode ?? signal ?? '',
      elapsedText(durationMsOf(one)),
      elapsedText(own && latenessMsOf(own)),
      own === null ? '' : attemptCount(own),
      attempt?.host ?? '',
      rejectedText(row),
    ]
  }
  return <ListTable columns={HISTORY_HEADS} rows={slots.map(rowOf)} style="list history" />
}

function elapsedText(ms: number | null): string {
  return ms === null ? '' : elapsed(ms)
}
