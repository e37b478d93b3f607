import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import { countsText, totalOf } from '../../../format/check/finding.ts'
import type { TaskNeed } from '../../../format/check/needs.ts'
import { printable } from '../../../format/text.ts'
import { cronledger, REASON_WORD } from '../../../verdict/command.ts'
import type { FindingKind, TaskFinding } from '../../../verdict/judge.ts'
import type { Step } from '../../../verdict/steps.ts'
import { verdictOf } from '../../../verdict/verdict.ts'
import { Badge } from '../frame/badge.tsx'
import { links } from '../frame/links.ts'
import { noteOf } from '../frame/slot-facts.tsx'
import { Steps } from '../frame/steps.tsx'
import { Said, Time, type WallClock } from '../frame/time.tsx'

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
                  {printable(noteOf(one)) || (
                    <Said said={verdictOf(one, '').happened} near={one.slot} clock={clock.ofSlot(one.schedule.zone)} />
                  )}
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

type OfTask = Readonly<{ store: string; task: string; suspended: FoundSuspension | null }>

/** Returns the step for a task itself, which nothing calls for. */
export function taskSteps({ store, task, suspended }: OfTask): readonly Step[] {
  const pause = {
    what: 'pause the task',
    command: cronledger('pause', { store, task, reason: REASON_WORD }),
    note: 'Its scheduled triggers start nothing until it is resumed. A slot in the pause is not missed.',
  }
  const resume = {
    what: `end the ${suspended?.kind}`,
    command: cronledger('resume', { store, task }),
    note: 'From then on, its slots are expected and run again. Earlier slots are not started.',
  }
  return [{ kind: 'other', isOptional: true, ...(suspended === null ? pause : resume) }]
}
