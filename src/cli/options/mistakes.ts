import { basename } from 'node:path'
import { type LedgerError, quote, usageError, withoutSecret } from '../../core/errors.ts'
import { didYouMean, nearest } from '../../core/near.ts'
import { type OptionSpec, optionName } from '../../core/option.ts'
import { isTaskName } from '../../core/user-text.ts'
import type { CommandHelp } from './options.ts'

export interface Line {
  readonly command: CommandHelp
  readonly flags: ReadonlyMap<string, OptionSpec>
  readonly hasBatch: boolean
}

/** How other tools or other commands name the options that decide in which slot a run starts. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  timezone: 'tz zone time-zone schedule-expression-timezone',
  schedule: 'schedule-expression cron',
  task: 'name task-name',
  'event-time': 'time event scheduled-time',
  'force-slot': 'slot force',
  'force-only': 'only',
  only: 'force-only',
}

/** Returns the option that a name of another tool or command means, or null. `has`: whether a command has an option. */
export function otherName(name: string, has: (option: string) => boolean): string | null {
  const found = Object.entries(OTHER_NAMES).find(([option, names]) => has(option) && names.split(' ').includes(name))
  return found?.[0] ?? null
}

/** The hyphens of an option, or the long dash that a word processor makes of them. */
export const DASHES = /^[-\u2010-\u2015\u2212]+/

/** A word that an error may repeat as it is, without quotes. */
const PLAIN = /^[\w./][\w./-]{0,99}$/

/** Returns the error for an unknown option. It does not show the value, which may be a secret of the batch. */
export function unknownOption(word: string, { command, flags }: Line): LedgerError {
  const [shown = ''] = withoutSecret(word).split('=', 1)
  const what = `unknown option ${shown.length > 100 ? `${shown.slice(0, 100)}…` : shown}.`
  const name = shown.replace(DASHES, '').replaceAll('_', '-').toLowerCase()
  if (name === 'dry-run' && !flags.has(name)) {
    return usageError(`${what} To try a schedule: cronledger explain. To try the setup: cronledger setup --check`)
  }
  // A long dash alone stands for the hyphens before the batch.
  const near =
    name === '' || flags.has(name)
      ? name
      : (otherName(name, (option) => flags.has(option)) ?? nearest(name, [...flags.keys()]))
  return usageError(`${what}${near === null ? ` See cronledger ${command.name} --help.` : didYouMean([`--${near}`])}`)
}

/** An argument that is neither an option nor the value of one. */
export interface Stray {
  readonly word: string
  /** The option and its value, if both come right before the argument. */
  readonly before: { readonly flag: string; readonly value: string } | null
}

/**
 * Returns the error for an argument that no option takes. `strays` has all such arguments, in their order.
 *
 * Without quotes, the shell splits a value with spaces, and it replaces `*` with the names of files.
 */
export function unexpectedArgument(line: Line, strays: readonly [Stray, ...Stray[]]): LedgerError {
  const { command, flags, hasBatch } = line
  const [first, ...others] = strays
  const { word } = first
  const what = `unexpected argument ${quote(word)}`
  if (isSplit(first, line)) return splitValue(command, strays)
  if (command.runsBatch && !hasBatch) {
    const example = PLAIN.test(word) ? `${word}${others.length > 0 ? ' …' : ''}` : './batch.sh'
    return usageError(
      `${what}. Put the batch command after --, for example: cronledger ${command.name} … -- ${example}`,
    )
  }
  const mayBeTask = flags.has('task') && (!command.takesTask || command.runsBatch) && isTaskName(word)
  const asTask = mayBeTask ? ` If it is the task, use --task ${word}.` : ''
  const takes = command.takesTask ? 'one task name and options' : `options only${hasBatch ? ' before --' : ''}`
  return usageError(`${what}.${asTask} ${command.name} takes ${takes}. See cronledger ${command.name} --help.`)
}

/** Returns whether the argument is probably a part of the value before it, which a shell has split. */
export function isSplit({ before }: Stray, { flags }: Line): boolean {
  const spec = before === null ? undefined : flags.get(before.flag)
  if (before === null || spec === undefined || !('spaces' in spec) || /\s/.test(before.value)) return false
  // A macro and the forms of AWS are complete without a space.
  return before.flag !== optionName('schedule') || !/^@|\)$/.test(before.value)
}

function splitValue(command: CommandHelp, strays: readonly [Stray, ...Stray[]]): LedgerError {
  const { flag, value } = strays[0].before ?? { flag: '', value: '' }
  const words = [value, ...strays.map(({ word }) => word)]
  const isSchedule = flag === optionName('schedule')
  const begin = PLAIN.test(value) ? `${value} …` : '…'
  const example = isSchedule ? '0 3 * * *' : words.every((word) => PLAIN.test(word)) ? words.join(' ') : begin
  const why = isSchedule
    ? 'the shell splits the schedule at its spaces and replaces * with file names'
    : `the shell splits the text at its spaces${command.takesTask ? '; a task name comes before the options' : ''}`
  return usageError(
    `unexpected argument ${quote(strays[0].word)} after --${flag} ${PLAIN.test(value) ? value : quote(value)}. Put the value in quotes${isSchedule ? ', for example' : ''}: --${flag} '${example}' (${why})`,
  )
}

/** Operators that are hardly ever an argument, and words that often are: `cut -d '|'`, `find … -exec … ';'`. */
const OPERATOR = /^(?:&&|\|\||&>|\d?>&\d)$/
const MAYBE_OPERATOR = /^[|<>;&]$/

/**
 * Returns a warning about a word of the batch command that was meant for a shell: in `true && ./b.sh`, the list form of an image's
 * command, only `true` would run. Throws a usage error with `strict` if it is certain. ssh gives its words to a shell.
 */
export function shellWordWarning([file, ...args]: readonly string[], strict: boolean): string | null {
  if (file === undefined || basename(file) === 'ssh') return null
  const certain = args.find((word) => OPERATOR.test(word))
  const word = certain ?? args.find((one, at) => MAYBE_OPERATOR.test(one) && !/^-/.test(args[at - 1] ?? ''))
  const isOfFind = args.some((one) => /^-(?:exec|ok)(?:dir)?$/.test(one))
  if (word === undefined || (certain === undefined && isOfFind)) return null
  const text = `the batch command ${quote(file)} gets ${quote(word)} as an argument, because no shell reads it. If it is an operator, give the whole line to a shell: -- sh -c '… ${word} …'`
  if (certain !== undefined && strict) throw usageError(`${text}. It is refused, because --strict is set.`)
  return text
}
