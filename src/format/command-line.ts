import { formatInstant } from '../core/instant.ts'
import { COMMAND_PLACEHOLDER } from '../core/placeholder.ts'
import type { ScheduleSpec } from '../core/types.ts'
import { shellWord } from './text.ts'

/** Options by name, without the leading dashes. An option that is undefined is left out. */
export type CommandFlags = Readonly<Record<string, string | undefined>>

/** Returns a command of cronledger to copy. Each shell passes each value on as one word. */
export function commandLine(name: string, options: CommandFlags): string {
  return programLine(['cronledger', name], options)
}

/** Does the same for any program. `words` has its name and the arguments before the options. */
export function programLine(words: readonly string[], options: CommandFlags): string {
  const flags = Object.entries(options).flatMap(([option, value]) =>
    value === undefined ? [] : [`--${option}`, shellWord(value)],
  )
  return [...words.map(shellWord), ...flags].join(' ')
}

/** Returns the options that give the schedule itself, because the ledger may have no task record. */
export function scheduleFlags({ expression, zone, anchor }: ScheduleSpec): CommandFlags {
  return {
    schedule: expression,
    timezone: zone,
    anchor: anchor === undefined ? undefined : formatInstant(anchor),
  }
}

/** Returns what to do with a ledger in which no task has run yet. */
export function firstRunText(store: string): string {
  return `No tasks yet. Run your first one: ${firstRunCommand(store, 'NAME')}`
}

/** Returns a command that runs the first batch. It is refused until the batch was filled in. */
export function firstRunCommand(store: string, task: string): string {
  return `${commandLine('run', { store, task, schedule: '0 3 * * *' })} -- ${COMMAND_PLACEHOLDER}`
}
