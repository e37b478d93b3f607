import { type LedgerError, quote, usageError } from '../../core/errors.ts'
import { didYouMean, nearest } from '../../core/near.ts'
import { isKeyOf } from '../../core/objects.ts'
import { type OptionSpec, optionName } from '../../core/option.ts'
import { isTaskName } from '../../core/user-text.ts'
import type { CommandHelp } from '../command.ts'

// Errors about arguments that cannot be read. Each names the mistake that a user has probably made.

/** The parts of a command line that its errors depend on. */
export interface Line {
  readonly command: CommandHelp
  /** The options of the command by the names of their flags. */
  readonly flags: ReadonlyMap<string, OptionSpec>
  /** There is a batch command after `--`. */
  readonly hasBatch: boolean
}

/** A longer text is not a misspelt option. The limit keeps an error on one line that can be read. */
const MAX_OPTION_LENGTH = 100

/** Other names of the options that choose the slot or limit a force, as flags and as variables. */
export const OTHER_NAMES: Readonly<Record<string, string>> = {
  tz: 'timezone',
  zone: 'timezone',
  'time-zone': 'timezone',
  'schedule-timezone': 'timezone',
  'schedule-expression': 'schedule',
  'schedule-expression-timezone': 'timezone',
  cron: 'schedule',
  'cron-expression': 'schedule',
  'task-name': 'task',
  'scheduled-time': 'event-time',
  slot: 'force-slot',
  only: 'force-only',
  'force-only': 'only',
  'start-date': 'anchor',
}

/** How other tools name a flag. A command has one of the options here, or none. Some have a value. */
const OTHER_FLAGS: Readonly<Record<string, readonly string[]>> = {
  name: ['task'],
  job: ['task'],
  table: ['store'],
  ledger: ['store'],
  from: ['since'],
  to: ['until'],
  since: ['from'],
  until: ['to'],
  for: ['until'],
  date: ['slot', 'force-slot', 'since', 'at'],
  time: ['event-time', 'slot', 'at'],
  slot: ['force-slot', 'at'],
  'event-time': ['slot'],
  force: ['force-slot', 'slot'],
  f: ['force-slot', 'slot'],
  failed: ['only failed', 'status failed'],
  missed: ['only missed', 'status missed'],
  status: ['state', 'only'],
  state: ['status', 'only'],
  retries: ['max-attempts'],
  attempts: ['max-attempts'],
  ttl: ['retention', 'lease'],
  output: ['out', 'format'],
  o: ['out', 'format'],
  n: ['limit', 'dry-run'],
  json: ['log'],
  verbose: ['log'],
}

/** Options of the command line of AWS, and the variables that have their meaning here. */
const AWS_VARIABLES: Readonly<Record<string, string>> = {
  region: 'AWS_REGION',
  profile: 'AWS_PROFILE',
  'endpoint-url': 'AWS_ENDPOINT_URL_DYNAMODB',
}

/** The options that say when a task is due, for the commands that record that. */
const OF_SCHEDULE: ReadonlySet<string> = new Set(['schedule', 'timezone', 'anchor'])

/** The hyphens of an option, or the long dash that a word processor makes of them. */
export const DASHES = /^[-\u2010-\u2015\u2212]+/

/** A word that an error may repeat as it is, without quotes. */
const PLAIN = /^[\w./][\w./-]{0,99}$/

/** Returns the error for an unknown option. It does not show the value, which may be a secret of the batch. */
export function unknownOption(word: string, { command, flags }: Line): LedgerError {
  const [shown = ''] = word.split('=', 1)
  const text = shown.length > MAX_OPTION_LENGTH ? `${shown.slice(0, MAX_OPTION_LENGTH)}…` : shown
  const name = shown.replace(DASHES, '').replaceAll('_', '-').toLowerCase()
  if (!word.startsWith('-') && flags.has(name)) {
    return usageError(`unknown option ${text}. It begins with a long dash. Type two hyphens: --${name}`)
  }
  const others = isKeyOf(name, OTHER_FLAGS)
    ? (OTHER_FLAGS[name] ?? [])
    : isKeyOf(name, OTHER_NAMES)
      ? [OTHER_NAMES[name] ?? '']
      : []
  if (flags.has('store') && !flags.has('schedule') && [name, ...others].some((one) => OF_SCHEDULE.has(one))) {
    return usageError(
      `${command.name} has no option ${text}, because it uses the recorded schedule of the task. To record a schedule before the first run, or before a change: cronledger declare`,
    )
  }
  if (word === '-v') return usageError('unknown option -v. Did you mean cronledger --version?')
  if (isKeyOf(name, AWS_VARIABLES))
    return usageError(`unknown option ${text}. Set the variable ${AWS_VARIABLES[name]} instead.`)
  const names = [...flags.keys()]
  const other = others.find((candidate) => flags.has(candidate.replace(/ .*/, '')))
  const near = flags.has(name) ? name : (other ?? nearest(name, names))
  const meant = near === null ? [] : [`--${near}`]
  return usageError(`unknown option ${text}.${didYouMean(meant) || ` See cronledger ${command.name} --help.`}`)
}

