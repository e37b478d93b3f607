import { type LedgerError, quote, usageError } from '../../core/errors.ts'
import { didYouMean, nearest } from '../../core/near.ts'
import { isKeyOf } from '../../core/objects.ts'
import { type OptionSpec, optionName } from '../../core/option.ts'
import { isTaskName } from '../../core/user-text.ts'
import type { CommandHelp } from './options.ts'

export interface Line {
  readonly command: CommandHelp
  /** The options of the command by the names of their flags. */
  readonly flags: ReadonlyMap<string, OptionSpec>
  /** There is a batch command after `--`. */
  readonly hasBatch: boolean
}

/**
 * How other tools name an option. A command has one of the options here, or none. Some have a value. The first one is also
 * meant by a variable of that name.
 */
export const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  tz: ['timezone'],
  zone: ['timezone'],
  'time-zone': ['timezone'],
  'schedule-expression-timezone': ['timezone'],
  'schedule-expression': ['schedule'],
  cron: ['schedule'],
  'start-date': ['anchor'],
  name: ['task'],
  'task-name': ['task'],
  table: ['store'],
  from: ['since'],
  to: ['until'],
  for: ['until'],
  since: ['from'],
  until: ['to'],
  date: ['slot', 'force-slot', 'since', 'at'],
  time: ['event-time', 'slot', 'at'],
  'scheduled-time': ['event-time'],
  'event-time': ['slot'],
  slot: ['force-slot', 'at'],
  force: ['force-slot', 'slot'],
  f: ['force-slot', 'slot'],
  only: ['force-only'],
  'force-only': ['only'],
  failed: ['only failed', 'status failed'],
  missed: ['only missed', 'status missed'],
  status: ['state', 'only'],
  state: ['status', 'only'],
  retries: ['max-attempts'],
  retry: ['max-attempts'],
  attempts: ['max-attempts'],
  'max-retries': ['max-attempts'],
  delay: ['retry-delay'],
  last: ['limit', 'since'],
  n: ['limit', 'count'],
  s: ['schedule'],
  quiet: ['log quiet'],
  'run-id': ['run'],
  message: ['reason'],
  m: ['reason'],
  user: ['by'],
  output: ['out', 'format'],
  json: ['log'],
}

/** Options of the command line of AWS, and the variables that have their meaning here. */
const AWS_VARIABLES: Readonly<Record<string, string>> = {
  region: 'AWS_REGION',
  profile: 'AWS_PROFILE',
  'endpoint-url': 'AWS_ENDPOINT_URL_DYNAMODB',
}

const OF_SCHEDULE: ReadonlySet<string> = new Set(['schedule', 'timezone', 'anchor'])

/** The hyphens of an option, or the long dash that a word processor makes of them. */
export const DASHES = /^[-\u2010-\u2015\u2212]+/

/** A word that an error may repeat as it is, without quotes. */
const PLAIN = /^[\w./][\w./-]{0,99}$/

/** Returns the error for an unknown option. It does not show the value, which may be a secret of the batch. */
export function unknownOption(word: string, { command, flags }: Line): LedgerError {
  const [shown = ''] = word.split('=', 1)
  const what = `unknown option ${shown.length > 100 ? `${shown.slice(0, 100)}…` : shown}.`
  const name = shown.replace(DASHES, '').replaceAll('_', '-').toLowerCase()
  if (!word.startsWith('-') && flags.has(name)) {
    return usageError(`${what} It begins with a long dash. Type two hyphens: --${name}`)
  }
  if (word === '-v') return usageError(`${what} Did you mean cronledger --version?`)
  if (isKeyOf(name, AWS_VARIABLES)) return usageError(`${what} Set the variable ${AWS_VARIABLES[name]} instead.`)
  const others = isKeyOf(name, OTHER_NAMES) ? (OTHER_NAMES[name] ?? []) : []
  if (flags.has('store') && !flags.has('schedule') && [name, ...others].some((one) => OF_SCHEDULE.has(one))) {
    return usageError(
      `${command.name} has no option ${shown}, because it uses the recorded schedule of the task. To record a schedule before the first run, or before a change: cronledger declare`,
    )
  }
  const other = others.find((candidate) => flags.has(candidate.replace(/ .*/, '')))
  const near = flags.has(name) ? name : (other ?? nearest(name, [...flags.keys()]))
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
  const name = word.toLowerCase()
  const mayBeTask = flags.has('task') && (!command.takesTask || command.runsBatch) && isTaskName(word)
  const asTask = mayBeTask ? ` If it is the task, use --task ${word}.` : ''
  const meant = flags.has(name) ? didYouMean([`--${name}`]) : asTask
  const takes = command.takesTask ? 'one task name and options' : `options only${hasBatch ? ' before --' : ''}`
  return usageError(`${what}.${meant} ${command.name} takes ${takes}. See cronledger ${command.name} --help.`)
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
