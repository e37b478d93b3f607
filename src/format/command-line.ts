import { formatInstant } from '../core/instant.ts'
import type { ScheduleSpec } from '../core/types.ts'
import { shellWord } from './text.ts'

/** Options by name, without their dashes; one that is undefined is left out. */
export type CommandOptions = Readonly<Record<string, string | undefined>>

/** A command for a person to copy: a POSIX shell hands each value on as one word. */
export function commandLine(name: string, options: CommandOptions): string {
  const words = Object.entries(options).flatMap(([option, value]) =>
    value === undefined ? [] : [`--${option}`, shellWord(value)],
  )
  return ['cronledger', name, ...words].join(' ')
}

/** The schedule itself, since the registry may not know it. */
export function scheduleOptions({ expression, zone, anchor }: ScheduleSpec): CommandOptions {
  return {
    schedule: expression,
    timezone: zone,
    anchor: anchor === undefined ? undefined : formatInstant(anchor),
  }
}
