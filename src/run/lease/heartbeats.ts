import { firstLine } from '../../core/errors.ts'
import { within } from '../ask.ts'
import type { Settings } from '../settings.ts'
import type { RunIo } from '../write.ts'
import type { Lose, OwnedRow } from './owned-row.ts'

/**
 * A pause (a stopped process or a frozen container) can outlast the lease. The next renewal gets this long before the
 * lease counts as lost. It is the time of one request, and short because another run may already have started.
 */
const RENEWAL_AFTER_PAUSE_MS = 5_000

/** Returns the regular renewals of a lease. They call `lose` when the lease could not be renewed in time. */
export function sendHeartbeats(
  owned: OwnedRow,
  lost: AbortSignal,
  settings: Settings,
  io: RunIo,
  lose: Lose,
): { start(): void; pause(): Promise<void> } {
  const { clock, emit } = io
  let released = new AbortController()
  let beating = Promise.resolve()
  let failing = false

  const heartbeatAfter = (ms: number) => clock.monotonicMs() + settings.heartbeatMs - ms

  async function beat(): Promise<void> {
    // A lease can be old already, for example if the answer to the claim took long. It is then renewed at once.
    let nextMs = heartbeatAfter(owned.ageMs())
    for (;;) {
      await clock.wait(nextMs - clock.monotonicMs(), released.signal)
      if (released.signal.aborted) return
      nextMs = heartbeatAfter(0)
      const error = await renew()
      if (lost.aborted) return
      if (error === null) {
        nextMs = heartbeatAfter(owned.ageMs())
        if (failing) emit({ event: 'renewal-recovered' })
        failing = false
      } else if (!released.signal.aborted) {
        if (!failing) emit({ event: 'renewal-failed', detail: firstLine(error) })
        failing = true
        if (owned.stopInMs() <= 0) return lose('expired', Math.max(0, owned.killInMs()))
        // A renewal that fails at once must not delay the stop until the next heartbeat.
        nextMs = Math.min(nextMs, clock.monotonicMs() + owned.stopInMs())
      }
    }
  }

  /**
   * Renews the lease, and returns the error if it is not renewed. A bug in a renewal is not a reason to stop a healthy batch:
   * the lease runs out as in an outage.
   */
  async function renew(): Promise<unknown> {
    const leftMs = Math.min(settings.heartbeatMs, owned.stopInMs())
    const ms = leftMs > 0 ? leftMs : RENEWAL_AFTER_PAUSE_MS
    try {
      await within({ ms, signals: [released.signal], retry: 'any' }, io, owned.renew)
      return null
    } catch (error) {
      return error
    }
  }

  return {
    start() {
      released = new AbortController()
      beating = beat()
    },
    async pause() {
      // Without a reason, `abort` would create an error object.
      released.abort(null)
      await beating
    },
  }
}
