import { basename } from 'node:path'
import { type LedgerError, quote, usageError, withoutSecret } from '../../core/errors.ts'
import { didYouMean, nearest, withSameBeginning } from '../../core/near.ts'
import { type OptionSpec, optionName } from '../../core/option.ts'
import { BATCH_ADVICE, otherName, SHELLS } from '../../core/other-names.ts'
import { isDay } from '../../core/schedule/local-time.ts'
import type { Environment } from '../../core/types.ts'
import { isTaskName } from '../../core/user-text.ts'
import { listed } from '../../format/text.ts'
import { type CommandHelp, variableOf } from './options.ts'
import { RUN_GROUPS, RUN_OPTIONS } from './run-options.ts'

export interface Line {
  readonly command: CommandHelp
  readonly flags: ReadonlyMap<string, OptionSpec>
  readonly hasBatch: boolean
}

/** The hyphens of an option, or the long dash that a word processor makes of them. */
export const DASHES = /^[-\u2010-\u2015\u2212]+/

const PLAIN = /^[\w./][\w./-]{0,99}$/

/** Returns the error for an unknown option. It does not show the value, which may be a secret of the batch. */
export function unknownOption(word: string, { command, flags }: Line): LedgerError {
  const shown = shownName(word)
  const what = `unknown option ${shown.length > 100 ? `${shown.slice(0, 100)}…` : shown}.`
  const name = nameOf(shown)
  // A long dash alone stands for the hyphens before the batch.
  const isKnown = name === '' || flags.has(name)
  const meant = isKnown ? null : otherName(name, (one) => flags.has(one))
  if (meant !== null && 'advice' in meant) return usageError(`${what} ${meant.advice}`)
  if (meant === null && command.name === 'rerun' && OF_FORCED_RUN.has(name))
    return usageError(`${what} Only run has it: cronledger run … --force-slot SLOT --${name} … -- ./batch.sh`)
  const near = meant === null ? (isKnown ? [name] : alike(name, [...flags.keys()])) : [`${meant.option}${meant.value}`]
  const hint = didYouMean(near.map((one) => `--${one}`))
  return usageError(`${what}${hint === '' ? ` See cronledger ${command.name} --help.` : hint}`)
}

function alike(name: string, names: readonly string[], ofSlips = names): readonly string[] {
  const near = nearest(name, ofSlips)
  return near === null ? withSameBeginning(name, names) : [near]
}

/** The options of a run that no other command has, and that have an effect in a forced one. */
const OF_FORCED_RUN = new Set(Object.keys({ ...RUN_GROUPS.lease, ...RUN_GROUPS.exit }).map(optionName))

function shownName(word: string): string {
  return withoutSecret(word).split('=', 1)[0] ?? ''
}

function nameOf(word: string): string {
  return word.replace(DASHES, '').replaceAll('_', '-').toLowerCase()
}

/** Returns whether the option is one of another tool that takes the batch command, such as `--cmd`. */
export function takesBatch(word: string): boolean {
  const meant = otherName(nameOf(shownName(word)), () => false)
  return meant !== null && 'advice' in meant && meant.advice === BATCH_ADVICE
}

/** An argument that is neither an option nor the value of one. */
export interface Stray {
  readonly word: string
  /** The option and its value, if both come right before the argument. */
  readonly before: { readonly flag: string; readonly value: string } | null
}

/**
 * Returns the error for an argument that no option takes. `strays` has all such arguments, in their order. `task` comes right before
 * them, and may be the program of the batch instead: in `cronledger run python3 batch.py`.
 *
 * Without quotes, the shell splits a value with spaces, and it replaces `*` with the names of files.
 */
export function unexpectedArgument(line: Line, strays: readonly [Stray, ...Stray[]], task?: string): LedgerError {
  const { command, flags, hasBatch } = line
  const [first, ...others] = strays
  const { word } = first
  const what = `unexpected argument ${quote(word)}`
  if (isSplit(first, line)) return splitValue(command, strays)
  const option = Object.entries(LOOKS_LIKE).find(([name, fits]) => flags.has(name) && fits(word))?.[0]
  if (option !== undefined)
    return usageError(`${what}. Did you mean --${option} ${/^[\w./:-]+$/.test(word) ? word : `'${word}'`}?`)
  if (command.runsBatch && !hasBatch) {
    const example = PLAIN.test(word) ? `${word}${others.length > 0 ? ' …' : ''}` : './batch.sh'
    const advice = `${what}. Put the batch command after --, for example: cronledger ${command.name}`
    if (task === undefined) return usageError(`${advice} … -- ${example}`)
    return usageError(
      `${advice} … -- ${task} ${example}. If ${task} is the task: cronledger ${command.name} ${task} … -- ${example}`,
    )
  }
  const mayBeTask = flags.has('task') && (!command.takesTask || command.runsBatch) && isTaskName(word)
  const asTask = mayBeTask ? ` If it is the task, use --task ${word}.` : ''
  const takes = command.takesTask ? 'one task name and options' : `options only${hasBatch ? ' before --' : ''}`
  return usageError(`${what}.${asTask} ${command.name} takes ${takes}. See cronledger ${command.name} --help.`)
}

