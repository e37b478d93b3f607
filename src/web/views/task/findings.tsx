import { countsText, totalOf } from '../../../format/check/finding.ts'
import type { TaskNeed } from '../../../format/check/needs.ts'
import { printable } from '../../../format/text.ts'
import type { FindingKind, TaskFinding } from '../../../verdict/judge.ts'
import { verdictOf } from '../../../verdict/verdict.ts'
import { Badge } from '../frame/badge.tsx'
import { links } from '../frame/links.ts'
import { Said } from '../frame/said.tsx'
import { Steps } from '../frame/steps.tsx'
import { Time, type WallClock } from '../frame/time.tsx'

export interface ShownFindings extends Pick<TaskNeed, 'cautions' | 'steps'> {
  readonly count: Readonly<Record<FindingKind, number>>
  /** The newest findings, the newest one first. The others are only counted. */
  readonly newest: readonly TaskFinding[]
  /** The span of the slots that were looked at, in words: `in the last 7 days`. */
  readonly when: string
  readonly problem: string | null
}

export function Findings({ findings, clock }: Readonly<{ findings: ShownFindings; clock: WallClock }>) {
  const { count, newest, when, problem, cautions, steps } = findings
  const total = totalOf(count)
  return (
    <>
      {problem !== null && <p class="problem">{printable(problem)}</p>}
      {total > 0 && (
        <section class="attention findings">
          <h2>{total === 1 ? '1 slot needs attention' : `${total} slots need attention`}</h2>
          <p class="quiet">
            {countsText(count)} {when}.
          </p>
          <ul>
            {newest.map((one) => (
              <li>
                <Badge mark={one.kind} word={one.kind} />{' '}
                <a href={links.slot(one.task, one.slot)}>
                  <Time at={one.slot} clock={clock.ofSlot(one.schedule.zone)} />
                </a>{' '}
                <span>
                  <Said said={verdictOf(one, '').happened} near={one.slot} clock={clock.ofSlot(one.schedule.zone)} />
                </span>
              </li>
            ))}
          </ul>
          {total > newest.length && <p class="quiet">and {total - newest.length} earlier</p>}
        </section>
      )}
      <Steps steps={steps} cautions={cautions} />
    </>
  )
}
