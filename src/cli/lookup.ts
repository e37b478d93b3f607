import type { HistoryOptions, Ledger, ReadOptions } from '../api.ts'
import { type KnownTask, UnknownTaskError, unknownTask } from '../audit/tasks.ts'
import { parseDuration } from '../core/duration.ts'
import { quote, usageError } from '../core/errors.ts'
import { nearest } from '../core/near.ts'
import type { OrUndefined } from '../core/objects.ts'
import { readableRow } from '../core/row/status.ts'
import {
  needsZone,
  parseTimeRange,
  type RangeText,
  type TimeRange,
  withTimesOfDay,
} from '../core/schedule/time-range.ts'
import { openZone } from '../core/schedule/zone.ts'
import { isOwnedBy, isTaskOf } from '../core/task/pattern.ts'
import { inForceAt } from '../core/task/task-record.ts'
import type { Environment, Instant, StoredRow } from '../core/types.ts'
import { checkUpstream } from '../core/user-text.ts'
import { isGiven } from './options/arguments.ts'

export type TaskReading = ReadOptions & { readonly task: string }

export async function findNewestRow(ledger: Ledger, options: HistoryOptions): Promise<StoredRow | null> {
  for await (const row of ledger.history({ ...options, limit: 1 })) return row
  return null
}

export async function recordOf(ledger: Ledger, options: TaskReading): Promise<KnownTask | null> {
  for await (const known of ledger.tasks(options)) return known
  return null
}

export async function newestRowOf(ledger: Ledger, reading: TaskReading): Promise<StoredRow> {
  const row = await findNewestRow(ledger, reading)
  if (row === null) throw await unknownTaskOf(ledger, reading)
  return row
}

export function unknownTaskOf(ledger: Ledger, { task, ...reading }: TaskReading): Promise<Error> {
  return unknownTask(task, ledger.tasks(reading))
}

/** Returns what a user can do about an error, to be put after its message. Returns an empty text if nothing is known. */
export function hintAbout(error: Error): string {
  if (!(error instanceof UnknownTaskError) || error.names.length === 0) return ''
  const near = nearest(error.task, error.names)
  return near === null
    ? ' No run of it is recorded, so its slots are free. To list the tasks of this ledger, run: cronledger tasks'
    : ` Did you mean ${near}?`
}

interface RangeOptions extends RangeText {
  readonly task: string | undefined
  readonly timezone: string | undefined
  readonly ledgerTimeoutMs: number | undefined
}

/** Local times are in the zone of `--timezone`, else of the task, or of this terminal. Throws as `parseTimeRange` does. */
export async function readRange(options: RangeOptions, ledger: Ledger, now: Instant): Promise<TimeRange> {
  const { task, timezone, since, until, ledgerTimeoutMs } = options
  if (timezone !== undefined && since === undefined && until === undefined) {
    throw usageError(
      '--timezone is the time zone of --since and --until, and neither is given. Give one, or leave it out.',
    )
  }
  const zone = !needsZone(options)
    ? 'UTC'
    : (timezone ?? (task === undefined ? zoneOfTerminal() : await zoneOfTask({ task, ledgerTimeoutMs }, ledger, now)))
  openZone(zone)
  return parseTimeRange(withTimesOfDay(options, zone, now), zone, now, ['--since', '--until'])
}

export function zoneOfTerminal(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** Reads a range that ends now, and begins `usualSpan` (`7d`) ago, if the options do not say otherwise. */
export async function readBoundedRange(options: RangeOptions, ledger: Ledger, now: Instant, usualSpan: string) {
  // The slot of this very millisecond is due. We must not leave it out.
  const { since = now - parseDuration(usualSpan), until = now + 1 } = await readRange(options, ledger, now)
  if (since < until) return { since, until }
  if (options.since === undefined) {
    throw usageError(
      `--until ${quote(options.until ?? 'now')} is more than ${usualSpan} ago, where the range begins. Give --since, too.`,
    )
  }
  throw usageError(
    `--since ${quote(options.since)} is not earlier than --until ${quote(options.until ?? 'now')}. Use an earlier start.`,
  )
}

async function zoneOfTask(reading: TaskReading, ledger: Ledger, now: Instant): Promise<string> {
  const schedules = (await recordOf(ledger, reading))?.schedules ?? []
  const spec = inForceAt(schedules, now)?.spec ?? readableRow(await findNewestRow(ledger, reading))?.schedule
  return spec?.zone ?? 'UTC'
}

/** Reads `--task`, which may be a prefix (`pay/*`), and `--owner`. Without a `task`, all those of `only` are wanted. */
export function wantedTasks({ task, owner }: OrUndefined<{ task: string; owner: string }>) {
  if (task !== undefined) checkUpstream(task)
  if (owner === undefined && !task?.endsWith('*')) return { task, only: undefined }
  const only = (known: KnownTask) =>
    isTaskOf(task ?? '*', known.task) && isOwnedBy(owner ?? '', known.expectations?.owner)
  return { task: undefined, only }
}

/** Returns the environment without the task of a container, if the command line is for all tasks, or those of an owner. */
export function envForAll(argv: readonly string[], env: Environment): Environment {
  return isGiven('all', argv) || isGiven('owner', argv) ? { ...env, CRONLEDGER_TASK: undefined } : env
}

export function taskOrAll({ task, all }: OrUndefined<{ task: string; all: boolean }>): string | null {
  if (all && task !== undefined) throw usageError(`--all and task ${task} are both given. Use one of them.`)
  if (!all && task === undefined) {
    throw usageError('--task is missing. Give --task NAME, or set CRONLEDGER_TASK. For all tasks, give --all.')
  }
  return task ?? null
}
