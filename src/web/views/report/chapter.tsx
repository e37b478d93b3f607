import { isKeyOf } from '../../../core/objects.ts'
import { changeText } from '../../../core/task/record-changes.ts'
import type { Instant, Place } from '../../../core/types.ts'
import { CLASSES, type ExceptionalSlot, type TaskReport } from '../../../format/report.ts'
import { confirmationText, isCancelled } from '../../../format/task/declaration.ts'
import { printable } from '../../../format/text.ts'
import { logAddress } from '../../../verdict/place/console.ts'
import { scheduleText } from '../../../verdict/sentence.ts'
import { Sign } from '../frame/badge.tsx'
import { MARKS } from '../frame/marks.ts'
import { type Content, ListTable } from '../frame/parts.tsx'
import { LogLink } from '../frame/steps.tsx'
import { timeAfter, type WallClock, wallClock } from '../frame/time.tsx'

/** How many lines of exceptional slots, and of decisions, the file has of a task. 61 tasks must stay under 1 MB. */
const MAX_LINES = 40

export function hasMore(task: TaskReport): boolean {
  return task.exceptions.length > 0 || changesOf(task).length > 0
}

export function TaskChapter({ task }: { readonly task: TaskReport }) {
  const { exceptions, unlisted, zone } = task
  const clock = wallClock(zone)
  const changes = changesOf(task)
  const hasLogs = changes.some(({ place }) => place !== undefined)
  const groups = groupsOf(exceptions)
  const total = exceptions.length + unlisted
  return (
    <section class="chapter" id={idOf(task.task)}>
      <h2>{printable(task.task)}</h2>
      <p class="quiet">
        {[...(task.schedule === null ? [] : [task.schedule]), `times in ${zone}`].map(printable).join(' · ')}
      </p>
      {changes.length > 0 && (
        <Lines
          summary={changes.length === 1 ? '1 decision or change' : `${number(changes.length)} decisions and changes`}
          head={['Time', 'Who', 'What', 'Why', ...(hasLogs ? ['Log'] : [])]}
          rows={changes.map(({ at, by, what, why, place }) => [
            clock.time(at),
            by,
            what(clock),
            why,
            ...(hasLogs ? [place ? <Log place={place} /> : ''] : []),
          ])}
          sizes={changes.map(() => 1)}
        />
      )}
      {total > 0 && (
        <Lines
          summary={total === 1 ? '1 exceptional slot' : `${number(total)} exceptional slots`}
          head={['Slot', 'Status', 'What happened']}
          rows={groups.map(({ newest, oldest, slots }) => [
            slotTimes(oldest, newest, clock),
            <>
              <Sign mark={isKeyOf(newest.class, MARKS) ? newest.class : 'completed'} />{' '}
              {slots === 1 ? wordOf(newest.class) : `${slots} ${wordOf(newest.class)}`}
            </>,
            slots === 1 ? newest.happened : `the last one: ${newest.happened}`,
          ])}
          sizes={groups.map(({ slots }) => slots)}
          unlisted={unlisted}
        />
      )}
    </section>
  )
}

/** Where the log of a forced run is: on paper a link alone would say nothing. */
function Log({ place }: { readonly place: Place }) {
  if (place.kind === 'kubernetes') return printable(`Pod ${place.pod ?? 'unknown'}, namespace ${place.namespace}`)
  const name = [place.logGroup, place.logStream].filter(Boolean).join(' ')
  return logAddress(place) === null ? printable(name) : <LogLink place={place} text={printable(name)} />
}

interface LinesProps {
  readonly summary: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly Content[])[]
  readonly sizes: readonly number[]
  readonly unlisted?: number
}

/** A folded table of at most `MAX_LINES` rows, which says what it leaves out. */
function Lines({ summary, head, rows, sizes, unlisted = 0 }: LinesProps) {
  const rest = sizes.slice(MAX_LINES).reduce((sum, size) => sum + size, unlisted)
  return (
    <details>
      <summary>{summary}</summary>
      <ListTable columns={head.map((name) => [name])} rows={rows.slice(0, MAX_LINES)} />
      {rest > 0 && <p class="quiet">{number(rest)} earlier ones are not listed here. --format json lists them.</p>}
    </details>
  )
}