const LOOKS_LIKE: Readonly<Record<string, (word: string) => boolean>> = {
  slot: (word) => isDay(word) || isDay(word.slice(0, 10)) || word === 'latest',
  schedule: (word) => /^(?:@\w+|(?:cron|rate|at)\(.*\)|[\d*][\d*/,-]*(?: [\w*/,?#-]+){4,5})$/.test(word),
  store: (word) => /^(?:dynamodb|file):[\w./-]+$/.test(word),
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

/** A whole word, perhaps as the value of an option. `awk '{print $1}'` has none. */
const VARIABLE = /^(?:--?[\w-]+=)?(?<name>\$(?:[A-Z_][A-Z\d_]*|\{[A-Za-z_]\w*\}))$/

/** Programs that give their words to a shell, and those whose arguments have variables of their own. */
const READS_OPERATORS = ['ssh']
const READS_VARIABLES = ['ssh', 'envsubst', 'jq', ...SHELLS]

/**
 * Returns a warning about a word of the batch command that was meant for a shell: in `true && ./b.sh`, the list form of an image's
 * command, only `true` would run, and `$DATE` would be no date. Throws a usage error with `strict` if it is certain.
 */
export function shellWordWarning([file, ...args]: readonly string[], strict: boolean): string | null {
  if (file === undefined || READS_OPERATORS.includes(basename(file))) return null
  const variable = [file, ...args].some((word) => READS_VARIABLES.includes(basename(word)))
    ? undefined
    : args.map((word) => VARIABLE.exec(word)?.groups?.['name']).find((name) => name !== undefined)
  const certain = args.find((word) => OPERATOR.test(word)) ?? variable
  const word = certain ?? args.find((one, at) => MAYBE_OPERATOR.test(one) && !/^-/.test(args[at - 1] ?? ''))
  const isOfFind = args.some((one) => /^-(?:exec|ok)(?:dir)?$/.test(one))
  if (word === undefined || (certain === undefined && isOfFind)) return null
  const [kind, shown] = word === variable ? ['a variable', `"${word}"`] : ['an operator', word]
  const text = `the batch command ${quote(file)} gets ${quote(word)} as an argument, because no shell reads it. If it is ${kind}, give the whole line to a shell: -- sh -c '… ${shown} …'`
  if (certain !== undefined && strict) throw usageError(`${text}. It is refused, because --strict is set.`)
  return text
}

/** Options that are hardly ever those of a batch. Others often are: `timeout --kill-after`, `curl --retry-delay`. */
const HARDLY_OF_BATCH = new Set(
  `max-attempts since-last-success force-slot ignore-after exit-on-duplicate on-lease-lost early-tolerance
  late-after done-by after-timeout ledger-timeout notify-on notify-format`.split(/\s+/),
)

/** Returns a warning about an option of cronledger behind the batch command, where it has no effect. The value may be a secret. */
export function optionOfBatchWarning(name: string, argv: readonly string[]): string | null {
  // Such a batch may start another run.
  if (argv.some((word) => basename(word) === 'cronledger')) return null
  const word = argv.find((one, at) => {
    const [, option = '', value = argv[at + 1]] = /^--([a-z-]+)(?:=(.*))?$/s.exec(one) ?? []
    return (
      HARDLY_OF_BATCH.has(option) || (option === 'overlap' && RUN_OPTIONS.overlap.choices.some((it) => it === value))
    )
  })
  if (word === undefined) return null
  const option = shownName(word)
  return `the batch command gets ${option} as an argument, where cronledger does not read it. If it is an option of cronledger, put it before --: cronledger ${name} ${option} … -- ./batch.sh`
}

const SLOT_OPTIONS: ReadonlySet<string> = new Set('task schedule timezone anchor event-time force-slot'.split(' '))
const GUARD_OPTIONS: ReadonlySet<string> = new Set(['status'])

const PREFIX = variableOf('')
const RUN_PREFIX = variableOf('run-')

/** Options of other commands, which read the same environment, and variables that the stack gives to the container. */
export const KNOWN_ELSEWHERE: ReadonlySet<string> = new Set(
  `all slot from until each dry-run json keep-going since commands format limit fields port host
  state run check role parameters outputs at
  count ecs-network plan pod password-command delivery-attempt secrets`.split(/\s+/),
)

/** Options that only a flag sets, in each command that has them. The variable of `task`, say, is read by other commands. */
export const FLAGS_ONLY: readonly string[] = 'jobs yes once sort next forced ids'.split(' ')

/** Returns a warning about the variables of these options that have no effect, because only a flag sets the option. */
export function flagOnlyVariables(names: readonly string[], env: Environment): string | null {
  const flags = FLAGS_ONLY.filter((name) => names.includes(name) && env[variableOf(name)])
  if (flags.length === 0) return null
  const [have, are] = flags.length === 1 ? ['has', 'is a flag only'] : ['have', 'are flags only']
  return `${listed(flags.map(variableOf), 'and')} ${have} no effect: ${listed(
    flags.map((name) => `--${name}`),
    'and',
  )} ${are}.`
}

const KNOWN_VARIABLES = new Set([...Object.keys(RUN_OPTIONS), ...KNOWN_ELSEWHERE].map(variableOf))
const FLAG_VARIABLES = new Set(FLAGS_ONLY.map(variableOf))

export function isKnownVariable(name: string): boolean {
  return KNOWN_VARIABLES.has(name)
}

/** Shorter names (`log`, `by`) are close to too many others. */
const MIN_LETTERS = 5

/** In the warning. Kubernetes gives seven variables `CRONLEDGER_…` to each pod beside a service of that name. */
const MOST_NAMED = 3

/**
 * Returns warnings about the variables `CRONLEDGER_…` that do not belong to an option of any command, or not to one that a variable
 * sets: a misspelt limit would silently have no effect. Throws a usage error if one is nearly an option that chooses the slot or
 * limits a force and is not given.
 */
export function variableWarnings(
  command: string,
  values: Readonly<Record<string, unknown>>,
  env: Environment,
): readonly string[] {
  const warnings = [misspeltVariables(command, values, env), flagOnlyVariables(FLAGS_ONLY, env)]
  return warnings.filter((text) => text !== null)
}

function meantBy(name: string, left: readonly string[]): readonly string[] {
  const meant = otherName(name, (one) => left.includes(one))
  if (meant !== null && 'option' in meant) return [meant.option]
  return alike(
    name,
    left,
    left.filter((one) => one.length >= MIN_LETTERS),
  )
}

function misspeltVariables(command: string, values: Readonly<Record<string, unknown>>, env: Environment) {
  const names = Object.keys(values).map(optionName)
  const left = Object.keys(values).flatMap((name) => (values[name] === undefined ? [optionName(name)] : []))
  const mayForce = !('forceSlot' in values) || values['forceSlot'] !== undefined
  const own = new Set(names.map(variableOf))
  const others = Object.keys(env).filter(
    (variable) =>
      env[variable] && variable.startsWith(PREFIX) && !variable.startsWith(RUN_PREFIX) && !own.has(variable),
  )
  for (const variable of others) {
    const name = nameOf(variable.slice(PREFIX.length))
    const meant = otherName(name, (one) => names.includes(one))
    const near = meant !== null && 'option' in meant ? meant.option : nearest(name, names)
    const isGuard = near !== null && GUARD_OPTIONS.has(near) && mayForce
    if (near === null || !left.includes(near) || !(isGuard || SLOT_OPTIONS.has(near))) continue
    const risk = isGuard ? 'start in a slot that you exclude' : 'take another slot'
    throw usageError(
      `${variable} is not an option of ${command}, and without ${variableOf(near)} the run could ${risk}. Set ${variableOf(near)}, or remove ${variable}.`,
    )
  }
  const unknown = others.flatMap((variable) =>
    isKnownVariable(variable) || FLAG_VARIABLES.has(variable)
      ? []
      : [{ variable, near: meantBy(nameOf(variable.slice(PREFIX.length)), left) }],
  )
  if (unknown.length === 0) return null
  const meant = unknown.filter(({ near }) => near.length > 0)
  const shown = (meant.length === 0 ? unknown : meant).slice(0, MOST_NAMED).map(({ variable }) => variable)
  const more = unknown.length - shown.length
  const all = listed([...shown, ...(more === 0 ? [] : [`${more} more`])], 'and')
  const are = unknown.length === 1 ? 'is not an option of cronledger and has' : 'are not options of cronledger and have'
  const hint = didYouMean(meant.slice(0, MOST_NAMED).flatMap(({ near }) => near.map(variableOf)))
  return `${all} ${are} no effect.${hint} For all options: cronledger help ${command} --all`
}
