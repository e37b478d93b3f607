import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import type { Suspension, TaskRecord } from '../../../core/task/task-record.ts'
import { isCancelled } from '../../../format/task/suspensions.ts'
import { printable } from '../../../format/text.ts'
import { Heading, type HeadingLevel } from '../frame/document.tsx'
import { Time } from '../frame/time.tsx'
import type { WallClock } from '../frame/wall-clock.ts'

const IN_FORCE = { pause: 'paused', retirement: 'retired' } as const

interface InForceProps {
  readonly found: FoundSuspension
  readonly clock: WallClock
}

/** The pause or the retirement that is in force: since and until when, who decided it, and why. */
export function SuspensionInForce({ found: { kind, suspension }, clock }: InForceProps) {
  const { from, until, by, reason } = suspension
  return (
    <span class="suspended">
      <strong>{IN_FORCE[kind]}</strong> since <Time at={from} clock={clock} />
      {until !== null && (
        <>
          {' '}
          until <Time at={until} clock={clock} />
        </>
      )}{' '}
      by {printable(by)}: {printable(reason)}
    </span>
  )
}

/** The pauses and the retirements of a task. */
export type Suspensions = Pick<TaskRecord, 'pauses' | 'retirements'>

interface ListProps {
  readonly suspensions: Suspensions
  readonly clock: WallClock
  readonly level: HeadingLevel
}

/** All pauses and retirements on record, the newest decision first. */
export function SuspensionList({ suspensions: { pauses, retirements }, clock, level }: ListProps) {
  const all = [
    ...pauses.map((suspension) => ({ name: 'Pause', suspension })),
    ...retirements.map((suspension) => ({ name: 'Retirement', suspension })),
  ].sort((one, other) => other.suspension.at - one.suspension.at)
  if (all.length === 0) return null
  return (
    <section class="changes">
      <Heading level={level}>Pauses and retirements</Heading>
      <ol reversed>
        {all.map(({ name, suspension }) => (
          <li>
            {name} <SuspensionSpan suspension={suspension} clock={clock} /> by {printable(suspension.by)}:{' '}
            {printable(suspension.reason)}
            <SuspensionEnd suspension={suspension} clock={clock} />
          </li>
        ))}
      </ol>
    </section>
  )
}

interface PartProps {
  readonly suspension: Suspension
  readonly clock: WallClock
}

function SuspensionSpan({ suspension, clock }: PartProps) {
  const { from, until } = suspension
  return (
    <>
      {isCancelled(suspension) ? 'planned from' : 'from'} <Time at={from} clock={clock} />
      {until === null && ' on'}
      {until !== null && !isCancelled(suspension) && (
        <>
          {' '}
          until <Time at={until} clock={clock} />
        </>
      )}
    </>
  )
}

function SuspensionEnd({ suspension, clock }: PartProps) {
  const { ended } = suspension
  if (ended === undefined) return null
  return (
    <span class="quiet">
      {' '}
      {isCancelled(suspension) ? 'cancelled' : 'ended'} at <Time at={ended.at} clock={clock} /> by {printable(ended.by)}
      : {printable(ended.reason)}
    </span>
  )
}
