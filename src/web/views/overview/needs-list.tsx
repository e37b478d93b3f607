import { findingDetail, totalOf } from '../../../format/check/finding.ts'
import { printable } from '../../../format/text.ts'
import { links } from '../frame/links.ts'
import { FindingLink, type NeedsProps, NeedsSummary, newestFirst, type TaskNeeds } from './needs.tsx'

/** The list of the findings, each with what is known about it, grouped by task. */
export function NeedsList({ needs, now }: NeedsProps) {
  const tasks = newestFirst(needs)
  const listed = tasks.flatMap(listedOf).length
  return (
    <section id="needs" aria-labelledby="needs-title">
      <NeedsSummary needs={needs} now={now} problems={needs.problems} />
      {totalOf(needs.count) > listed && <p>Only {listed} of them are listed here.</p>}
      {listed > 0 && (
        <section class="scroll" tabindex={0} aria-label="Slots that need attention">
          <table class="list stacked">
            <thead>
              <tr>
                <th scope="col">Slot</th>
                <th scope="col">Details</th>
              </tr>
            </thead>
            {tasks.map((own) => (
              <tbody>
                <tr class="group">
                  <th scope="rowgroup" colspan={2}>
                    <strong>
                      <a href={links.task(own.task)}>{printable(own.task)}</a>
                    </strong>
                    {own.owner !== undefined && <span class="quiet"> · owner: {printable(own.owner)}</span>}
                  </th>
                </tr>
                {listedOf(own).map((found) => (
                  <tr>
                    <th scope="row">
                      <FindingLink found={found} now={now} />
                    </th>
                    <td>{printable(findingDetail(found))}</td>
                  </tr>
                ))}
              </tbody>
            ))}
          </table>
        </section>
      )}
    </section>
  )
}

/** Returns the findings of a task that are listed, newest first. */
function listedOf({ kinds }: TaskNeeds) {
  return [...kinds.values()].flatMap(({ listed }) => listed).sort((one, other) => other.slot - one.slot)
}
