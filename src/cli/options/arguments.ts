import parse from 'yargs-parser'
import { LedgerError, quote, usageError } from '../../core/errors.ts'
import { EXIT } from '../../core/exit.ts'
import { nearest } from '../../core/near.ts'
import { checkTogether, type OptionSpec, type OptionTable, optionName, type ValueOf } from '../../core/option.ts'
import type { Environment } from '../../core/types.ts'
import { isTaskName, isTaskPattern } from '../../core/user-text.ts'
import { listed } from '../../format/text.ts'
import type { Sink } from '../../process/log/sink.ts'
import type { Stops } from '../../process/signals.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import { describeStore, ledgerForms } from '../../store/open.ts'
import {
  DASHES,
  flagOnlyVariables,
  isKnownVariable,
  isSplit,
  type Line,
  type Stray,
  takesBatch,
  unexpectedArgument,
  unknownOption,
} from './mistakes.ts'
import { type CommandHelp, valueName, variableOf } from './options.ts'
import { type OptionValue, readValue } from './values.ts'

/** The values of a command's options: from the flag, otherwise from the environment, otherwise undefined. */
export type Values<Table extends OptionTable> = {
  readonly [Name in keyof Table]: ValueOf<Table[Name]> | (Table[Name] extends { required: true } ? never : undefined)
}

/** Reads the options of a command. Throws a usage error for all that it would have to guess. `rest` comes after `--`. */
export function readOptions<Table extends OptionTable>(
  command: CommandHelp & { readonly options: Table },
  argv: readonly string[],
  env: Environment,
  rest: readonly string[] | null = null,
): Values<Table> {
  const flags = new Map<string, OptionSpec>(
    Object.entries(command.options).map(([name, spec]) => [optionName(name), spec]),
  )
  const line: Line = { command, flags, hasBatch: rest !== null && rest.length > 0 }
  const { given, strays } = readWords(line, argv)
  takeTask(line, given, argv, strays)
  const values = Object.fromEntries(
    Object.entries(command.options).map(([name, spec]) => [name, readOption(optionName(name), spec, given, env)]),
  )
  checkRequired(command.options, values, rest, env)
  checkOptions(command.options, values)
  return values as Values<Table>
}

/** Those of a run are checked with their defaults later. An option of `run` may require one that only `run` has. */
function checkOptions(options: OptionTable, values: Values<OptionTable>): void {
  const own = Object.entries(options).filter(
    ([name, { requires }]) => !(name in SETTINGS) && (requires === undefined || requires.option in options),
  )
  checkTogether(Object.fromEntries(own), values, (flag) => ` Give both, or remove --${flag} and ${variableOf(flag)}.`)
}

export interface CommandContext {
  /** The arguments before `--`. */
  readonly argv: readonly string[]
  /** The arguments after `--`, unchanged; null if there is no `--`. */
  readonly rest: readonly string[] | null
  readonly env: Environment
  readonly stops: Stops
  readonly sink: Sink
}

export interface Command {
  readonly help: CommandHelp
  execute(context: CommandContext): Promise<number>
}

/** Returns a command that reads its options and then calls `work`. It exits with 0 unless `work` returns another code. */
export function defineCommand<Help extends CommandHelp>(
  help: Help,
  work: (values: Values<Help['options']>, context: CommandContext) => Promise<number | undefined>,
) {
  return {
    help,
    async execute(context: CommandContext): Promise<number> {
      const values = readOptions(help, context.argv, context.env, context.rest)
      // The log of a batch has the warning in its own form.
      const ignored = help.runsBatch ? null : flagOnlyVariables(Object.keys(help.options).map(optionName), context.env)
      if (ignored !== null) context.sink.write(`cronledger: warning: ${ignored}`)
      try {
        return (await work(values, context)) ?? EXIT.ok
      } catch (error) {
        const task: OptionSpec | undefined = help.options['task']
        const { task: given, store = '' }: { task?: string; store?: string } = values
        const isOfAll = task?.isFlagOnly === true && given === undefined
        if (!isOfAll || !(error instanceof LedgerError) || error.kind !== 'denied' || describeStore(store).isLocal)
          throw error
        const name = context.env['CRONLEDGER_TASK']
        throw new LedgerError(
          error.kind,
          `${error.message} If this role may read one task only, give its name: cronledger ${help.name} ${isTaskName(name) ? name : 'NAME'}`,
          { cause: error },
        )
      }
    },
  } satisfies Command
}

