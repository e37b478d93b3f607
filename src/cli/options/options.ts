import { USUAL_GRACE_MS } from '../../audit/expected.ts'
import { formatDuration } from '../../core/duration.ts'
import { LIMITS, type Limit } from '../../run/settings.ts'

/** One option of a command. Its flag, environment variable, help and line in docs/options.md are derived from it. */
export interface OptionSpec {
  /** `words` means several of the choices, separated by commas, in any letter case. */
  readonly kind: 'text' | 'words' | 'duration' | 'integer' | 'switch'
  readonly help: string
  /** The placeholder for the value in the help. */
  readonly value?: string
  readonly required?: true
  readonly choices?: readonly string[]
  readonly limit?: Limit
  /** The default for the help, if it is not a plain number. */
  readonly otherwise?: string
}

export type OptionTable = Readonly<Record<string, OptionSpec>>

export const STORE = {
  store: {
    kind: 'text',
    value: 'LEDGER',
    required: true,
    help: 'The ledger: dynamodb:TABLE, or file:PATH for one machine',
  },
} as const satisfies OptionTable

export const TASK = {
  task: { kind: 'text', value: 'NAME', required: true, help: 'Name of the scheduled batch' },
} as const satisfies OptionTable

export const SLOT = {
  slot: {
    kind: 'text',
    value: 'SLOT',
    required: true,
    help: 'Which: an instant, local time, a date with one slot, or latest (the newest that is due)',
  },
} as const satisfies OptionTable

/** Returns the option for a numeric setting of a run. Its default and bounds are those of the setting. */
export const numberOption = <Name extends keyof typeof LIMITS>(setting: Name, help: string, otherwise?: string) =>
  ({
    kind: setting.endsWith('Ms') ? 'duration' : 'integer',
    value: setting.endsWith('Ms') ? 'TIME' : 'N',
    limit: LIMITS[setting],
    help,
    ...(otherwise === undefined ? {} : { otherwise }),
  }) as const satisfies OptionSpec

/** For the commands that find missed slots. */
export const GRACE = {
  grace: {
    kind: 'duration',
    value: 'TIME',
    limit: { default: USUAL_GRACE_MS, min: 0, max: 366 * 86_400_000 },
    help: 'A slot without a row is missed when it has been due for so long',
  },
} as const satisfies OptionTable

/** For `check`, and for the pages that show its findings. */
export const LATE_AFTER = {
  'late-after': {
    kind: 'duration',
    value: 'TIME',
    limit: { default: 0, min: 0, max: 366 * 86_400_000 },
    otherwise: 'never',
    help: 'A first attempt that started later than this after its slot is late',
  },
} as const satisfies OptionTable

/** For the commands that only read, or write once. */
export const LEDGER_TIMEOUT = {
  'ledger-timeout': numberOption('ledgerTimeoutMs', 'How long the ledger may take'),
} as const satisfies OptionTable

/** Returns the environment variable of an option. That of `--max-attempts` is `CRONLEDGER_MAX_ATTEMPTS`. */
export function variableOf(option: string): string {
  return `CRONLEDGER_${option.replaceAll('-', '_').toUpperCase()}`
}

/** Returns the default of an option as text for the help, or `required`. The text is empty without a default. */
export function defaultText({ kind, limit, otherwise, required }: OptionSpec): string {
  if (required) return 'required'
  if (otherwise !== undefined) return otherwise
  if (kind === 'switch') return 'off'
  return limit?.default == null ? '' : numberText(kind, limit.default)
}

/** Returns the allowed values of an option as text for the help. The result is empty if any value is allowed. */
export function allowedText({ kind, limit, choices }: OptionSpec): string {
  if (choices !== undefined) return choices.join(', ')
  return limit === undefined ? '' : `${numberText(kind, limit.min)} to ${numberText(kind, limit.max)}`
}

function numberText(kind: OptionSpec['kind'], value: number): string {
  return kind === 'duration' ? formatDuration(value) : String(value)
}
