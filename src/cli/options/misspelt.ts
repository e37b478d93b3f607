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
  `all script slot from to only dry-run json keep-going since until commands new format notify-each status limit fields port host
  out state run check role parameters outputs computed at from-schedule from-timezone from-anchor to-schedule to-timezone
  to-anchor count ecs-network pod delivery-attempt secrets catch-up-mode`.split(/\s+/),
)

/** Shorter names (`log`, `by`) are close to too many others. */
const MIN_LETTERS = 5

/** In the warning. Kubernetes gives seven variables `CRONLEDGER_…` to each pod beside a service of that name. */
const MOST_NAMED = 3

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
    const near = otherName(name, (option) => names.includes(option)) ?? nearest(name, names)
    const isGuard = near !== null && GUARD_OPTIONS.has(near) && mayForce
    if (near === null || !left.includes(near) || !(isGuard || SLOT_OPTIONS.has(near))) continue
    const risk = isGuard ? 'start in a slot that you exclude' : 'take another slot'
    throw usageError(
      `${variable} is not an option of ${command}, and without ${variableOf(near)} the run could ${risk}. Set ${variableOf(near)}, or remove ${variable}.`,
    )
  }
  const known = new Set([...Object.keys(RUN_OPTIONS), ...KNOWN_ELSEWHERE].map(variableOf))
  const long = left.filter((name) => name.length >= MIN_LETTERS)
  const unknown = others.flatMap((variable) =>
    known.has(variable) ? [] : [{ variable, near: nearest(nameOf(variable), long) }],
  )
  if (unknown.length === 0) return null
  const meant = unknown.filter(({ near }) => near !== null)
  const shown = (meant.length === 0 ? unknown : meant).slice(0, MOST_NAMED).map(({ variable }) => variable)
  const more = unknown.length - shown.length
  const all = listed([...shown, ...(more === 0 ? [] : [`${more} more`])], 'and')
  const are = unknown.length === 1 ? 'is not an option of cronledger and has' : 'are not options of cronledger and have'
  const hint = didYouMean(meant.slice(0, MOST_NAMED).flatMap(({ near }) => (near === null ? [] : [variableOf(near)])))
  return `${all} ${are} no effect.${hint} For all options: cronledger help ${command} --all`
}
