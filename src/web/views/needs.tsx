import type { TaskFinding } from '../../core/row/expected-slots.ts'
import type { Instant } from '../../core/types.ts'
import { countsText, findingDetail } from '../../format/check.ts'
import { printable } from '../../format/text.ts'
import { Sign } from './badge.tsx'
import { Heading, type HeadingLevel } from './document.tsx'
import type { Links } from './links.ts'
import { Time, wallClock } from './wall-clock.tsx'

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
  /** The number of tasks that were looked at. */
  readonly tasks: number
  /** Why the answer is incomplete, task by task. Empty when it is complete. */
  readonly problems: readonly string[]
}

/** How many groups the top of the page names, which takes a line or two. The others are one click away. */
const NAMED = 6

/** The summary on top of the overview. */
export function NeedsLine({ needs, links }: { readonly needs: Needs; readonly links: Links }) {
  const { groups, count, problems, when } = needs
  const total = totalOf(count)
  return (
    <section
      id="needs-line"
      class={`needs ${total === 0 && problems.length === 0 ? 'well' : ''}`}
      aria-label="Needs a person, in short"
    >
      <p>
        {total === 0 ? (
          <>
            <strong>{wellText(needs)}</strong> <span class="quiet">{when}.</span>
          </>
        ) : (
          <>
            <strong>{slots(needs, total)} a person:</strong> {`${countsText(count)} `}
            <span class="quiet">{when}</span>
          </>
        )}
      </p>
      {problems.slice(0, 1).map((problem) => (
        <p class="problem">
          {printable(problem)}
          {problems.length > 1 && (
            <>
              {' '}
              <a href={links.needs}>and {problems.length - 1} more tasks</a>
            </>
          )}
        </p>
      ))}
      {total > 0 && (
        <ul>
          {groups.slice(0, NAMED).map(({ newest: { task, slot, kind, schedule }, count }) => (
            <li>
              <a href={links.slot(task, slot)}>
                <Sign mark={kind === 'late' ? 'completed' : kind} />
                {printable(task)} <Time at={slot} clock={wallClock(schedule.zone)} /> {kind}
              </a>
              {count > 1 && <span class="quiet"> and {count - 1} before</span>}
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

function wellText({ tasks, problems }: Needs): string {
  if (problems.length > 0) return 'Not known whether all is well'
  return tasks === 0 ? 'No task was to run' : 'All is well'
}

function slots({ problems }: Needs, total: number): string {
  const least = problems.length > 0
  return `${least ? 'At least ' : ''}${total === 1 ? '1 slot needs' : `${total} slots need`}`
}

function totalOf(count: Needs['count']): number {
  return Object.values(count).reduce((sum, number) => sum + number, 0)
}

/** The list of the findings, each with what is known about it. */
export function NeedsList({
  needs,
  links,
  level,
}: {
  readonly needs: Needs
  readonly links: Links
  readonly level: HeadingLevel
}) {
  const { found, count, problems, now } = needs
  const total = totalOf(count)
  return (
    <section id="needs" aria-labelledby="needs-title">
      <Heading level={level} id="needs-title">
        What needs a person
      </Heading>
      <p>
        {total === 0 ? wellText(needs) : `${problems.length > 0 ? 'At least ' : ''}${countsText(count)}`}
        {` ${needs.when}.`}
        {total > found.length && ` ${found.length} are shown, of each task and kind the newest.`}
      </p>
      {problems.map((problem) => (
        <p class="problem">{printable(problem)}</p>
      ))}
      {found.length > 0 && (
        <section class="scroll" tabindex={0} aria-label="The slots that need a person">
          <table class="list stacked">
            <thead>
              <tr>
                <th scope="col">Task and slot</th>
                <th scope="col">What</th>
                <th scope="col">What is known</th>
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
                      <Sign mark={one.kind === 'late' ? 'completed' : one.kind} />
                      {one.kind}
                    </span>
                  </td>
                  <td class="wide">{printable(findingDetail(one, now))}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  )
}
