import { closest, distance } from 'fastest-levenshtein'
import parse from 'yargs-parser'
import { parseDuration } from '../../core/duration.ts'
import { quote, usageError } from '../../core/errors.ts'
import {
  allowedText,
  allowedWithReason,
  isAllowed,
  type NumberSpec,
  type OptionSpec,
  type OptionTable,
  optionName,
  type ValueOf,
} from '../../core/option.ts'
import type { Environment } from '../../core/types.ts'
import { variableOf } from './options.ts'

/** The values of a command's options: from the flag, otherwise from the environment, otherwise undefined. */
export type Values<Table extends OptionTable> = {
  readonly [Name in keyof Table]: ValueOf<Table[Name]> | (Table[Name] extends { required: true } ? never : undefined)
}

export interface CommandHelp {
  readonly name: string
  readonly summary: string
  readonly options: OptionTable
  /** The text after the options in the usage line. */
  readonly rest?: string
  readonly examples: ReadonlyArray<readonly [command: string, what: string]>
  readonly notes?: string
}

/** The number of slips that every name may have. Two letters in the wrong order count as two slips. */
const USUAL_SLIPS = 2
/** A name with more slips than this is a different name. */
const MAX_SLIPS = 3

/** A longer text is not a misspelt option. The limit keeps an error on one line that can be read. */
const MAX_OPTION_LENGTH = 100

type OptionValue = string | number | boolean | readonly string[]

/** Makes the parser keep every value as text. This file parses the values itself, strictly. */
const CONFIGURATION = {
  'camel-case-expansion': false,
  'dot-notation': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'boolean-negation': false,
  'short-option-groups': false,
} as const

/** The options of a command by the names of their flags. */
type Flags = ReadonlyMap<string, OptionSpec>

/** Reads the options of a command. Throws a usage error for any argument or value that it would have to guess. */
export function readOptions<Table extends OptionTable>(
  command: CommandHelp & { readonly options: Table },
  argv: readonly string[],
  env: Environment,
): Values<Table> {
  const flags: Flags = new Map(Object.entries(command.options).map(([name, spec]) => [optionName(name), spec]))
  const switches = [...flags].filter(([, { kind }]) => kind === 'switch').map(([flag]) => flag)
  const { _: words, ...given }: Readonly<Record<string, unknown>> & { readonly _: readonly (string | number)[] } =
    parse(bindDashValues(argv, flags), { boolean: switches, configuration: CONFIGURATION })
  for (const flag of Object.keys(given)) {
    if (!flags.has(flag)) throw unknownOption(`-${flag}`, flag, flags)
  }
  const [word] = words
  if (word !== undefined) {
    throw usageError(
      `${quote(String(word))} is no option${command.rest === undefined ? '' : '; a command comes after --'}`,
    )
  }
  const values = Object.entries(command.options).map(([name, spec]) => {
    const flag = optionName(name)
    const times = timesGiven(flag, argv)
    if (times > 1) throw usageError(`--${flag} is given ${times} times; give it once`)
    return [name, readOption(flag, spec, given[flag], env)]
  })
  return Object.fromEntries(values) as Values<Table>
}

/** Returns whether an option is given by its flag. */
export function isGiven(name: string, argv: readonly string[]): boolean {
  return timesGiven(optionName(name), argv) > 0
}

/** Counts the flags of this name. No value of an option begins with two dashes, so such a word is always a flag. */
function timesGiven(flag: string, argv: readonly string[]): number {
  return argv.filter((word) => word === `--${flag}` || word.startsWith(`--${flag}=`)).length
}

/**
 * Joins an option and its value with `=` where the value begins with a dash (`--event -`, `--reason '-5 rows'`). The
 * parser would take such a value as an option.
 */