const ONE_SCHEDULE = " A task has one schedule, such as '0 3,15 * * *'. For two schedules, use two tasks."

/** Returns whether an option is given by its flag. No value begins with two dashes, so such a word is always a flag. */
export function isGiven(name: string, argv: readonly string[]): boolean {
  const flag = `--${optionName(name)}`
  return argv.some((word) => word === flag || word.startsWith(`${flag}=`))
}

export function isEmptied(name: string, argv: readonly string[], env: Environment): boolean {
  const flag = `--${optionName(name)}`
  if (!isGiven(name, argv)) return env[variableOf(optionName(name))] === ''
  return argv.some((word, index) => word === `${flag}=` || (word === flag && argv[index + 1] === ''))
}

type Given = Map<string, string>

/** yargs-parser must not guess a number, a list, a negation or another way to write a name. */
const AS_WRITTEN = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
}

/** No argument of a process can have it. */
const MARK = '\0'

/** Splits the words into options and others. A value may begin with one dash: `--event-time -`, `--reason '-5 rows'`. */
function readWords(line: Line, argv: readonly string[]) {
  const { flags } = line
  const names = [...flags.keys()]
  const words = argv.map((word, at) => {
    const [, flag = ''] = /^--([^=]+)/.exec(word) ?? []
    // With the mark, yargs-parser takes a word for a value or an argument, and not for an option that is written in another way.
    if (!flags.has(flag)) return word === '-' || !DASHES.test(word) ? word : MARK + word
    // A switch takes only true or false from the next word.
    const isAlone = flags.get(flag)?.kind === 'switch' && word === `--${flag}`
    return isAlone && !/^(true|false)$/.test(argv[at + 1] ?? '') ? `${word}=true` : word
  })
  const { argv: parsed } = parse.detailed(words, {
    string: names,
    narg: Object.fromEntries(names.map((name) => [name, 1])),
    configuration: AS_WRITTEN,
  })
  const given: Given = new Map()
  for (const [name, spec] of flags) {
    const times = words.filter((word) => word === `--${name}` || word.startsWith(`--${name}=`)).length
    if (times === 0) continue
    if (times > 1 && !('repeats' in spec))
      throw usageError(`--${name} is given more than once. Give it once.${name === 'schedule' ? ONE_SCHEDULE : ''}`)
    const values: string[] = [parsed[name] ?? []].flat()
    // An option is never the value of another one.
    if (values.length < times || values.some((value) => value.startsWith(`${MARK}--`))) throw noValue(name, spec)
    given.set(name, values.join(',').replaceAll(MARK, ''))
  }
  const strays: Stray[] = []
  for (const other of parsed._.map(String)) {
    const word = other.replace(MARK, '')
    const stray = { word, before: optionBefore(word, given, argv) }
    if (word !== other) {
      // If known options come after the first word, it is the task, and not the batch.
      const isBehind = words.slice(1, words.indexOf(other)).some((one) => DASHES.test(one))
      const [first, ...others] = strays
      const mayBeTask = first?.word === argv[0] && isTaskName(argv[0]) && (isBehind || others.length > 0)
      throw mayBeTask
        ? unknownWord(line, stray, others, isBehind ? undefined : argv[0])
        : unknownWord(line, stray, strays)
    }
    strays.push(stray)
  }
  return { given, strays }
}

function optionBefore(word: string, given: Given, argv: readonly string[]): Stray['before'] {
  for (const [flag, value] of given) {
    const at = argv.findIndex(
      (one, index) => one === `--${flag}=${value}` || (one === value && argv[index - 1] === `--${flag}`),
    )
    if (at !== -1 && argv[at + 1] === word) return { flag, value }
  }
  return null
}

