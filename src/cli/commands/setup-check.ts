import type { ErrorKind } from '../../core/errors.ts'
import type { Environment } from '../../core/types.ts'
import { printable } from '../../format/text.ts'
import { systemClock } from '../../process/clock.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import type { Role, SetupFinding } from '../../store/finding.ts'
import { inspectStore } from '../../store/setup.ts'
import { EXIT } from '../exit.ts'
import { print } from '../output.ts'
import { type BatchOptions, inspectRun } from './setup-check-run.ts'

interface SetupCheckOptions extends BatchOptions {
  readonly store: string
  readonly role: Role | undefined
  readonly skewMs: number | undefined
  readonly ledgerTimeoutMs: number | undefined
}

/** The errors that stop every run come first. A wrong clock or event time (`usage`) stops only some runs. */
const GRAVEST_FIRST: readonly ErrorKind[] = ['denied', 'shape', 'unreachable', 'usage']

/** The width of the column of names. All names but one fit in it. */
const NAME_COLUMNS = 21

/** Checks everything that a run needs and prints a line for each. Returns the exit code of the gravest finding. */
export async function checkSetup(options: SetupCheckOptions, env: Environment): Promise<number> {
  const signal = AbortSignal.timeout(options.ledgerTimeoutMs ?? SETTINGS.ledgerTimeoutMs.default)
  const { role = 'operator', skewMs = SETTINGS.skewMs.default } = options
  const settings = { env, role, skewMs, now: () => systemClock.now() }
  const found = new Set<ErrorKind | null>()
  const emit = async ({ what, wrong, text }: SetupFinding) => {
    found.add(wrong)
    await print(printable(`${wrong === null ? 'ok   ' : 'wrong'}  ${what.padEnd(NAME_COLUMNS)}  ${text}`))
  }
  for await (const finding of inspectRun(options, env, signal)) await emit(finding)
  for await (const finding of inspectStore(options.store, settings, { signal })) await emit(finding)
  const gravest = GRAVEST_FIRST.find((kind) => found.has(kind))
  return gravest === undefined ? EXIT.ok : EXIT[gravest]
}
