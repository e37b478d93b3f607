import { isRecord } from '../../core/objects.ts'
import { type InspectSettings, ok, type SetupFinding } from '../finding.ts'
import type { Dynamo } from './client.ts'

/** The `Date` of HTTP has whole seconds. */
const DATE_RESOLUTION_MS = 1_000
/** If a server and a proxy each set a `Date`, Node joins them with a comma. moto alone already sets two. */
const FIRST_DATE = /^\w{3}, [^,]+/

/** How far the server's clock is ahead of this host's clock: a range, in milliseconds. */
interface Offset {
  readonly leastMs: number
  readonly mostMs: number
}

/** Compares the `Date` of each answer with this host's clock. A `Date` has whole seconds, so the offset is a range. */
export function watchClock({ client }: Dynamo, { now }: InspectSettings): { offset(): Offset | null } {
  let narrowest: Offset | null = null
  client.middlewareStack.add(
    (next) => async (args) => {
      const sent = now()
      const result = await next(args)
      const headers = isRecord(result.response) ? result.response['headers'] : undefined
      const stated = isRecord(headers) ? String(headers['date'] ?? '') : ''
      const date = Date.parse(FIRST_DATE.exec(stated)?.[0] ?? '')
      const found = { leastMs: date - now(), mostMs: date + DATE_RESOLUTION_MS - sent }
      const isNarrower = narrowest === null || found.mostMs - found.leastMs < narrowest.mostMs - narrowest.leastMs
      if (!Number.isNaN(date) && isNarrower) narrowest = found
      return result
    },
    // The innermost step also sees answers that are errors.
    { step: 'deserialize', priority: 'low', name: 'watchClock' },
  )
  return { offset: () => narrowest }
}

/**
 * Returns the finding about the clock. Two hosts may differ by `skewMs`, so each of them may be off by half of that.
 */
export function clockFinding(offset: Offset | null, skewMs: number): SetupFinding {
  if (offset === null) return ok('clock', 'not checked, because the answer has no Date')
  const { leastMs, mostMs } = offset
  const allowed = skewMs / 2
  const off = elapsedText((leastMs + mostMs) / 2)
  if (leastMs > allowed || mostMs < -allowed) {
    const text = `${off} the server's clock, but --skew allows only ${skewMs / 1000}s between two hosts. Set the clock of this host (NTP).`
    return { what: 'clock', wrong: 'usage', text }
  }
  if (leastMs <= 0 && mostMs >= 0) return ok('clock', "equal to the server's clock, within a second")
  return ok('clock', `${off} the server's clock, within a second`)
}

/** If the server is ahead, this clock is behind. */
function elapsedText(offsetMs: number): string {
  return `about ${Math.round(Math.abs(offsetMs) / 1000)}s ${offsetMs > 0 ? 'behind' : 'ahead of'}`
}
