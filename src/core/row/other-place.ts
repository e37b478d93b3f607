import { valueAt } from '../objects.ts'
import { type PlaceParts, parseTaskArn, placeParts } from '../place.ts'
import type { Host, Place, Rejection, Row } from '../types.ts'
import { decidingAttempt } from './decide.ts'
import { keptRejections } from './rejections.ts'

/** The differences between two batches of one name, the most serious first. Only the ARN of an ECS task has the first two. */
const PARTS = ['account', 'cluster', 'clusterId', 'namespace', 'family', 'cronJob'] as const
type Parts = { readonly [Part in (typeof PARTS)[number]]?: string | undefined }

/** A rejected trigger comes from another place than the attempt that has the slot. */
export interface OtherPlace {
  readonly what: keyof Parts
  readonly winner: string
  readonly trigger: string
}

type Origin = Pick<Host, 'ecsTask'> & PlaceParts

export function otherPlace(row: Row, trigger: Origin): OtherPlace | null {
  const attempt = decidingAttempt(row)
  if (attempt === undefined) return null
  const [winner, other]: Parts[] = [allParts({ ...attempt, ...placeParts(attempt.place) }), allParts(trigger)]
  for (const what of PARTS) {
    const [one, two] = [winner?.[what], other?.[what]]
    if (one !== undefined && two !== undefined && one !== two) return { what, winner: one, trigger: two }
  }
  return null
}

/** Returns the newest rejected trigger that came from another account, or else from another place. */
export function rejectedFromOtherPlace(row: Row): OtherPlace | null {
  const isTwin = ({ kind, cause }: Rejection) => kind === 'duplicate' || cause === 'otherAccount'
  const found = keptRejections(row)
    .filter(isTwin)
    .flatMap((one) => otherPlace(row, one) ?? [])
  return found.findLast(({ what }) => what === 'account') ?? found.at(-1) ?? null
}

/** Returns the hash of a trigger's command line if it is not that of the attempt that has the slot. Undefined: one is not known. */
export function otherCommand(row: Row, commandHash: string | undefined): string | undefined {
  const own = decidingAttempt(row)?.commandHash
  return own === undefined || own === commandHash ? undefined : commandHash
}

/** Returns the members of a rejection: a row must stay small, so what is that of the attempt is left out. */
export function otherParts(row: Row, place: Place | undefined): PlaceParts {
  const own: Parts = placeParts(decidingAttempt(row)?.place)
  return Object.fromEntries(Object.entries(placeParts(place)).filter(([part, value]) => valueAt(own, part) !== value))
}

function allParts({ ecsTask = '', ...parts }: Origin): Parts {
  const task = parseTaskArn(ecsTask)
  return { account: task?.account, cluster: task?.cluster, ...parts }
}
