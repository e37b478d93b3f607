import { usageError } from '../../core/errors.ts'
import { didYouMean, nearest } from '../../core/near.ts'
import { optionName } from '../../core/option.ts'
import type { Environment } from '../../core/types.ts'
import { listed } from '../../format/text.ts'
import { otherName } from './mistakes.ts'
import { variableOf } from './options.ts'
import { RUN_OPTIONS } from './run-options.ts'

const SLOT_OPTIONS: ReadonlySet<string> = new Set('task schedule timezone anchor event-time force-slot'.split(' '))
const GUARD_OPTIONS: ReadonlySet<string> = new Set(['force-only', 'only'])

const PREFIX = variableOf('')
/** The prefix of the variables that a run sets for its batch. */
const RUN_PREFIX = variableOf('run-')

/** Options of other commands, which read the same environment, and variables that the stack gives to the container. */
export const KNOWN_ELSEWHERE: ReadonlySet<string> = new Set(
  `all ecs slot from to only dry-run json keep-going since until commands new format notify-each status limit fields port host
  out state run check role parameters outputs computed at from-schedule from-timezone from-anchor to-schedule to-timezone
  to-anchor count ecs-network delivery-attempt secrets`.split(/\s+/),
)

/** Shorter names (`log`, `by`) are close to too many others. */
const MIN_LETTERS = 5

/**
 * Returns a warning about the variables `CRONLEDGER_…` that do not belong to an option of any command: a misspelt limit would
 * silently have no effect. Throws a usage error if one is nearly an option that chooses the slot or limits a force and is not given.
 */
export function misspeltVariables(
  command: string,
  values: Readonly<Record<string, unknown>>,
  env: Environment,
): string | null {
  const names = Object.keys(values).map(optionName)
  const left = Object.keys(values).flatMap((name) => (values[name] === undefined ? [optionName(name)] : []))
  const mayForce = !('forceSlot' in values) || values['forceSlot'] !== undefined
  const nameOf = (variable: string) => variable.slice(PREFIX.length).toLowerCase().replaceAll('_', '-')
  const own = new Set(names.map(variableOf))
  const others = Object.keys(env).filter(
    (variable) =>
      env[variable] && variable.startsWith(PREFIX) && !variable.startsWith(RUN_PREFIX) && !own.has(variable),
  )
  for (const variable of others) {
    const name = nameOf(variable)
    const near = names.includes(name) ? name : (otherName(name) ?? nearest(name, names))
    const isGuard = near !== null && GUARD_OPTIONS.has(near) && mayForce
    if (near === null || !left.includes(near) || !(isGuard || SLOT_OPTIONS.has(near))) continue
    const risk = isGuard ? 'start in a slot that you exclude' : 'take another slot'
    throw usageError(
      `${variable} is not an option of ${command}, and without ${variableOf(near)} the run could ${risk}. Set ${variableOf(near)}, or remove ${variable}.`,
    )
  }
  const known = new Set([...Object.keys(RUN_OPTIONS), ...KNOWN_ELSEWHERE].map(variableOf))
  const unknown = others.filter((variable) => !known.has(variable))
  if (unknown.length === 0) return null
  const long = left.filter((name) => name.length >= MIN_LETTERS)
  const meant = unknown.flatMap((variable) => nearest(nameOf(variable), long) ?? [])
  const are = unknown.length === 1 ? 'is not an option of cronledger and has' : 'are not options of cronledger and have'
  return `${listed(unknown, 'and')} ${are} no effect.${didYouMean(meant.map(variableOf))}`
}
