import { formatDuration } from './duration.ts'
import { hyphened, type OptionText, option, said, usageError } from './errors.ts'
import { isUpstream } from './user-text.ts'

export const OPTION_GROUPS = [
  'Required',
  'Options',
  'Event time',
  'Retries',
  'Overlap',
  'Limits',
  'Expectations',
  'Running a slot again',
  'Notifications and output',
  'Advanced',
] as const

export type OptionGroup = (typeof OPTION_GROUPS)[number]

/** Another option that is given, or has one of these values, or at least this one. */
interface Condition {
  readonly option: string
  readonly is?: readonly string[]
  readonly atLeast?: number
}

interface Described {
  /** One line for the help: an imperative, or a noun phrase. */
  readonly help: string
  /** Whole sentences that docs/reference/options.md and commands.md add to the help. */
  readonly details?: string | undefined
  /** The group in the help. A required option is in the group of those. */
  readonly group?: OptionGroup
  readonly value?: string
  readonly required?: true | undefined
  /** In the first screen of the help of a command that runs a batch. `help COMMAND --all` shows the others, too. */
  readonly isUsual?: true | undefined
  /** Without that, the option has no effect, and its author expects one. `orForced`: it has one in a forced run. */
  readonly requires?: Condition & { readonly orForced?: true }
  /** `own`: the value of this option that does not go with the others. Left out: each value. */
  readonly excludes?: readonly (Condition & { readonly own?: string; readonly why: string })[]
  /** Only a flag sets it: a variable of a batch would limit what its operator sees. */
  readonly isFlagOnly?: true
  /** The flag may have an empty value, which removes what is recorded. */
  readonly isClearable?: true
  readonly otherwise?: string | undefined
}

/** A whole number. A duration is a whole number of milliseconds, and the name of such an option ends in `Ms`. */
export interface NumberSpec extends Described {
  readonly kind: 'duration' | 'integer'
  /** Null if leaving the option out has a meaning of its own. */
  readonly default: number | null
  readonly bounds: readonly [min: number, max: number]
  readonly why?: string
}

interface TextSpec extends Described {
  readonly kind: 'text'
  readonly value: string
  readonly default?: string | null
  /** The value usually contains spaces, so that users forget to quote it. */
  readonly spaces?: true
  readonly repeats?: true
  /** The value may begin and end with quotes that belong to it. */
  readonly quotes?: true
  readonly shell?: true
}

/** One of the choices. `words` means several of them, separated by commas, in any letter case. */
interface ChoiceSpec extends Described {
  readonly kind: 'choice' | 'words'
  readonly choices: readonly string[]
  readonly default?: string | null
}

interface NamesSpec extends Described {
  readonly kind: 'names'
  readonly value: string
  readonly default?: null
}

interface SwitchSpec extends Described {
  readonly kind: 'switch'
}

/** One option. Its type, flag, variable, help and line in the reference follow from this and its name. */
export type OptionSpec = NumberSpec | TextSpec | ChoiceSpec | NamesSpec | SwitchSpec

export type OptionTable = Readonly<Record<string, OptionSpec>>

interface KindValues<Word> {
  text: string
  choice: Word
  words: readonly Word[]
  names: readonly string[]
  duration: number
  integer: number
  switch: boolean
}

export type ValueOf<Spec extends OptionSpec> = KindValues<
  Spec extends { choices: readonly (infer Word)[] } ? Word : never
>[Spec['kind']]

/** Throws a usage error for a value that requires or excludes that of another option. `hint` says what to do, by the flag. */
export function checkTogether(
  table: OptionTable,
  values: Readonly<Record<string, unknown>>,
  hint: (flag: string) => string = () => '',
): void {
  const valueIn = (name: string) => values[name] ?? (table[name] && 'default' in table[name] && table[name].default)
  const holds = ({ option: other, is, atLeast }: Condition): boolean => {
    const value = valueIn(other)
    if (typeof value === 'number' && atLeast !== undefined) return value >= atLeast
    return is === undefined ? value !== undefined && value !== null && value !== false : is.some((one) => one === value)
  }
  const given = Object.entries(table).filter(([name]) => values[name] !== undefined && values[name] !== false)
  for (const [name, { requires, excludes = [] }] of given) {
    if (requires !== undefined && !holds(requires) && !(requires.orForced && holds({ option: 'force' }))) {
      const other = option(requires.option)
      const wanted = requires.is?.join(' or ') ?? (requires.atLeast === undefined ? '' : `${requires.atLeast} or more`)
      const found: OptionText =
        requires.is === undefined ? [] : said`, but ${other} is ${String(valueIn(requires.option))}`
      throw usageError(
        said`${option(name)} requires ${other}${wanted && ` ${wanted}`}${found}.${hint(optionName(name))}`,
      )
    }
    const wrong = excludes.find((one) => (one.own ?? values[name]) === values[name] && holds(one))
    if (wrong === undefined) continue
    const own = wrong.own === undefined ? '' : ` ${wrong.own}`
    const value = valueIn(wrong.option)
    throw usageError(
      said`${option(name)}${own} cannot be used with ${option(wrong.option)}${value === true ? '' : ` ${value}`}, because ${wrong.why}. Leave ${option(name)} out.`,
    )
  }
}

export function groupOf({ required, group }: OptionSpec): OptionGroup {
  return required ? 'Required' : (group ?? 'Options')
}

/**
 * The options whose flag is another one now, by name. The flag and the variable of before still work. The name, which the library
 * and the stored records have, stays.
 */
export const RENAMED = new Map<string, { readonly flag: string; readonly formerly: string }>()

export function optionName(name: string): string {
  const renamed = RENAMED.get(name)
  if (renamed !== undefined) return renamed.flag
  return hyphened(name)
}

export function allowedText(spec: OptionSpec): string {
  if ('choices' in spec) return spec.choices.join(', ')
  if (spec.kind === 'names') return 'names of tasks'
  return 'bounds' in spec ? spec.bounds.map((bound) => numberText(spec.kind, bound)).join(' to ') : ''
}

export function allowedWithReason(spec: OptionSpec): string {
  return 'why' in spec ? `${allowedText(spec)}: ${spec.why}` : allowedText(spec)
}

export function isAllowed(value: unknown, spec: OptionSpec): boolean {
  if ('choices' in spec) return spec.choices.some((choice) => choice === value)
  if (spec.kind === 'text') return typeof value === 'string'
  if (spec.kind === 'names') return Array.isArray(value) && value.length > 0 && value.every(isUpstream)
  if (!('bounds' in spec)) return true
  const [min, max] = spec.bounds
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
}

export function numberText(kind: OptionSpec['kind'], value: number): string {
  return kind === 'duration' ? formatDuration(value) : String(value)
}
