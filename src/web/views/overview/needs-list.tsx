import type { TaskFinding } from '../../../core/task/findings.ts'
import { countsText, findingDetail } from '../../../format/check.ts'
import { printable } from '../../../format/text.ts'
import { Sign } from '../frame/badge.tsx'
import { Heading } from '../frame/document.tsx'
import { ageText, Time } from '../frame/time.tsx'
import { wallClock } from '../frame/wall-clock.ts'
import { atLeast, Extent, isEmpty, type Needs, type NeedsProps, spanText, totalOf, wellText } from './needs.tsx'
import { OutageLine } from './outage-line.tsx'

/** The list of the findings, each with what is known about it, grouped by task. */
export function NeedsList({ needs, links, level, now }: NeedsProps) {
  const { found, count, problems, outage } = needs
  const total = totalOf(count)
  return (
    <section id="needs" aria-labelledby="needs-title">
      <Heading level={level} id="needs-title">
        Needs attention
      </Heading>
      <p>
        {total === 0 ? nothingText(needs) : `${atLeast(needs)}${countsText(count)} ${needs.when}.`}
        {total > found.length && ` Only ${found.length} of them are listed here.`}
      </p>
      {outage !== null && <OutageLine outage={outage} />}
      <Extent needs={needs} now={now} />
      {problems.map((problem) => (
        <p class="problem">{printable(problem)}</p>
      ))}
      {found.length > 0 && (
        <section class="scroll" tabindex={0} aria-label="Slots that need attention">
          <table class="list stacked">
            <thead>
              <tr>
                <th scope="col">Slot</th>
                <th scope="col">Finding</th>
                <th scope="col">Details</th>
              </tr>
            </thead>
            {newestTaskFirst(found).map((own) => (
              <FindingsOfTask found={own} links={links} now={needs.now} />
            ))}
          </table>
        </section>
      )}
    </section>
  )
}

/** Returns the findings of each task. The task with the newest finding comes first. */
function newestTaskFirst(found: readonly TaskFinding[]): readonly (readonly TaskFinding[])[] {
  const byTask = new Map<string, TaskFinding[]>()
  for (const one of found) {
    const own = byTask.get(one.task)
    if (own === undefined) byTask.set(one.task, [one])
    else own.push(one)
  }
  return [...byTask.values()].sort((one, other) => (other[0]?.slot ?? 0) - (one[0]?.slot ?? 0))
}

function nothingText(needs: Needs): string {
  const text = wellText(needs)
  if (needs.problems.length > 0) return `${text}. ${spanText(needs)}`
  return isEmpty(needs) ? `${text}.` : `${text} ${needs.when}.`
}

function FindingsOfTask({
  found,
  links,
  now,
}: { readonly found: readonly TaskFinding[] } & Pick<NeedsProps, 'links' | 'now'>) {
  const { task = '', owner } = found[0] ?? {}
  return (
    <tbody>
      <tr class="group">
        <th scope="rowgroup" colspan={3}>
          <strong>
            <a href={links.task(task)}>{printable(task)}</a>
          </strong>
          {owner !== undefined && <span class="quiet"> · owner: {printable(owner)}</span>}
        </th>
      </tr>
      {found.map((one) => (
        <tr>
          <th scope="row">
            <a href={links.slot(task, one.slot)}>
              <Time at={one.slot} clock={wallClock(one.schedule.zone)} /> <small>({ageText(one.slot, now)})</small>
            </a>
          </th>
          <td>
            <span class="badge">
              <Sign mark={one.kind} />
              {one.kind}
            </span>
          </td>
          <td>{printable(findingDetail(one))}</td>
        </tr>
      ))}
    </tbody>
  )
}
