import { usageError } from '../../core/errors.ts'
import { nearest } from '../../core/near.ts'
import { optionName } from '../../core/option.ts'
import type { Environment } from '../../core/types.ts'
import { FORCING_VARIABLES } from '../../run/command.ts'
import { OTHER_NAMES } from './mistakes.ts'
import { variableOf } from './options.ts'

/** The options that choose the slot. Without one of them, the run could take another slot. */
const SLOT_OPTIONS: ReadonlySet<string> = new Set('task schedule timezone anchor event-time force-slot'.split(' '))
/** The options that limit a force. Without one of them, the run could start in a slot that the operator excluded. */
const GUARD_OPTIONS: ReadonlySet<string> = new Set(['force-only', 'only'])

const PREFIX = variableOf('')

/** Shorter names (`log`, `by`) are close to too many names that may belong to the batch. */
const MIN_LETTERS = 5

/**
 * Returns a warning for each variable whose name is nearly that of an option of the command that is not given. Without a
 * warning, a misspelt limit would silently have no effect. We refuse only unknown flags, since the environment also
 * belongs to the batch.
 *
 * Throws a usage error if the option chooses the slot or limits a force. The run would ignore the variable, and could go
 * to another slot or start in a slot for which the force is not meant.
 */
export function misspeltVariables(
  command: string,
  values: Readonly<Record<string, unknown>>,
  env: Environment,
): string[] {
  const names = Object.keys(values).map(optionName)
  const known = new Set(names.map(variableOf))
  const mayForce = !('forceSlot' in values) || values['forceSlot'] !== undefined
  const left = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [optionName(name)] : []))
  const long = left.filter((name) => name.length >= MIN_LETTERS)
  return Object.entries(env).flatMap(([variable, value]) => {
    if (!value || !variable.startsWith(PREFIX) || variable.startsWith(`${PREFIX}RUN_`) || known.has(variable)) return []
    const name = variable.slice(PREFIX.length).toLowerCase().replaceAll('_', '-')
    const near = OTHER_NAMES[name] ?? nearest(name, names)
    const risk = near === null || !left.includes(near) ? null : riskWithout(near, mayForce)
    if (near !== null && risk !== null) {
      throw usageError(
        `${variable} is not an option of ${command}, and without ${variableOf(near)} ${risk}. Set ${variableOf(near)}, or remove ${variable}.`,
      )
    }
    const meant = FORCING_VARIABLES.includes(variable) ? null : nearest(name, long)
    return meant === null
      ? []
      : [`${variable} is not an option of ${command} and has no effect. Did you mean ${variableOf(meant)}?`]
  })
}

/** Returns what could happen if a run ignores this option. Returns null if its absence is only a limit that is missing. */
function riskWithout(option: string, mayForce: boolean): string | null {
  if (SLOT_OPTIONS.has(option)) return 'the run could take another slot'
  return GUARD_OPTIONS.has(option) && mayForce ? 'the run could start in a slot that you exclude' : null
}
