import { usageError } from '../../core/errors.ts'
import { optionName } from '../../core/option.ts'
import type { Environment } from '../../core/types.ts'
import { FORCING_VARIABLES } from '../../run/command.ts'
import { nearest } from './nearest.ts'
import { variableOf } from './options.ts'

/** The options that choose the slot. Without one of them, the run could take another slot. */
const SLOT_OPTIONS: ReadonlySet<string> = new Set(
  'task schedule timezone anchor event-time event force-slot'.split(' '),
)

/** Other words for these options, which differ by more than a slip. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  tz: 'timezone',
  zone: 'timezone',
  'time-zone': 'timezone',
  'schedule-timezone': 'timezone',
  'schedule-expression': 'schedule',
  'schedule-expression-timezone': 'timezone',
  cron: 'schedule',
  'cron-expression': 'schedule',
  'task-name': 'task',
  'scheduled-time': 'event-time',
  'start-date': 'anchor',
}

const PREFIX = variableOf('')

/**
 * Throws a usage error if the name of a variable is nearly that of an option that chooses the slot, and the option is
 * not given. The run would ignore the variable and could go to another slot.
 */
export function refuseMisspeltSlotOptions(values: Readonly<Record<string, unknown>>, env: Environment): void {
  const names = Object.keys(values).map(optionName)
  const known = new Set([...names.map(variableOf), ...FORCING_VARIABLES])
  const given = new Set(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [optionName(name)])),
  )
  for (const [variable, value] of Object.entries(env)) {
    if (!value || !variable.startsWith(PREFIX) || variable.startsWith(`${PREFIX}RUN_`) || known.has(variable)) continue
    const name = variable.slice(PREFIX.length).toLowerCase().replaceAll('_', '-')
    const meant = OTHER_WORDS[name] ?? nearest(name, names)
    if (meant === null || !SLOT_OPTIONS.has(meant) || !names.includes(meant) || given.has(meant)) continue
    throw usageError(
      `${variable} is not an option, and without ${variableOf(meant)} the run could take another slot. Set ${variableOf(meant)}, or remove ${variable}.`,
    )
  }
}
