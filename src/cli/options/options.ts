import { USUAL_GRACE_MS } from '../../audit/expected.ts'
import { DAY_MS } from '../../core/duration.ts'
import { numberText, type OptionSpec, type OptionTable, optionName } from '../../core/option.ts'
import { SETTINGS } from '../../run/settings-table.ts'

const LONGEST_MS = 366 * DAY_MS

/** The options that several commands have. */
export const COMMON = {
  store: {
    kind: 'text',
    value: 'LEDGER',
    required: true,
    help: 'The ledger: dynamodb:TABLE, or file:PATH for one machine',
  },
  task: { kind: 'text', value: 'NAME', required: true, help: 'Name of the scheduled batch' },
  /** For the commands about all tasks. */
  onlyTask: { kind: 'text', value: 'NAME', otherwise: 'every task of the registry', help: 'Only this task' },
  schedule: {
    kind: 'text',
    value: 'EXPR',
    required: true,
    help: "When it is due: '0 3 * * *', @daily, cron(…), rate(…), at(…)",
  },
  timezone: { kind: 'text', value: 'ZONE', default: 'UTC', help: 'IANA zone that the schedule is read in' },
  anchor: { kind: 'text', value: 'INSTANT', help: 'Where rate(…) starts counting' },
  slot: {
    kind: 'text',
    value: 'SLOT',
    required: true,
    help: 'Which: an instant, local time, a date with one slot, or latest (the newest that is due)',
  },
  by: { kind: 'text', value: 'NAME', otherwise: 'the ECS task, or user and host', help: 'Who forces the slot' },
  /** For the commands about a range of slots. */
  until: { kind: 'text', value: 'TIME', otherwise: 'now', help: 'Slots before that; a date counts as a whole' },
  /** For the commands that find missed slots. */
  graceMs: {
    kind: 'duration',
    default: USUAL_GRACE_MS,
    bounds: [0, LONGEST_MS],
    help: 'A slot without a row is missed when it has been due for so long',
  },
  /** For `check`, and for the pages that show its findings. */
  lateAfterMs: {
    kind: 'duration',
    default: null,
    bounds: [0, LONGEST_MS],
    otherwise: 'never',
    help: 'A first attempt that started later than this after its slot is late',
  },
  /** For the commands that only read, or write once. */
  ledgerTimeoutMs: { ...SETTINGS.ledgerTimeoutMs, otherwise: undefined, help: 'How long the ledger may take' },
  format: { kind: 'choice', choices: ['text', 'json'], default: 'text', help: 'json is one array' },
  notify: {
    kind: 'text',
    value: 'CMD',
    otherwise: 'nobody is told',
    help: 'Tell somebody: a shell command that gets the event as JSON on its stdin, for 10s at most',
  },
  /** All commands have the same kinds, since they read the same environment. Each reports the kinds that it finds. */
  notifyOn: {
    kind: 'words',
    value: 'KIND[,…]',
    choices: ['duplicate', 'refused', 'skipped', 'failed', 'missed', 'stale', 'late'],
    otherwise: 'all',
    help: 'Of what --notify tells: a run of the first four, check of the last four',
  },
} as const satisfies OptionTable

/** Returns the environment variable of an option. That of `maxAttempts` is `CRONLEDGER_MAX_ATTEMPTS`. */
export function variableOf(name: string): string {
  return `CRONLEDGER_${optionName(name).replaceAll('-', '_').toUpperCase()}`
}

/** Returns the default of an option as text for the help, or `required`. The text is empty without a default. */
export function defaultText(spec: OptionSpec): string {
  if (spec.required) return 'required'
  if (spec.otherwise !== undefined) return spec.otherwise
  if (spec.kind === 'switch') return 'off'
  const usual = spec.default ?? ''
  return typeof usual === 'string' ? usual : numberText(spec.kind, usual)
}

/** Returns the placeholder for the value of an option. The text is empty if it takes none. */
export function valueName(spec: OptionSpec): string {
  if (spec.value !== undefined) return spec.value
  if ('choices' in spec) return spec.choices.join('|')
  return { text: '', switch: '', duration: 'TIME', integer: 'N' }[spec.kind]
}
