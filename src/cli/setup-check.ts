import type { ErrorKind } from '../core/errors.ts'
import { formatInstant } from '../core/instant.ts'
import { printable } from '../report/text.ts'
import { systemClock } from '../run/clock.ts'
import { LIMITS } from '../run/terms.ts'
import { readEventTime } from '../run/trigger.ts'
import { type Finding, ok, type Role, wrong } from '../store/finding.ts'
import { inspectStore } from '../store/inspect.ts'
import type { Environment } from './arguments.ts'
import { readEvent } from './event.ts'
import { EXIT, EXIT_OF_ERROR } from './exit.ts'
import { variableOf } from './options.ts'
import { print } from './streams.ts'

interface CheckOptions {
  readonly store: string
  readonly role: string | undefined
  readonly skew: number | undefined
  readonly 'ledger-timeout': number | undefined
}

/** What stops every run comes first; a clock or an event time that is wrong stops some. */
const GRAVEST_FIRST: readonly ErrorKind[] = ['denied', 'shape', 'unreachable', 'usage']

/** As wide as the names of all but one action. */
const NAME_COLUMNS = 21

/** Looks at all that a run needs, a line each; gives the exit code of the gravest finding. */
export async function checkSetup(options: CheckOptions, env: Environment): Promise<number> {
  const signal = AbortSignal.timeout(options['ledger-timeout'] ?? LIMITS.ledgerTimeoutMs.default)
  const { role = 'operator', skew: skewMs = LIMITS.skewMs.default } = options
  const terms = { env, role: role as Role, skewMs, now: () => systemClock.now() }
  const found = new Set<ErrorKind | null>()
  const tell = async ({ what, wrong, text }: Finding) => {
    found.add(wrong)
    await print(printable(`${wrong === null ? 'ok   ' : 'wrong'}  ${what.padEnd(NAME_COLUMNS)}  ${text}`))
  }
  await tell(await inspectEventTime(env, signal))
  for await (const finding of inspectStore(options.store, terms, { signal })) await tell(finding)
  const gravest = GRAVEST_FIRST.find((kind) => found.has(kind))
  return gravest === undefined ? EXIT.ok : EXIT_OF_ERROR[gravest]
}

/** Where a run in this environment would have its event time from. */
async function inspectEventTime(env: Environment, signal: AbortSignal): Promise<Finding> {
  const [eventTime, event, required] = ['event-time', 'event', 'require-event-time'].map(
    (option) => env[variableOf(option)] || undefined,
  )
  try {
    if (eventTime === undefined && event === undefined) {
      const without = required === undefined ? "a run's own start stands in for it" : 'a run may refuse to start'
      return ok('event time', `not set here: ${without}. To have it set: cronledger setup --print eventbridge`)
    }
    // Standard input can be read once, and that is the run's.
    if (eventTime === undefined && event === '-') return ok('event time', 'from standard input (CRONLEDGER_EVENT)')
    const input = eventTime === undefined ? { event: await readEvent(event ?? '', signal) } : { eventTime }
    const variable = variableOf(eventTime === undefined ? 'event' : 'event-time')
    return ok('event time', `${formatInstant(readEventTime(input, 0).eventTime)}, from ${variable}`)
  } catch (error) {
    return wrong('event time', error)
  }
}
