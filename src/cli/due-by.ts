import { usageError } from '../core/errors.ts'
import { defined } from '../core/fields.ts'
import type { Values } from './arguments.ts'
import type { OptionTable } from './options.ts'

/** What was due: of the commands that tell what was missed. */
export const DUE_BY = {
  schedule: {
    kind: 'text',
    value: 'EXPR',
    otherwise: "the registry's",
    help: 'What was due, where the registry does not know it or is wrong; needs --task',
  },
  timezone: { kind: 'text', value: 'ZONE', otherwise: 'UTC', help: 'IANA zone that --schedule is read in' },
  anchor: { kind: 'text', value: 'INSTANT', help: 'Where a --schedule rate(…) starts counting' },
} as const satisfies OptionTable

/** The same for the library. Throws a usage error where a schedule is given without the task that has it. */
export function dueBy(given: Values<typeof DUE_BY> & { readonly task: string | undefined }) {
  const { task, schedule, timezone, anchor } = given
  if (task === undefined && schedule !== undefined) throw usageError('--schedule is given, but no --task that has it')
  return defined({ schedule, timezone, anchor })
}
