export const BATCH_ADVICE = 'Put the batch command after --, for example: cronledger run … -- ./batch.sh'

/**
 * What a name of another tool or command means here: the first of these options that the command has, perhaps with a value, or an
 * advice. It comes before the nearest name: `--retries` has nearly the letters of `--metrics`.
 */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  cron: ['schedule'],
  'schedule-expression': ['schedule'],
  tz: ['timezone'],
  zone: ['timezone'],
  'time-zone': ['timezone'],
  'schedule-expression-timezone': ['timezone'],
  name: ['task'],
  'task-name': ['task'],
  job: ['task'],
  time: ['event-time', 'slot'],
  event: ['event-time'],
  'scheduled-time': ['event-time'],
  'event-time': ['slot'],
  slot: ['force-slot', 'event-time'],
  force: ['force-slot'],
  only: ['status'],
  'force-only': ['status'],
  retries: ['max-attempts'],
  retry: ['max-attempts'],
  attempts: ['max-attempts'],
  'max-retries': ['max-attempts'],
  'lock-at-most-for': ['lease'],
  ttl: ['retention'],
  for: ['until'],
  last: ['limit', 'since'],
  from: ['since'],
  to: ['until'],
  since: ['from'],
  until: ['to'],
  csv: ['format csv'],
  output: ['format'],
  message: ['reason'],
  table: ['store dynamodb:TABLE'],
  database: ['store'],
  db: ['store'],
  webhook: ['notify'],
  'notify-url': ['notify'],
  region: ['Set the variable AWS_REGION.'],
  profile: ['Set the variable AWS_PROFILE.'],
  cmd: [BATCH_ADVICE],
  command: [BATCH_ADVICE],
  'to-schedule': ['To see what a change of the schedule does: cronledger declare --dry-run'],
  'dry-run': ['To try a schedule: cronledger explain. To try the setup: cronledger setup --check'],
}

export const SHELLS = ['sh', 'bash', 'dash', 'ash', 'zsh', 'ksh', 'mksh', 'fish']

type Meant = { readonly option: string; readonly value: string } | { readonly advice: string }

/** `name` and the options have hyphens. Null: it is not in the table, or the command has none of its options. */
export function otherName(name: string, has: (option: string) => boolean): Meant | null {
  for (const text of Object.hasOwn(OTHER_NAMES, name) ? (OTHER_NAMES[name] ?? []) : []) {
    if (/^[A-Z]/.test(text)) return { advice: text }
    const [option = '', ...value] = text.split(' ')
    if (has(option)) return { option, value: value.map((word) => ` ${word}`).join('') }
  }
  return null
}
