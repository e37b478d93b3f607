import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import { printable } from '../../../format/text.ts'
import { Time, type WallClock } from './time.tsx'

export const IN_FORCE = { pause: 'paused', retirement: 'retired' } as const

export function SuspensionInForce({
  found: { kind, suspension },
  clock,
}: Readonly<{ found: FoundSuspension; clock: WallClock }>) {
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
