import { usageError } from '../../../core/errors.ts'
import { type OptionTable, optionName } from '../../../core/option.ts'
import { COMMON } from '../../options/options.ts'

export const SLOT_OR_RANGE = {
  slot: {
    ...COMMON.slot,
    required: undefined,
    isUsual: true,
    help: 'One slot: an instant, local time, a date, or latest',
  },
  from: {
    kind: 'text',
    value: 'TIME',
    isUsual: true,
    help: 'Or a range that begins here: an instant, local time, a date, or 7d',
  },
  until: { ...COMMON.until, isUsual: true },
} as const satisfies OptionTable

export function checkSlotOrRange(values: Readonly<Record<string, unknown>>, ofRange: readonly string[]): void {
  const has = (name: string) => values[name] !== undefined && values[name] !== false
  if (!has('slot') && !has('from')) {
    throw usageError('--slot or --from is required. Give --slot for one slot, or --from for a range.')
  }
  const [one, kind, others] = has('slot')
    ? ['slot', 'a range', ['from', 'until', ...ofRange]]
    : ['from', 'one slot', []]
  const other = others.find(has)
  if (other === undefined) return
  const name = optionName(other)
  throw usageError(`--${one} and --${name} cannot be used together, because --${name} is for ${kind}. Use one of them.`)
}