export interface ReportedChange {
  readonly at: Instant
  readonly by: string
  readonly what: (clock: WallClock) => string
  readonly why: string
  readonly place?: Place | undefined
}

/** Returns what operators decided about a task and its slots, and the changes of its schedule, newest first. */
export function changesOf(
  of: Pick<TaskReport, 'decisions' | 'pauses' | 'retirements' | 'schedules'> & Partial<Pick<TaskReport, 'changes'>>,
): readonly ReportedChange[] {
  const { decisions, pauses, retirements, schedules, changes = [] } = of
  const suspended = (name: 'pause' | 'retirement', one: TaskReport['pauses'][number]) => {
    const { at, from, until, by, reason, ended } = one
    const [begun, over] = name === 'pause' ? ['paused it', 'resumed it'] : ['retired it', 'ended its retirement']
    const begin = (clock: WallClock) => {
      const end = until === null || isCancelled(one) ? '' : ` until ${clock.time(until)}`
      return `${begun} from ${clock.time(from)}${end}`
    }
    const changes = [{ at, by, why: reason, what: begin }]
    if (ended === undefined) return changes
    const what = () => (isCancelled(one) ? `cancelled the planned ${name}` : over)
    return [...changes, { at: ended.at, by: ended.by, why: ended.reason, what }]
  }
  const isUnexplained = ({ since }: TaskReport['schedules'][number]) =>
    !changes.some(({ from, after }) => from === since && 'schedule' in after)
  return [
    ...decisions.map(({ at, by, slot, zone, what, reason, place }) => ({
      at,
      by,
      why: reason,
      place,
      what: (clock: WallClock) => `${slotTime(slot, zone, clock)}: ${what}`,
    })),
    ...pauses.flatMap((pause) => suspended('pause', pause)),
    ...retirements.flatMap((retirement) => suspended('retirement', retirement)),
    ...changes.map((one) => ({
      at: one.at,
      by: one.by,
      why: one.reason,
      what: (clock: WallClock) => `changed from ${clock.time(one.from)} on: ${changeText(one)}`,
    })),
    ...schedules.filter(isUnexplained).map((one) => {
      const state = confirmationText(one)
      return {
        at: one.since,
        by: '',
        why: '',
        what: () => `schedule ${scheduleText(one.spec)}${state && ` (${state})`}`,
      }
    }),
  ]
    .sort((one, other) => one.at - other.at)
    .reverse()
}

interface Group {
  readonly newest: ExceptionalSlot
  readonly oldest: ExceptionalSlot
  readonly slots: number
}

function groupsOf(exceptions: readonly ExceptionalSlot[]): readonly Group[] {
  const groups: Group[] = []
  for (const one of exceptions) {
    const last = groups.at(-1)
    if (last?.oldest.follows && last.oldest.class === one.class)
      groups[groups.length - 1] = { ...last, oldest: one, slots: last.slots + 1 }
    else groups.push({ newest: one, oldest: one, slots: 1 })
  }
  return groups
}

const wordOf = (name: ExceptionalSlot['class']) => (name === 'repaired' ? 'failed and repaired' : CLASSES[name][0])

/** Each slot has the zone of its schedule, and says so if that is not the zone of the chapter. */
function slotTimes(oldest: ExceptionalSlot, newest: ExceptionalSlot, clock: WallClock): string {
  const text = ({ slot, zone }: ExceptionalSlot) => slotTime(slot, zone, clock)
  if (newest === oldest) return text(newest)
  const isOne = [oldest, newest].every(({ zone }) => zone === clock.zone)
  return `${text(oldest)} to ${isOne ? timeAfter(oldest.slot, newest.slot, clock) : text(newest)}`
}

function slotTime(slot: Instant, zone: string, clock: WallClock): string {
  return zone === clock.zone ? clock.time(slot) : `${clock.ofSlot(zone).time(slot)} ${zone}`
}

export const number = (count: number) => count.toLocaleString('en')

/** Returns the id of a chapter. Its characters need no escape in an address or an id. */
export function idOf(task: string): string {
  return encodeURIComponent(`task ${task}`).replaceAll('_', '_5F').replaceAll('%', '_')
}