interface Given {
  readonly flag: string
  readonly value: string
}

/** An argument that is neither an option nor the value of one. */
export interface Stray {
  readonly word: string
  /** The option and its value, if both come right before the argument. */
  readonly before: Given | null
}

/** A field of a cron expression, as a shell leaves it if it splits the expression and finds no files. */
const CRON_FIELD = /^(?:[\d*?LW#,/-]|SUN|MON|TUE|WED|THU|FRI|SAT|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)+$/i

/** A form of AWS that has no file names in it. */
const AWS_FORM = /^(?:cron|rate|at)\([\w*?#,/: -]+\)$/

/**
 * Returns the error for an argument that no option takes. `strays` has all such arguments, in their order.
 *
 * Without quotes, the shell splits a value with spaces, and it replaces `*` with the names of files.
 */
export function unexpectedArgument(line: Line, strays: readonly [Stray, ...Stray[]]): LedgerError {
  const { command, flags, hasBatch } = line
  const [{ word, before }] = strays
  const what = `unexpected argument ${quote(word)}`
  if (before !== null && isSplit(before, line)) return splitValue(command, before, strays)
  if (command.runsBatch && !hasBatch) {
    return usageError(
      `${what}. Put the batch command after --, for example: cronledger ${command.name} … -- ${exampleOf(strays)}`,
    )
  }
  const name = word.toLowerCase()
  const mayBeTask = flags.has('task') && !command.takesTask && isTaskName(word)
  const asTask = mayBeTask ? ` If it is the task, use --task ${word}.` : ''
  const meant = flags.has(name) ? didYouMean([`--${name}`]) : asTask
  const takes = command.takesTask ? 'one task name and options' : `options only${hasBatch ? ' before --' : ''}`
  return usageError(`${what}.${meant} ${command.name} takes ${takes}. See cronledger ${command.name} --help.`)
}

/** Returns whether the value is probably the first part of one that a shell has split. */
export function isSplit({ flag, value }: Given, { flags }: Line): boolean {
  const spec = flags.get(flag)
  if (spec === undefined || !('spaces' in spec) || /\s/.test(value)) return false
  // A macro and the forms of AWS are complete without a space.
  return flag !== optionName('schedule') || !/^@|\)$/.test(value)
}

function splitValue(command: CommandHelp, { flag, value }: Given, strays: readonly [Stray, ...Stray[]]): LedgerError {
  const words = [value, ...strays.map(({ word }) => word)]
  const isSchedule = flag === optionName('schedule')
  const isWhole = isSchedule ? isWholeSchedule(words) : words.every((word) => PLAIN.test(word))
  const begin = PLAIN.test(value) ? `${value} …` : '…'
  const example = isWhole ? words.join(' ') : isSchedule ? '0 3 * * *' : begin
  const why = isSchedule
    ? 'the shell splits the schedule at its spaces and replaces * with file names'
    : `the shell splits the text at its spaces${command.takesTask ? '; a task name comes before the options' : ''}`
  return usageError(
    `unexpected argument ${quote(strays[0].word)} after --${flag} ${PLAIN.test(value) ? value : quote(value)}. Put the value in quotes${isSchedule && !isWhole ? ', for example' : ''}: --${flag} '${example}' (${why})`,
  )
}

/** Returns whether no field is missing, so that a hint can repeat the schedule of the user. */
function isWholeSchedule(words: readonly string[]): boolean {
  return (words.length === 5 && words.every((word) => CRON_FIELD.test(word))) || AWS_FORM.test(words.join(' '))
}

function exampleOf([{ word }, ...others]: readonly [Stray, ...Stray[]]): string {
  if (!PLAIN.test(word)) return './batch.sh'
  return others.length > 0 ? `${word} …` : word
}
