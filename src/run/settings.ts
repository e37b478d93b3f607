import { formatDuration } from '../core/duration.ts'
import { option, quote, said, usageError } from '../core/errors.ts'
import { defined, keysOf } from '../core/objects.ts'
import {
  allowedWithReason,
  checkTogether,
  isAllowed,
  numberText,
  type OptionSpec,
  type ValueOf,
} from '../core/option.ts'
import type { Guards, Policy } from '../core/row/policy.ts'
import { parseRules } from '../core/task/rules.ts'
import type { Expectations } from '../core/task/task-record.ts'
import { checkOwner } from '../core/user-text.ts'
import { SETTING_GROUPS, SETTINGS } from './settings-table.ts'

type Table = typeof SETTINGS

/** The settings that a caller may give. `Ms` means milliseconds. One that is left out has its default. */
export type RunSettings = { readonly [Name in keyof Table]?: ValueOf<Table[Name]> }

/** The settings with the defaults of the table. Null stands for a default that has a meaning of its own. */
type TableSettings = {
  readonly [Name in keyof Table]: ValueOf<Table[Name]> | (Table[Name] extends { default: null } ? null : never)
}

export type Settings = TableSettings & {
  readonly onLeaseLost: ValueOf<Table['onLeaseLost']>
  /** How long a run tries to record its result. It must be less than the lease, or another run could take the slot over. */
  readonly finishTimeoutMs: number
}

/** Longer would keep a container running for a ledger that is gone. */
const MAX_FINISH_TIMEOUT_MS = 300_000

/** In milliseconds. Hundreds of processes of a host that are due at once wait for each other longer than 30 s. */
const FILE_LEDGER_TIMEOUT_MS = 120_000

/** Returns how long a claim may take by default, in milliseconds. `isLocal`: the ledger is on this host. */
export function usualLedgerTimeoutMs(isLocal: boolean): number {
  return isLocal ? FILE_LEDGER_TIMEOUT_MS : SETTINGS.ledgerTimeoutMs.default
}

/** Fills in the defaults. Throws a usage error for a value that is not allowed. */
export function readSettings(settings: RunSettings): Settings {
  // The ranges of two runs at the same time would have the same work in them.
  const given = { ...settings, ...(settings.sinceLastSuccess && { overlap: settings.overlap ?? 'wait' }) }
  const filled = withDefaults(given)
  checkLease(filled)
  checkTexts(filled)
  checkTogether(SETTINGS, given)
  const isAlone = filled.maxAttempts === 1 && filled.overlap === 'allow'
  return {
    ...filled,
    finishTimeoutMs: Math.min(MAX_FINISH_TIMEOUT_MS, filled.leaseMs / 2),
    // If another run may start after this lease has run out, the work must not outlive the lease.
    onLeaseLost: filled.onLeaseLost ?? (isAlone ? 'continue' : 'stop'),
  }
}

export function expectationsOf(settings: Pick<Settings, keyof Expectations>): Expectations {
  const { after, afterTimeoutMs, overlap, skewMs } = settings
  // An expectation that the record does not have is an error of the compiler here.
  const stated: { readonly [Name in Expectation]: Expectations[Name] | null } = settings
  return {
    ...defined(Object.fromEntries(EXPECTED.map((name) => [name, stated[name]]))),
    ...(after !== null && afterTimeoutMs !== SETTINGS.afterTimeoutMs.default && { afterTimeoutMs }),
    ...(overlap !== 'allow' && { overlap }),
    ...(skewMs !== SETTINGS.skewMs.default && { skewMs }),
    ...(settings.sinceLastSuccess && { sinceLastSuccess: true }),
  }
}

/** A setting that `declare` records before a run states it. */
export type Expectation = keyof typeof SETTING_GROUPS.expectations

const EXPECTED = keysOf(SETTING_GROUPS.expectations)

/** Reads the expectations without the other settings of a run. Null counts as left out. Throws as `readSettings` does. */
export function readExpectations(
  given: { readonly [Name in Expectation]?: RunSettings[Name] | null | undefined },
): Expectations {
  const stated = EXPECTED.map((name) => [name, given[name]])
  const filled = withDefaults(defined(Object.fromEntries(stated)))
  checkTexts(filled)
  return expectationsOf(filled)
}

/** For a force without `overlap`. Throws a usage error if the given settings let the work go on without its lease. */
export function withOverlapLock(settings: Settings, given: RunSettings): Settings {
  if (given.onLeaseLost === 'continue') {
    throw usageError(
      said`${option('onLeaseLost')} continue cannot be used here, because the runs of this task have an overlap setting, and another slot may start when the lease has run out. Leave ${option('onLeaseLost')} out, or set ${option('overlap')} to allow.`,
    )
  }
  return { ...settings, overlap: 'skip', onLeaseLost: 'stop' }
}

function checkTexts({ owner, expect }: Pick<TableSettings, 'owner' | 'expect'>): void {
  if (owner !== null) checkOwner(owner)
  if (expect !== null) parseRules(expect)
}

function checkLease({ leaseMs, heartbeatMs, skewMs, killAfterMs }: TableSettings): void {
  const least = 3 * heartbeatMs + skewMs + killAfterMs
  if (leaseMs >= least) return
  throw usageError(
    said`${option('leaseMs')} ${formatDuration(leaseMs)} is too short: the run must be able to miss some heartbeats, and then stop its batch in time. Use at least ${formatDuration(least)}, which is 3 times ${option('heartbeatMs')} (${formatDuration(heartbeatMs)}) + ${option('skewMs')} (${formatDuration(skewMs)}) + ${option('killAfterMs')} (${formatDuration(killAfterMs)}), or make one of these shorter.`,
  )
}

function withDefaults(settings: RunSettings): TableSettings {
  const given: Readonly<Record<string, unknown>> = settings
  const specs = Object.entries<OptionSpec>(SETTINGS)
  return Object.fromEntries(specs.map(([name, spec]) => [name, readSetting(name, spec, given[name])])) as TableSettings
}

function readSetting(name: string, spec: OptionSpec, value: unknown): unknown {
  if (value === undefined) return spec.kind === 'switch' ? false : (spec.default ?? null)
  // The order says nothing, so that the record does not change with it.
  if (isAllowed(value, spec)) return Array.isArray(value) ? [...new Set(value)].sort() : value
  if (spec.kind === 'text') throw usageError(said`${option(name)} is not a text. Use a text.`)
  const text = typeof value === 'number' ? numberText(spec.kind, value) : quote(String(value))
  throw usageError(said`${option(name)} ${text} is not allowed. Use ${allowedWithReason(spec)}.`)
}

/** Returns the settings that keep runs apart, where they are not the defaults. A rerun must repeat them. */
export function guardsOf(settings: Settings & Pick<Policy, 'forceStatus'>): Guards {
  const { overlap, onLeaseLost, skewMs, forceStatus } = settings
  return {
    ...(overlap !== 'allow' && { overlap }),
    ...(overlap === 'allow' && onLeaseLost === 'stop' && { onLeaseLost }),
    ...(skewMs !== SETTINGS.skewMs.default && { skewMs }),
    ...(forceStatus?.includes('completed') && { only: forceStatus }),
  }
}
