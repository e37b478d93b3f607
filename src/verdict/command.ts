import { formatDuration } from '../core/duration.ts'
import { formatInstant } from '../core/instant.ts'
import { COMMAND_PLACEHOLDER, REASON_PLACEHOLDER } from '../core/placeholder.ts'
import type { ScheduleSpec } from '../core/types.ts'

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
 * A place that the operator fills in. With `inJson`, it is a part of a text in JSON, which is in single quotes. It is shown in
 * double quotes of its own there, so that a reason with an apostrophe does not end the word.
 */
export interface Blank {
  readonly blank: keyof typeof BLANKS
  readonly inJson?: true
}

/** One word of a command: a text, or texts and blanks that follow each other. It is not yet escaped for a shell. */
export type Word = string | readonly (string | Blank)[]

/** A command as the words that its program gets. */
export type CommandWords = readonly Word[]

export const REASON_WORD: Word = [{ blank: 'reason' }]
/** The command of the batch, which may have any number of words. */
export const BATCH_WORD: Word = [{ blank: 'command' }]

export function filledIn(
  command: CommandWords,
  texts: Readonly<Partial<Record<Blank['blank'], string>>>,
): CommandWords {
  const textOf = ({ blank, inJson }: Blank) => {
    const text = texts[blank]
    return text !== undefined && inJson ? JSON.stringify(text).slice(1, -1) : text
  }
  return command.map((word) =>
    typeof word === 'string' ? word : word.map((part) => (typeof part === 'string' ? part : (textOf(part) ?? part))),
  )
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
