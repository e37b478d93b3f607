import { type LedgerError, usageError } from '../../core/errors.ts'
import { isKeyOf } from '../../core/objects.ts'
import type { Environment } from '../../core/types.ts'
import { variableOf } from './options.ts'

/** Options of `run` that earlier versions had, and what has their meaning now. */
const OLD_OF_RUN: Readonly<Record<string, string>> = {
  'require-event-time': 'Use --strict.',
  'on-mismatch': 'Use --strict to refuse, or leave it out to warn.',
  'on-schedule-change': 'Use --strict to refuse, or leave it out to warn.',
  'early-tolerance':
    'Leave it out: an event time up to 30 s before a slot belongs to it, or up to 1/20 of the window if that is less.',
  'finish-timeout':
    'Leave it out: a result that cannot be recorded is retried for 5 minutes, or for half of --lease if that is less.',
  event: 'Use --event-time: the JSON of the event, @FILE, or - for standard input.',
  'exit-on-running': 'Use --exit-on-duplicate, which is also for a slot that is running.',
  'metrics-namespace': 'Give the namespace to --metrics.',
}

/** Options of the commands that read, which earlier versions had. */
const OF_RECORD = 'Each task has the value that its runs state (cronledger run, or declare).'
const OLD_OF_READERS: Readonly<Record<string, string>> = {
  grace: OF_RECORD,
  'late-after': OF_RECORD,
  'done-by': OF_RECORD,
  skew: OF_RECORD,
}
const OLD_OF_HISTORY: Readonly<Record<string, string>> = {
  'no-missed': 'Use --status recorded.',
  duplicates: 'Use --status duplicates.',
  all: 'Use --limit 0.',
}

/** Returns the error for an option that the command does not have and earlier versions had, or null. */
export function oldOption(name: string, command: string): LedgerError | null {
  const table = { ...OLD_OF_RUN, ...OLD_OF_READERS, ...(command === 'history' && OLD_OF_HISTORY) }
  return isKeyOf(name, table) ? usageError(`--${name} was removed. ${table[name]}`) : null
}

/**
 * Throws a usage error for a variable that `run` read in earlier versions. Most of them limited a run or chose its slot, so a
 * run that ignores them could start what it must not.
 */
export function checkOldVariables(env: Environment): void {
  for (const [name, use] of Object.entries(OLD_OF_RUN)) {
    const variable = variableOf(name)
    if (env[variable]) throw usageError(`${variable} was removed. ${use.replace(/--[\w-]+/g, variableOfFlag)}`)
  }
}

function variableOfFlag(flag: string): string {
  return variableOf(flag.slice('--'.length))
}