function bindDashValues(argv: readonly string[], flags: Flags): string[] {
  const words: string[] = []
  for (const word of argv) {
    // We must refuse an unknown flag before the parser sees it, since names that every object has break the parser.
    const flag = /^--([^=]+)/.exec(word)?.[1]
    if (flag !== undefined && !flags.has(flag)) throw unknownOption(`--${flag}`, flag, flags)
    const before = words.at(-1) ?? ''
    const spec = before.startsWith('--') ? flags.get(before.slice(2)) : undefined
    const isValue = spec !== undefined && spec.kind !== 'switch' && /^-(?!-)/.test(word)
    if (isValue) words[words.length - 1] = `${before}=${word}`
    else if (flag !== undefined && flags.get(flag)?.kind === 'switch' && word.includes('=')) {
      // The parser takes every word but `true` as false. A flag accepts and refuses the same words as the environment.
      words.push(`--${flag}=${readSwitch(`--${flag}`, word.slice(word.indexOf('=') + 1))}`)
    } else words.push(word)
  }
  return words
}

/** Returns the error for an unknown option. It does not show the value, which may be a secret of the batch. */
function unknownOption(word: string, flag: string, flags: Flags): Error {
  const shown = word.length > MAX_OPTION_LENGTH ? `${word.slice(0, MAX_OPTION_LENGTH)}…` : word
  return usageError(`unknown option ${shown}${suggestion(flag, [...flags.keys()], '--')}`)
}

function readOption(flag: string, spec: OptionSpec, given: unknown, env: Environment): OptionValue | undefined {
  if (given === '' || (given === true && spec.kind !== 'switch')) throw usageError(`--${flag} has no value`)
  if (typeof given === 'boolean') return given
  if (typeof given === 'string') return readValue(`--${flag}`, spec, given)
  const variable = variableOf(flag)
  const text = env[variable]
  if (text) return readValue(variable, spec, text)
  if (spec.required) throw usageError(`--${flag} is missing; give it, or set ${variable} (${spec.help})`)
  return undefined
}

function readValue(name: string, spec: OptionSpec, text: string): OptionValue {
  switch (spec.kind) {
    case 'text':
      return text
    case 'choice':
      return oneOf(name, text, spec.choices, '')
    case 'words': {
      const words = text.split(',').map((word) => word.trim().toLowerCase())
      return words.map((word) => oneOf(name, word, spec.choices, ', several with commas'))
    }
    case 'switch':
      return readSwitch(name, text)
    case 'duration':
    case 'integer': {
      const value = spec.kind === 'duration' ? parseDuration(text, name) : readInteger(name, text, spec)
      if (isAllowed(value, spec)) return value
      throw usageError(`${name} is ${text}; allowed are ${allowedWithReason(spec)}`)
    }
  }
}

function oneOf(name: string, word: string, choices: readonly string[], several: string): string {
  if (choices.includes(word)) return word
  throw usageError(`${name} is ${quote(word)}${suggestion(word, choices)}; allowed are ${choices.join(', ')}${several}`)
}

function readInteger(name: string, text: string, spec: NumberSpec): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw usageError(`${name} is ${quote(text)}; allowed are whole numbers, ${allowedText(spec)}`)
}

function readSwitch(name: string, text: string): boolean {
  if (/^(true|1|yes|on)$/i.test(text)) return true
  if (/^(false|0|no|off)$/i.test(text)) return false
  throw usageError(`${name} is ${quote(text)}; allowed are true and false`)
}

/** Returns `; did you mean --task?` if a name is close to the given one, otherwise an empty text. */
export function suggestion(given: string, names: readonly string[], prefix = ''): string {
  const near = nearest(given, names)
  return near === null ? '' : `; did you mean ${prefix}${near}?`
}

/** Returns the name that was probably meant, or null if none is close. */
export function nearest(given: string, names: readonly string[]): string | null {
  if (names.length === 0) return null
  const near = closest(given, names)
  const slips = distance(given, near)
  // If every letter of a name would be a slip, it is a different name.
  return slips <= Math.min(MAX_SLIPS, Math.max(USUAL_SLIPS, given.length / 3)) && slips < near.length ? near : null
}