/** The unknown word may be an option of the batch after an unexpected argument, or a part of a value without quotes. */
function unknownWord(line: Line, at: Stray, [first, ...others]: readonly Stray[], task?: string): Error {
  if (line.command.runsBatch && !line.hasBatch && first !== undefined && !takesBatch(at.word))
    return unexpectedArgument(line, [first, ...others], task)
  const isPart = !at.word.startsWith('--') && isSplit(at, line)
  return isPart ? unexpectedArgument(line, [at]) : unknownOption(at.word, line)
}

/** Takes the task that is given as an argument. Throws a usage error for any other argument. */
function takeTask(line: Line, given: Given, argv: readonly string[], [first, second, ...others]: readonly Stray[]) {
  if (first === undefined) return
  // A word that is read as the task by mistake has no slots yet, so the batch would start. So the task must come first.
  const isElsewhere =
    first.word !== argv[0] || (!line.hasBatch && !isTaskName(first.word) && !isTaskPattern(first.word))
  if (!line.command.takesTask || (line.command.runsBatch && isElsewhere) || isSplit(first, line))
    throw unexpectedArgument(line, second === undefined ? [first] : [first, second, ...others])
  if (second !== undefined) {
    const isRightBehind = first.word === argv[0] && second.word === argv[1]
    throw unexpectedArgument(line, [second, ...others], isRightBehind ? first.word : undefined)
  }
  const task = given.get('task') ?? first.word
  if (task !== first.word)
    throw usageError(`two tasks are given: ${quote(first.word)} and --task ${quote(task)}. Use one of them.`)
  given.set('task', task)
}

function readOption(flag: string, spec: OptionSpec, given: Given, env: Environment): OptionValue | undefined {
  const text = given.get(flag)
  if (text === undefined) {
    const variable = variableOf(flag)
    return env[variable] && spec.isFlagOnly !== true ? readValue(variable, spec, env[variable]) : undefined
  }
  if (text === '' && spec.isClearable) return undefined
  if (!text && spec.kind !== 'switch') throw noValue(flag, spec)
  return readValue(`--${flag}`, spec, text)
}

function noValue(flag: string, spec: OptionSpec): LedgerError {
  return usageError(`--${flag} has no value. Use --${flag} ${valueName(spec)}.`)
}

/** Throws a usage error that names all required options without a value. `rest` may have one, in the wrong place. */
function checkRequired(
  options: OptionTable,
  values: Values<OptionTable>,
  rest: readonly string[] | null,
  env: Environment,
): void {
  const missing = Object.entries(options).flatMap(([name, spec]) =>
    spec.required && values[name] === undefined ? [{ flag: optionName(name), spec }] : [],
  )
  const misplaced = missing.find(({ flag }) => isGiven(flag, rest ?? []))
  if (misplaced !== undefined) {
    throw usageError(
      `--${misplaced.flag} is missing. It comes after --, where it is an argument of the batch. Put it before --.`,
    )
  }
  if (missing.length === 0) return
  // The word LEDGER does not say how one is written.
  const ledger = missing.some(({ flag }) => flag === 'store') ? ` A ledger is ${ledgerForms()}.` : ''
  const variables = missing.map(({ flag }) => variableOf(flag))
  const near = Object.keys(env).filter(
    (name) => env[name] && !isKnownVariable(name) && nearest(name, variables) !== null,
  )
  const other = near.map((name) => ` ${name}, which is set, is another variable.`)
  const list = (text: (one: (typeof missing)[number]) => string) => listed(missing.map(text), 'and')
  throw usageError(
    `${list(({ flag }) => `--${flag}`)} ${missing.length === 1 ? 'is' : 'are'} missing. Give ${list(({ flag, spec }) => `--${flag} ${valueName(spec)}`)}, or set ${listed(variables, 'and')}.${other.join('')}${ledger}`,
  )
}
