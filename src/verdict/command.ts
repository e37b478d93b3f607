import { formatDuration } from '../core/duration.ts'
import { formatInstant } from '../core/instant.ts'
import type { AttemptRecord, ScheduleSpec } from '../core/types.ts'
import { COMMAND_PLACEHOLDER, REASON_PLACEHOLDER } from '../core/user-text.ts'

/** The places in a command that the operator fills in, each with the text that stands there until then. */
export const BLANKS = {
  reason: REASON_PLACEHOLDER,
  // The shell fills it in. Without such a variable, the ARN of the task is recorded.
  name: '$USER',
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

export type CommandWords = readonly Word[]

export const REASON_WORD: Word = [{ blank: 'reason' }]
export const BATCH_WORD: Word = [{ blank: 'command' }]
export const PIPE: Word = [{ shell: '|' }]

/** The variables that a run gets beside those that its place has. */
export type Variables = Readonly<Record<string, string | Blank>>

/** The commands for a batch that an operator starts where it usually runs, and not on the own host. */
export interface PlaceCommands<P> {
  /** Starts a run of the batch with these variables added to its own, as a person pastes it. */
  readonly start: (place: P, variables: Variables) => CommandWords
  /** Prints the log of a container since this time. Null: it is not known where the log is. */
  readonly log: (place: P, since: string) => CommandWords | null
  /** Prints whether the container of an attempt still runs. Null: it is not known which one that is. */
  readonly state: (place: P, attempt: Pick<AttemptRecord, 'ecsTask'>) => CommandWords | null
  /** The program of the user that starts it, with the sign-in of the user. */
  readonly tool: string
  /** Returns what a repair shows of the place, so that the operator sees where something will start. */
  readonly name: (place: P) => string
  /** Returns why nothing can be started there. Null: it can be tried. */
  readonly problem: (place: P, variables: TextVariables) => string | null
  /** Starts a run. A second call with the same token, 64 hexadecimal digits, starts no second one. */
  readonly begin: (ask: Ask, place: P, variables: TextVariables, token: string) => Promise<Begun>
  /** Asks how the run goes on that `begin` has started under this name. */
  readonly look: (ask: Ask, place: P, name: string) => Promise<Look>
  /** Returns whether an attempt is of that run. */
  readonly isOwn: (attempt: AttemptRecord, name: string) => boolean
}

export type TextVariables = Readonly<Record<string, string>>

/** Runs a program with these words, and never a shell. Null as the code: it was killed, because it did not end in time. */
export type Ask = (
  words: readonly string[],
  input?: string,
) => Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>

/** `again`: nothing runs for now. With `isNew`, nothing was started, so that the next try has a token of its own. */
export type Begun =
  | { readonly kind: 'started'; readonly name: string }
  | { readonly kind: 'again'; readonly why: string; readonly isNew: boolean }
  | { readonly kind: 'refused'; readonly why: string }

/** `gone`: the place does not know the run any more. `unanswered`: it could not be asked. */
export type Look =
  | { readonly kind: 'pending'; readonly why: string }
  | { readonly kind: 'running' }
  | { readonly kind: 'ended'; readonly exitCode: number | null; readonly why: string }
  | { readonly kind: 'gone' }
  | { readonly kind: 'unanswered'; readonly why: string }

export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() || 'it said nothing'
}

/** Returns that a program started nothing, and whether it can be tried again: `passing` is what it says then. */
export function refusal({ code, stderr }: Awaited<ReturnType<Ask>>, passing: RegExp): Begun {
  const why = lastLine(stderr)
  return code === null || passing.test(stderr) ? { kind: 'again', why, isNew: false } : { kind: 'refused', why }
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
