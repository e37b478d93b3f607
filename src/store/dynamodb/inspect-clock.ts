import { isRecord } from '../../core/objects.ts'
import { type InspectSettings, notOk, ok, type SetupFinding } from '../finding.ts'
import type { Dynamo } from './client.ts'

/** The `Date` of HTTP has whole seconds. */
const DATE_RESOLUTION_MS = 1_000
/** If a server and a proxy each set a `Date`, Node joins them with a comma. moto alone already sets two. */
const FIRST_DATE = /^\w{3}, [^,]+/

/** Compares the `Date` of the answers with this host's clock. Returns a function that returns the finding about it. */
export function watchClock({ client }: Dynamo, { now, skewMs }: InspectSettings): () => SetupFinding {
  let finding = ok('clock', 'not checked, because the answer has no Date')
  client.middlewareStack.add(
    (next) => async (args) => {
      const sent = now()
      const result = await next(args)
      const headers = isRecord(result.response) ? result.response['headers'] : undefined
      const stated = isRecord(headers) ? String(headers['date'] ?? '') : ''
      const date = Date.parse(FIRST_DATE.exec(stated)?.[0] ?? '')
      if (!Number.isNaN(date)) finding = clockFinding(date - now(), date + DATE_RESOLUTION_MS - sent, skewMs)
      return result
    },
    // The innermost step also sees answers that are errors.
    { step: 'deserialize', priority: 'low', name: 'watchClock' },
  )
  return () => finding
}

/** The server is ahead by a time in this range. Two hosts may differ by `skewMs`, so each may be off by half of it. */
function clockFinding(leastMs: number, mostMs: number, skewMs: number): SetupFinding {
  const offset = (leastMs + mostMs) / 2
  const off = `about ${Math.round(Math.abs(offset) / 1000)}s ${offset > 0 ? 'behind' : 'ahead of'} the server's clock`
  if (leastMs > skewMs / 2 || mostMs < -skewMs / 2) {
    const text = `${off}, but --skew allows only ${skewMs / 1000}s between two hosts. Set the clock of this host (NTP).`
    return notOk('clock', 'usage', text)
  }
  return ok('clock', `${leastMs <= 0 && mostMs >= 0 ? "equal to the server's clock" : off}, within a second`)
}
