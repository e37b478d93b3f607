import { numberText, type OptionSpec, type OptionTable, optionName, RENAMED } from '../../core/option.ts'
import { STATUS_WORDS } from '../../core/row/policy.ts'
import type { Environment } from '../../core/types.ts'
import { NOTIFY_FORMAT_NAMES } from '../../format/notifications.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import { ledgerForms } from '../../store/open.ts'
import { FINDING_KINDS } from '../../verdict/judge.ts'

export interface CommandHelp {
  readonly name: string
  readonly summary: string
  readonly options: OptionTable
  /** The first argument may be the task, instead of `--task`. */
  readonly takesTask?: true
  /** The command starts the batch, whose command line comes after `--`, and must end in order when it is stopped. */
  readonly runsBatch?: true
  /** The arguments in the usage line, if they are neither of the two above. */
  readonly takes?: string
  readonly words?: readonly string[]
  readonly examples: ReadonlyArray<readonly [command: string, what: string]>
  readonly notes?: string
}

export const RUN_KINDS = ['started', 'succeeded', 'recovered', 'duplicate', 'refused', 'skipped', 'failed'] as const

export const COMMON = {
  store: {
    kind: 'text',
    value: 'LEDGER',
    required: true,
    help: `The ledger: ${ledgerForms()}`,
  },
  task: { kind: 'text', value: 'NAME', required: true, help: 'Name of the scheduled batch' },
  someTasks: {
    kind: 'text',
    value: 'NAME',
    otherwise: 'all tasks',
    isFlagOnly: true,
    help: "Only this task, or the tasks with this prefix: 'pay/*'",
  },
  onlyOwner: {
    kind: 'text',
    value: 'TEXT',
    otherwise: 'all tasks',
    isFlagOnly: true,
    help: 'Only the tasks whose owner contains this text, in upper or lower case',
  },
  schedule: {
    kind: 'text',
    value: 'EXPR',
    required: true,
    spaces: true,
    help: "When it is due: '0 3 * * *', @daily, cron(…), rate(…) or at(…)",
  },
  timezone: {
    kind: 'text',
    isUsual: true,
    value: 'ZONE',
    group: 'Event time',
    default: 'UTC',
    help: 'IANA time zone of the schedule, such as Asia/Tokyo',
  },
  anchor: {
    kind: 'text',
    value: 'INSTANT',
    group: 'Event time',
    help: 'Start of the first window of rate(…), which needs it',
  },
  slot: {
    kind: 'text',
    value: 'SLOT',
    required: true,
    help: 'An instant, local time, a date with one slot, or latest',
  },
  reason: {
    kind: 'text',
    value: 'TEXT',
    group: 'Running a slot again',
    spaces: true,
    quotes: true,
    help: 'Why; recorded with the slot',
    details: 'At most 800 bytes.',
  },
  fresh: {
    kind: 'switch',
    group: 'Running a slot again',
    help: 'Start without the checkpoint of the attempt before',
  },
  by: {
    kind: 'text',
    value: 'NAME',
    group: 'Running a slot again',
    otherwise: 'the ECS task, or user and host',
    help: 'Name of the operator',
  },
  since: {
    kind: 'text',
    value: 'TIME',
    help: 'Slots since an instant, local time, a date, or 7d ago',
    details: 'Also yesterday, today, or a time of day (02:00), which is the latest one.',
  },
  until: {
    kind: 'text',
    value: 'TIME',
    otherwise: 'now',
    help: 'Slots before this time; a date includes the whole day',
  },
  rangeZone: {
    kind: 'text',
    value: 'ZONE',
    otherwise: 'that of the task; for several tasks, that of the terminal',
    isFlagOnly: true,
    help: 'Time zone of --since and --until',
  },
  status: {
    kind: 'words',
    value: 'STATUS[,…]',
    choices: STATUS_WORDS,
    otherwise: 'all',
    isFlagOnly: true,
    help: 'Only slots with one of these statuses',
  },
  ledgerTimeoutMs: { ...SETTINGS.ledgerTimeoutMs, otherwise: undefined },
  format: {
    kind: 'choice',
    choices: ['text', 'json'],
    default: 'text',
    group: 'Notifications and output',
    help: 'Output format; json is one array',
  },
  json: { kind: 'switch', group: 'Notifications and output', help: 'Print JSON' },
  notify: {
    kind: 'text',
    isUsual: true,
    value: 'CMD',
    group: 'Notifications and output',
    spaces: true,
    quotes: true,
    shell: true,
    otherwise: 'none',
    help: 'Shell command that gets each event as JSON on stdin',
    details: 'It is killed after 10 s.',
  },
  notifyFormat: {
    kind: 'choice',
    requires: { option: 'notify' },
    choices: NOTIFY_FORMAT_NAMES,
    default: 'json',
    group: 'Notifications and output',
    help: 'What --notify gets: an event of the log, or a CloudEvent',
  },
  /** All commands have the same kinds, since they read the same environment. Each reports the kinds that it finds. */
  notifyOn: {
    kind: 'words',
    requires: { option: 'notify' },
    value: 'KIND[,…]',
    group: 'Notifications and output',
    choices: [...RUN_KINDS, ...FINDING_KINDS.filter((kind) => kind !== 'failed')],
    otherwise: 'all but started, succeeded, and the duplicate of a slot that is done in the same place',
    help: `Notify only about ${RUN_KINDS.join(', ')}`,
    details: `check notifies about ${FINDING_KINDS.join(', ')}, and with --once about recovered.`,
  },
} as const satisfies OptionTable

/** Returns the environment variable of an option. That of `maxAttempts` is `CRONLEDGER_MAX_ATTEMPTS`. */
export function variableOf(name: string): string {
  return `CRONLEDGER_${optionName(name).replaceAll('-', '_').toUpperCase()}`
}

/** Returns the words and the variables with the flags that options have now. */
export function withNewNames(argv: readonly string[], env: Environment) {
  let [words, variables] = [argv, env]
  for (const { flag, formerly } of RENAMED.values()) {
    const [old, own] = [variableOf(formerly), variableOf(flag)]
    words = words.map((word) => (word.split('=', 1)[0] === `--${formerly}` ? word.replace(formerly, flag) : word))
    if (env[old] !== undefined) variables = { ...variables, [old]: undefined, [own]: env[own] ?? env[old] }
  }
  return { argv: words, env: variables }
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
  return { text: '', names: '', switch: '', duration: 'DURATION', integer: 'N' }[spec.kind]
}

export const TASK_OR_ALL = {
  task: { ...COMMON.task, required: undefined, help: 'Name of the scheduled batch (required without --all)' },
  all: {
    kind: 'switch',
    help: 'All tasks that the ledger knows',
    details: 'An error of one does not stop the others, and is the exit code.',
  },
} as const satisfies OptionTable

export const TASK_CHANGE = {
  store: COMMON.store,
  task: COMMON.task,
  reason: { ...COMMON.reason, required: true, group: 'Options', help: 'Why; recorded with the task' },
  by: { ...COMMON.by, group: 'Options' },
  from: {
    kind: 'text',
    value: 'TIME',
    otherwise: 'now',
    help: 'From this time on: an instant, local time, or a date',
  },
  json: COMMON.json,
  ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
} as const satisfies OptionTable
