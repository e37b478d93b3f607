import { formatInstant } from '../../../core/instant.ts'
import type { TaskFinding } from '../../../core/task/findings.ts'
import type { Instant } from '../../../core/types.ts'
import { countsText, findingDetail } from '../../../format/check.ts'
import { printable } from '../../../format/text.ts'
import { Sign } from '../frame/badge.tsx'
import { Heading, type HeadingLevel } from '../frame/document.tsx'
import type { Links } from '../frame/links.ts'
import { Time } from '../frame/time.tsx'
import { wallClock } from '../frame/wall-clock.ts'

/** The findings of `check`: the slots that need attention. */
export interface Needs {
  readonly count: Readonly<Record<TaskFinding['kind'], number>>
  /**
   * The newest finding of each task and kind, and the number of such findings. The newest group comes first. Only the
   * newest groups are kept when there are very many.
   */
  readonly groups: readonly { readonly newest: TaskFinding; readonly count: number }[]
  /** The findings by task, and newest first for each task. Some are left out when there are very many. */
  readonly found: readonly TaskFinding[]
  /** The span of the slots that were looked at, in words: `in the last 7d`. */
  readonly when: string
  readonly now: Instant
  /** The number of tasks that were read. */
  readonly tasks: number
  /** Whether all tasks were read. Otherwise these are the findings so far, while the other tasks are being read. */
  readonly isWhole: boolean
  /** Why the answer is incomplete, task by task. Empty when it is complete. */
  readonly problems: readonly string[]
}

/** How many groups the top of the page names, which takes a line or two. The others are one click away. */
const NAMED = 6

/** The page says when the findings were read if that was this long before the page was made. */
const OLD_MS = 60_000

interface NeedsProps {
  readonly needs: Needs
  readonly links: Links
  /** The time of the page. */
  readonly now: Instant
}

/** The summary on top of the overview. */
export function NeedsLine({ needs, links, now }: NeedsProps) {
  const { groups, count, problems, when, isWhole } = needs
  const total = totalOf(count)
  return (
    <section
      id="needs-line"
      class={`needs ${total === 0 && problems.length === 0 && isWhole && !isEmpty(needs) ? 'well' : ''}`}
      aria-label="Needs attention, summary"
    >
      <p>
        {isEmpty(needs) ? (
          <>
            <strong>{wellText(needs)}.</strong> Run your first one with <code>cronledger run</code>.
          </>
        ) : total === 0 ? (
          <>
            <strong>{wellText(needs)}</strong> <span class="quiet">{when}.</span>
          </>
        ) : (
          <>
            <strong>{slots(needs, total)} attention:</strong> {`${countsText(count)} `}
            <span class="quiet">{when}</span>
          </>
        )}
      </p>
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
        <ul>
          {groups.slice(0, NAMED).map(({ newest: { task, slot, kind, status, schedule }, count }) => (
            <li>
              <a href={links.slot(task, slot)}>
                <Sign status={status} />
                {printable(task)} <Time at={slot} clock={wallClock(schedule.zone)} /> {kind}
              </a>
              {count > 1 && <span class="quiet"> and {count - 1} earlier</span>}
            </li>
          ))}
          {total > Math.min(groups.length, NAMED) && (
            <li>
              <a href={links.needs}>All {total}</a>
            </li>
          )}
        </ul>
      )}
    </section>
  )
}

/** Says which part of the ledger the findings are about, where that is not all of it as it is now. */
function Extent({ needs: { tasks, isWhole, now: readAt }, now }: Omit<NeedsProps, 'links'>) {
  if (!isWhole) {
    const read = tasks === 1 ? '1 task was' : `${tasks} tasks were`
    return <p class="quiet">{`${read} checked so far. The others are still being checked.`}</p>
  }
  if (now - readAt < OLD_MS) return null
  return (
    <p class="quiet">
      Checked at <time datetime={formatInstant(readAt)}>{formatInstant(readAt - (readAt % 1000))}</time>.
    </p>
  )
}

/** Returns whether the ledger has no tasks. */
function isEmpty({ tasks, problems, isWhole }: Needs): boolean {
  return tasks === 0 && isWhole && problems.length === 0
}

function wellText(needs: Needs): string {
  const { problems, isWhole } = needs
  if (!isWhole && problems.length === 0) return 'No problems found so far'
  if (problems.length > 0) return 'It is unknown whether there were problems'
  return isEmpty(needs) ? 'No tasks yet' : 'No problems found'
}

function slots(needs: Needs, total: number): string {
  return `${atLeast(needs)}${total === 1 ? '1 slot needs' : `${total} slots need`}`
}

function atLeast({ problems, isWhole }: Needs): string {
  return problems.length > 0 || !isWhole ? 'At least ' : ''
}

function totalOf(count: Needs['count']): number {
  return Object.values(count).reduce((sum, number) => sum + number, 0)
}

/** The list of the findings, each with what is known about it. */
export function NeedsList({
  needs,
  links,
  level,
  now,
}: NeedsProps & {
  readonly level: HeadingLevel
}) {
  const { found, count, problems } = needs
  const total = totalOf(count)
  return (
    <section id="needs" aria-labelledby="needs-title">
      <Heading level={level} id="needs-title">
        Needs attention
      </Heading>
      <p>
        {total === 0 ? wellText(needs) : `${atLeast(needs)}${countsText(count)}`}
        {isEmpty(needs) ? '.' : ` ${needs.when}.`}
        {total > found.length && ` Only the newest of each task and kind are shown (${found.length}).`}
      </p>
      <Extent needs={needs} now={now} />
      {problems.map((problem) => (
        <p class="problem">{printable(problem)}</p>
      ))}
      {found.length > 0 && (
        <section class="scroll" tabindex={0} aria-label="Slots that need attention">
          <table class="list stacked">
            <thead>
              <tr>
                <th scope="col">Task and slot</th>
                <th scope="col">Finding</th>
                <th scope="col">Details</th>
              </tr>
            </thead>
            <tbody>
              {found.map((one) => (
                <tr>
                  <th scope="row">
                    <a href={links.slot(one.task, one.slot)}>
                      {printable(one.task)} <Time at={one.slot} clock={wallClock(one.schedule.zone)} />
                    </a>
                  </th>
                  <td>
                    <span class="badge">
                      <Sign status={one.status} />
                      {one.kind}
                    </span>
                  </td>
                  <td class="wide">
                    {printable(findingDetail(one, needs.now))}
                    {one.owner !== undefined && <span class="quiet"> · owner: {printable(one.owner)}</span>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  )
}
