import { parseTaskArn } from '../ecs.ts'
import { defined } from '../objects.ts'
import type { EcsFacts, Host, Rejection, Row } from '../types.ts'
import { decidingAttempt } from './decide.ts'
import { keptRejections } from './rejections.ts'

/** What tells two batches of one name apart, the gravest first. */
const PLACES = ['account', 'cluster', 'family'] as const
type Places = { readonly [Place in (typeof PLACES)[number]]?: string }

/** A rejected trigger of ECS comes from another place than the attempt that has the slot. */
export interface OtherPlace {
  readonly what: (typeof PLACES)[number]
  readonly winner: string
  readonly trigger: string
}

type Origin = Pick<Host, 'ecsTask'> & { readonly family?: string | undefined }

/** Returns null if the places are the same, or if a fact of one of them is missing. */
export function otherPlace(row: Row, trigger: Origin): OtherPlace | null {
  const attempt = decidingAttempt(row)
  if (attempt === undefined) return null
  const [winner, other] = [placesOf({ ...attempt, family: ecsFamily(attempt.ecs) }), placesOf(trigger)]
  for (const what of PLACES) {
    const [one, two] = [winner[what], other[what]]
    if (one !== undefined && two !== undefined && one !== two) return { what, winner: one, trigger: two }
  }
  return null
}

/** Returns the newest rejected trigger that came from another account, or else from another place, since `since`. */
export function rejectedFromOtherPlace(row: Row, since: number): OtherPlace | null {
  const isTwin = ({ kind, cause, at }: Rejection) => (kind === 'duplicate' || cause === 'otherAccount') && at > since
  const found = keptRejections(row)
    .filter(isTwin)
    .flatMap((one) => otherPlace(row, one) ?? [])
  return found.findLast(({ what }) => what === 'account') ?? found.at(-1) ?? null
}

/** Returns the member of a rejection: a row must stay small, so the family is left out if it is that of the attempt. */
export function otherFamily(row: Row, ecs: EcsFacts | undefined): Pick<Rejection, 'family'> {
  const family = ecsFamily(ecs)
  return family === undefined || family === ecsFamily(decidingAttempt(row)?.ecs) ? {} : { family }
}

export function ecsFamily(ecs: Pick<EcsFacts, 'taskDefinition'> | undefined): string | undefined {
  return ecs?.taskDefinition.replace(/:\d+$/, '')
}

function placesOf({ ecsTask = '', family }: Origin): Places {
  const task = parseTaskArn(ecsTask)
  return defined({ account: task?.account, cluster: task?.cluster, family })
}
