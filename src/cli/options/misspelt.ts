import { usageError } from '../../core/errors.ts'
import { nearest } from '../../core/near.ts'
import { optionName } from '../../core/option.ts'
import type { Environment } from '../../core/types.ts'
import { FORCING_VARIABLES } from '../../run/command.ts'
import { otherName } from './mistakes.ts'
import { variableOf } from './options.ts'

const SLOT_OPTIONS: ReadonlySet<string> = new Set('task schedule timezone anchor event-time force-slot'.split(' '))
const GUARD_OPTIONS: ReadonlySet<string> = new Set(['force-only', 'only'])

const PREFIX = variableOf('')

/** Shorter names (`log`, `by`) are close to too many names that may belong to the batch. */
const MIN_LETTERS = 5

/**
 * Returns a warning for each variable whose name is nearly that of an option of the command that is not given. Without a
 * warning, a misspelt limit would silently have no effect. We refuse only unknown flags, since the environment also
 * belongs to the batch.
 *
 * Throws a usage error if the option chooses the slot or limits a force, because the run could go to another slot, or
 * start in a slot for which the force is not meant.
 */
export function misspeltVariables(
  command: string,
  values: Readonly<Record<string, unknown>>,
  env: Environment,
): string[] {
  const names = Object.keys(values).map(optionName)
  const left = Object.keys(values).flatMap((name) => (values[name] === undefined ? [optionName(name)] : []))
  const mayForce = !('forceSlot' in values) || values['forceSlot'] !== undefined
  return Object.keys(env).flatMap((variable) => {
    const name = variable.slice(PREFIX.length).toLowerCase().replaceAll('_', '-')
    if (!env[variable] || !variable.startsWith(PREFIX) || name.startsWith('run-') || names.includes(name)) return []
    const near = otherName(name) ?? nearest(name, names)
    const isGuard = near !== null && GUARD_OPTIONS.has(near) && mayForce
    if (near !== null && left.includes(near) && (isGuard || SLOT_OPTIONS.has(near))) {
      const risk = isGuard ? 'start in a slot that you exclude' : 'take another slot'
      throw usageError(
        `${variable} is not an option of ${command}, and without ${variableOf(near)} the run could ${risk}. Set ${variableOf(near)}, or remove ${variable}.`,
      )
    }
    if (FORCING_VARIABLES.includes(variable)) return []
    const meant = nearest(
      name,
      left.filter((one) => one.length >= MIN_LETTERS),
    )
    return meant === null
      ? []
      : [`${variable} is not an option of ${command} and has no effect. Did you mean ${variableOf(meant)}?`]
  })
}
