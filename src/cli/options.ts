import { formatDuration } from '../core/duration.ts'
import { LIMITS, type Limit } from '../run/terms.ts'

/** One option of a command: the source of its flag, its environment variable, its help, and its line in the README. */
export interface OptionSpec {
  readonly kind: 'text' | 'duration' | 'integer' | 'switch'
  readonly help: string
  /** A placeholder for the value, in the help. */
  readonly value?: string
  readonly required?: true
  readonly choices?: readonly string[]
  readonly limit?: Limit
  /** What holds when it is left out, where that is no plain number. */
  readonly otherwise?: string
}

export type OptionTable = Readonly<Record<string, OptionSpec>>

const STORE = {
  store: {
    kind: 'text',
    value: 'LEDGER',
    required: true,
    help: 'The ledger: dynamodb:TABLE, or file:PATH for one machine',
  },
} as const satisfies OptionTable

const TASK = {
  task: { kind: 'text', value: 'NAME', required: true, help: 'Name of the scheduled batch' },
} as const satisfies OptionTable

const number = <Name extends keyof typeof LIMITS>(setting: Name, help: string, otherwise?: string) =>
  ({
    kind: setting.endsWith('Ms') ? 'duration' : 'integer',
    value: setting.endsWith('Ms') ? 'TIME' : 'N',
    limit: LIMITS[setting],
    help,
    ...(otherwise === undefined ? {} : { otherwise }),
  }) as const satisfies OptionSpec

export const RUN_OPTIONS = {
  ...STORE,
  ...TASK,
  schedule: {
    kind: 'text',
    value: 'EXPR',
    required: true,
    help: "When it is due: '0 3 * * *', @daily, cron(…), rate(…), at(…)",
  },
  timezone: { kind: 'text', value: 'ZONE', otherwise: 'UTC', help: 'IANA zone that the schedule is read in' },
  anchor: { kind: 'text', value: 'INSTANT', help: 'Where rate(…) starts counting' },
  'event-time': {
    kind: 'text',
    value: 'INSTANT',
    otherwise: 'the start of this process',
    help: "The time that this trigger stands for: $.time of a rule's event, or <aws.scheduler.scheduled-time>",
  },
  event: { kind: 'text', value: 'JSON|FILE|-', help: 'The EventBridge event itself; its "time" is the event time' },
  'require-event-time': { kind: 'switch', help: 'Refuse to take the start of this process for the event time' },
  'early-tolerance': {
    kind: 'duration',
    value: 'TIME',
    limit: { default: 30_000, min: 0, max: 3_600_000 },
    otherwise: '30s, or 1/20 of the window if that is less',
    help: 'An event time that close before a slot belongs to it',
  },
  'on-mismatch': {
    kind: 'text',
    value: 'warn|refuse',
    choices: ['warn', 'refuse'],
    otherwise: 'warn',
    help: 'When the event time is no fire time of the schedule',
  },
  'max-lateness': {
    kind: 'duration',
    value: 'TIME',
    limit: { default: 0, min: 0, max: 366 * 86_400_000 },
    otherwise: 'any time',
    help: 'Refuse to start later than this after the slot',
  },
  'max-attempts': number('maxAttempts', 'Attempts that scheduled triggers may start in one slot'),
  'force-slot': {
    kind: 'text',
    value: 'SLOT',
    help: 'Run this slot whatever became of it: an instant, local time, a date, or latest',
  },
  reason: { kind: 'text', value: 'TEXT', help: 'Why the slot is forced (required with --force-slot)' },
  by: { kind: 'text', value: 'NAME', otherwise: 'the ECS task, or user and host', help: 'Who forces the slot' },
  timeout: {
    kind: 'duration',
    value: 'TIME',
    limit: { default: 0, min: 1, max: 366 * 86_400_000 },
    otherwise: 'none',
    help: 'How long the command may run; then SIGTERM, and SIGKILL after --kill-after',
  },
  'kill-after': number('killAfterMs', 'Between SIGTERM and SIGKILL'),
  'stop-timeout': number(
    'stopTimeoutMs',
    "What the orchestrator grants after its SIGTERM: the container's stopTimeout",
  ),
  lease: number('leaseMs', 'How long a running attempt is trusted without a sign of life'),
  heartbeat: number('heartbeatMs', 'Between two signs of life'),
  skew: number('skewMs', "Largest difference between two hosts' clocks"),
  'on-lease-lost': {
    kind: 'text',
    value: 'stop|continue',
    choices: ['stop', 'continue'],
    otherwise: 'continue; with --max-attempts above 1, stop',
    help: 'When the lease cannot be renewed in time',
  },
  'ledger-timeout': number('ledgerTimeoutMs', 'How long the claim may take'),
  'finish-timeout': number(
    'finishTimeoutMs',
    'How long the outcome is tried to be recorded',
    '5m, or half the lease if that is less',
  ),
  'exit-on-duplicate': {
    kind: 'integer',
    value: 'N',
    limit: { default: 0, min: 0, max: 255 },
    help: 'Exit code of a duplicate',
  },
  'exit-on-running': {
    kind: 'integer',
    value: 'N',
    limit: { default: 0, min: 0, max: 255 },
    otherwise: '--exit-on-duplicate',
    help: 'Exit code of a duplicate while the other still runs; 75 where a retry is wanted',
  },
  log: {
    kind: 'text',
    value: 'json|text|quiet',
    choices: ['json', 'text', 'quiet'],
    otherwise: 'text on a terminal, else json',
    help: "cronledger's own log, on stderr",
  },
} as const satisfies OptionTable

export const HISTORY_OPTIONS = {
  ...STORE,
  ...TASK,
  limit: {
    kind: 'integer',
    value: 'N',
    limit: { default: 20, min: 1, max: 100_000 },
    help: 'Most slots, newest first',
  },
  json: { kind: 'switch', help: 'Print a JSON array instead of a table' },
  'ledger-timeout': number('ledgerTimeoutMs', 'How long the ledger may take'),
} as const satisfies OptionTable

export const SETUP_OPTIONS = {
  ...STORE,
  'ledger-timeout': {
    ...number('ledgerTimeoutMs', 'How long the ledger may take'),
    limit: { ...LIMITS.ledgerTimeoutMs, default: 120_000 },
  },
} as const satisfies OptionTable

/** `--max-attempts` is `CRONLEDGER_MAX_ATTEMPTS` in the environment. */
export function variableOf(option: string): string {
  return `CRONLEDGER_${option.replaceAll('-', '_').toUpperCase()}`
}

/** What holds when the option is left out, for a person. */
export function defaultText({ kind, limit, otherwise, required }: OptionSpec): string {
  if (required) return 'required'
  if (otherwise !== undefined) return otherwise
  if (kind === 'switch') return 'off'
  return limit === undefined ? '' : numberText(kind, limit.default)
}

/** What may be given, for a person. */
export function allowedText({ kind, limit, choices }: OptionSpec): string {
  if (choices !== undefined) return choices.join(', ')
  return limit === undefined ? '' : `${numberText(kind, limit.min)} to ${numberText(kind, limit.max)}`
}

function numberText(kind: OptionSpec['kind'], value: number): string {
  return kind === 'duration' ? formatDuration(value) : String(value)
}
