import { formatDuration } from '../core/duration.ts'
import { formatInstant } from '../core/instant.ts'
import type { AttemptRecord, ScheduleSpec } from '../core/types.ts'
import { COMMAND_PLACEHOLDER, REASON_PLACEHOLDER } from '../core/user-text.ts'

/** The places in a command that the operator fills in, each with the text that stands there until then. */
export const BLANKS = {
  reason: REASON_PLACEHOLDER,
  // The shell fills it in. Without such a variable, the ARN of the task is recorded.
  name: '$USER',
  // The function of a script gets it.
  slot: '$1',
  command: COMMAND_PLACEHOLDER,
  // AWS refuses a command that still has one of these.
  taskDefinition: 'YOUR_TASK_DEFINITION',
  container: 'YOUR_CONTAINER',
  subnets: 'YOUR_SUBNETS',
  securityGroups: 'YOUR_SECURITY_GROUPS',
  publicIp: 'ENABLED_OR_DISABLED',
} as const

/**
 * A place that the operator fills in. With `inQuotes`, it is shown in double quotes of its own, so that a reason with an
 * apostrophe does not end the word.
 */
export interface Blank {
  readonly blank: keyof typeof BLANKS
  readonly inQuotes?: true
}

/** A part that is not escaped, because the shell must read it. */
interface ShellPart {
  readonly shell: string
}

/** One word of a command: a text, or parts that follow each other. It is not yet escaped for a shell. */
export type Word = string | readonly (string | Blank | ShellPart)[]

/** A command as the words that its program gets. */
export type CommandWords = readonly Word[]

export const REASON_WORD: Word = [{ blank: 'reason' }]
/** The command of the batch, which may have any number of words. */
export const BATCH_WORD: Word = [{ blank: 'command' }]
/** Joins two commands. */
export const PIPE: Word = [{ shell: '|' }]

/** The variables that a run gets beside those that its place has. */
export type Variables = Readonly<Record<string, string | Blank>>

/** The commands for a batch that an operator starts where it usually runs, and not on the own host. */
export interface PlaceCommands<P> {
  /** Starts a run of the batch with these variables added to its own. */
  readonly start: (place: P, variables: Variables) => CommandWords
  /** Prints the log of a container since this time. Null: it is not known where the log is. */
  readonly log: (place: P, since: string) => CommandWords | null
  /** Prints whether the container of an attempt still runs. Null: it is not known which one that is. */
  readonly state: (place: P, attempt: Pick<AttemptRecord, 'ecsTask'>) => CommandWords | null
  /** As `start`, in a script that waits for the end. It calls a function of `script`. */
  readonly runInScript: (place: P, slot: Word, variables: Variables) => CommandWords
  /** A shell function. It calls `ended` with the slot, the exit code and what ran. */
  readonly script: string
}

/** Options by name, without the leading dashes. An option that is undefined is left out. */
export type CommandFlags = Readonly<Record<string, Word | undefined>>

export function cronledger(name: string, options: CommandFlags, ...more: CommandWords): CommandWords {
  return [...program(['cronledger', name], options), ...more]
}

/** Returns a command of any program. `words` has its name and the arguments before the options. */
export function program(words: CommandWords, options: CommandFlags): CommandWords {
  const flags = Object.entries(options).flatMap(([option, value]) =>
    value === undefined ? [] : [`--${option}`, value],
  )
  return [...words, ...flags]
}

/** Returns the options that give the schedule itself, because the ledger may have no task record. */
export function scheduleFlags({ expression, zone, anchor }: ScheduleSpec) {
  return { schedule: expression, timezone: zone, anchor: anchor === undefined ? undefined : formatInstant(anchor) }
}

export function durationFlag(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : formatDuration(ms)
}

export function firstRun(store: string, task: string): CommandWords {
  return cronledger('run', { store, task, schedule: '0 3 * * *' }, '--', BATCH_WORD)
}
