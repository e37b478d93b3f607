import type { Instant } from '../../../core/types.ts'
import { printable } from '../../../format/text.ts'
import type { JudgedSlot, SlotMark } from '../../../verdict/judge.ts'
import type { Step } from '../../../verdict/steps.ts'
import { isFiltered, links, type TaskQuery } from '../frame/links.ts'
import { MARKS, MOST_URGENT_FIRST, type RejectedCount, rejectionsText } from '../frame/marks.ts'
import { Changes } from './changes.tsx'
import { Commands } from './commands.tsx'
import { Filters } from './filters.tsx'
import { Findings, type ShownFindings } from './findings.tsx'
import { type TaskHead, TaskTitle } from './head.tsx'
import { HistoryTable } from './history-table.tsx'
import { Recent, type RecentSlots } from './recent.tsx'

interface HistoryTotal {
  readonly counts: Readonly<Partial<Record<SlotMark, number>>>
  readonly rejected: RejectedCount
  readonly isWhole: boolean
}

export interface TaskPage {
  readonly query: TaskQuery
  /** The slots of the page, newest first. */
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
  /** The steps for the task itself. Empty: the ledger has no record of the task. */
  readonly steps: readonly Step[]
  readonly now: Instant
}

export function TaskView({ head, recent, page, findings, steps, now }: TaskViewProps) {
  const { task, clock } = head
  return (
    <>
      <nav class="crumbs" aria-label="Breadcrumbs">
        <a href={links.overview()}>Tasks</a>
      </nav>
      <TaskTitle {...{ head, recent, now }} />
      <Findings {...{ findings, clock }} />
      <Commands steps={steps} />
      <Recent {...{ task, recent, clock, now }} />
      <History head={head} page={page} now={now} />
      <section aria-labelledby="changes-title">
        <h2 id="changes-title">Changes</h2>
        <Changes head={head} />
      </section>
    </>
  )
}

type HistoryProps = Pick<TaskViewProps, 'head' | 'page' | 'now'>

function History({ head, page, now }: HistoryProps) {
  const { task, clock } = head
  const { query, slots, problem, total } = page
  return (
    <section aria-labelledby="history-title">
      <div class="bar">
        <h2 id="history-title">History</h2>
        <Filters task={task} query={query} zone={clock.zone} slotZone={head.current?.spec.zone ?? clock.zone} />
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
          <HistoryTable {...{ task, slots, clock, now }} />
        </section>
      )}
      <Pages head={head} page={page} />
    </section>
  )
}

function Total({ total: { counts, rejected, isWhole } }: { readonly total: HistoryTotal }) {
  const marks = MOST_URGENT_FIRST.filter((mark) => counts[mark] !== undefined)
  const all = marks.reduce((sum, mark) => sum + (counts[mark] ?? 0), 0)
  const texts = marks.map((mark) => `${(counts[mark] ?? 0).toLocaleString('en')} ${MARKS[mark].word}`)
  const more = rejectionsText(rejected)
  return (
    <p id="total">
      {isWhole ? '' : 'At least '}
      {all === 1 ? '1 slot' : `${all.toLocaleString('en')} slots`}: {texts.join(', ')}
      {more !== '' && ` · ${more}`}
    </p>
  )
}

function Pages({ head: { task, clock }, page }: Omit<HistoryProps, 'now'>) {
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
