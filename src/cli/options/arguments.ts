import parse from 'yargs-parser'
import { type LedgerError, quote, usageError } from '../../core/errors.ts'
import { type OptionSpec, type OptionTable, optionName, type ValueOf } from '../../core/option.ts'
import type { Environment } from '../../core/types.ts'
import { listed } from '../../format/text.ts'
import type { CommandHelp } from '../command.ts'
import { DASHES, isSplit, type Line, type Stray, unexpectedArgument, unknownOption } from './mistakes.ts'
import { oldOption } from './old-names.ts'
import { valueName, variableOf } from './options.ts'
import { type OptionValue, readValue } from './values.ts'

/** The values of a command's options: from the flag, otherwise from the environment, otherwise undefined. */
export type Values<Table extends OptionTable> = {
  readonly [Name in keyof Table]: ValueOf<Table[Name]> | (Table[Name] extends { required: true } ? never : undefined)
}

/** Makes the parser keep every value as text. This file parses the values itself, strictly. */
const CONFIGURATION = {
  'camel-case-expansion': false,
  'dot-notation': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'boolean-negation': false,
  'short-option-groups': false,
} as const

/**
 * Reads the options of a command. `rest` has the arguments after `--`. Throws a usage error for any argument or value
 * that it would have to guess.
 */
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
  const switches = [...flags].filter(([, { kind }]) => kind === 'switch').map(([flag]) => flag)
  const { words, strays } = readWords(line, argv)
  const { _, ...parsed }: Readonly<Record<string, unknown>> = parse([...words], {
    boolean: switches,
    configuration: CONFIGURATION,
  })
  for (const flag of flags.keys()) {
    const times = timesGiven(flag, argv)
    if (times > 1)
      throw usageError(`--${flag} is given ${times} times. Give it once.${flag === 'schedule' ? ONE_SCHEDULE : ''}`)
  }
  const given = withTask(line, parsed, strays)
  const values = Object.fromEntries(
    Object.entries(command.options).map(([name, spec]) => {
      const flag = optionName(name)
      return [name, readOption(flag, spec, given[flag], env)]
    }),
  )
  checkRequired(command.options, values, rest)
  return values as Values<Table>
}

/** What to do about two values of `--schedule`, after a sentence. */
const ONE_SCHEDULE = " A task has one schedule, such as '0 3,15 * * *'. For two schedules, use two tasks."

/** Returns whether an option is given by its flag. */
export function isGiven(name: string, argv: readonly string[]): boolean {
  return timesGiven(optionName(name), argv) > 0
}

/** Counts the flags of this name. No value of an option begins with two dashes, so such a word is always a flag. */
function timesGiven(flag: string, argv: readonly string[]): number {
  return argv.filter((word) => word === `--${flag}` || word.startsWith(`--${flag}=`)).length
}

interface Words {
  /** The words for the parser. */
  readonly words: readonly string[]
  readonly strays: readonly Stray[]
}

/**
 * Joins an option and its value with `=` where the value begins with a dash (`--event-time -`, `--reason '-5 rows'`). The
 * parser would take such a value as an option. Also finds the words that are neither options nor their values.
 */
function readWords(line: Line, argv: readonly string[]): Words {
  const { flags } = line
  const words: string[] = []
  const strays: Stray[] = []
  /** The option that the next word may be the value of. */
  let open: string | null = null
  let before: Stray['before'] = null
  for (const word of argv) {
    const openKind = open === null ? undefined : flags.get(open)?.kind
    const isValue = openKind === 'switch' ? /^(true|false)$/.test(word) : openKind !== undefined && !/^--/.test(word)
    if (open !== null && isValue) {
      if (word.startsWith('-')) words[words.length - 1] = `--${open}=${word}`
      else words.push(word)
      before = { flag: open, value: word }
      open = null
    } else if (word !== '-' && DASHES.test(word)) {
      const [, flag = '', value] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? []
      const spec = flags.get(flag)
      // We must refuse an unknown flag before the parser sees it, since names that every object has break the parser.
      if (spec === undefined) {
        const needy = open === null || openKind === 'switch' || !word.startsWith('--') ? undefined : flags.get(open)
        if (open !== null && needy !== undefined) throw noValue(open, needy)
        throw oldOption(flag) ?? unknownWord(line, { word, before }, strays)
      }
      // The parser takes every word but `true` as false. A flag accepts and refuses the same words as the environment.
      const isSwitchValue = spec.kind === 'switch' && value !== undefined
      words.push(isSwitchValue ? `--${flag}=${readValue(`--${flag}`, spec, value)}` : word)
      open = value === undefined ? flag : null
      before = value === undefined ? null : { flag, value }
    } else {
      strays.push({ word, before })
      open = before = null
    }
  }
  return { words, strays }
}

/**
 * Returns the error for an unknown option. After an unexpected argument, it may be an option of the batch. After a
 * value that was not quoted, it may be a part of the value.
 */
function unknownWord(line: Line, at: Stray, [first, ...others]: readonly Stray[]): Error {
  if (line.command.runsBatch && first !== undefined) return unexpectedArgument(line, [first, ...others])
  const isPart = !at.word.startsWith('--') && at.before !== null && isSplit(at.before, line)
  return isPart ? unexpectedArgument(line, [at]) : unknownOption(at.word, line)
}

/** Returns the given options with the task that is given as an argument. Throws a usage error for any other argument. */
function withTask(
  line: Line,
  given: Readonly<Record<string, unknown>>,
  strays: readonly Stray[],
): Readonly<Record<string, unknown>> {
  const [first, second, ...others] = strays
  if (first === undefined) return given
  const isTask = line.command.takesTask && !(first.before !== null && isSplit(first.before, line))
  if (!isTask) throw unexpectedArgument(line, second === undefined ? [first] : [first, second, ...others])
  if (second !== undefined) throw unexpectedArgument(line, [second, ...others])
  const task = given['task'] ?? first.word
  if (task !== first.word) {
    throw usageError(`two tasks are given: ${quote(first.word)} and --task ${quote(String(task))}. Use one of them.`)
  }
  return { ...given, task }
}

function readOption(flag: string, spec: OptionSpec, given: unknown, env: Environment): OptionValue | undefined {
  if (given === '' || (given === true && spec.kind !== 'switch')) {
    throw noValue(flag, spec)
  }
  if (typeof given === 'boolean') return given
  if (typeof given === 'string') return readValue(`--${flag}`, spec, given)
  const variable = variableOf(flag)
  const text = env[variable]
  return text ? readValue(variable, spec, text) : undefined
}

function noValue(flag: string, spec: OptionSpec): LedgerError {
  return usageError(`--${flag} has no value. Use --${flag} ${valueName(spec)}.`)
}

/** Throws a usage error that names all required options without a value. `rest` may have one, in the wrong place. */
function checkRequired(options: OptionTable, values: Values<OptionTable>, rest: readonly string[] | null): void {
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
  const ledger = missing.find(({ flag }) => flag === 'store')
  const list = (text: (one: (typeof missing)[number]) => string) => listed(missing.map(text), 'and')
  throw usageError(
    `${list(({ flag }) => `--${flag}`)} ${missing.length === 1 ? 'is' : 'are'} missing. Give ${list(({ flag, spec }) => `--${flag} ${valueName(spec)}`)}, or set ${list(({ flag }) => variableOf(flag))}.${ledger === undefined ? '' : ` ${ledger.spec.help}.`}`,
  )
}
