export const BATCH_ADVICE = 'Put the batch command after --, for example: cronledger run … -- ./batch.sh'

/**
 * What the names of other tools and commands mean here: an option, perhaps with a value, or an advice. The first row whose
 * option the command has counts. It comes before the nearest name: `--retries` has nearly the letters of `--metrics`.
 */
const OTHER_NAMES: readonly (readonly [meant: string, names: string])[] = [
  ['schedule', 'cron crontab schedule-expression interval every'],
  ['timezone', 'tz zone time-zone schedule-expression-timezone'],
  ['task', 'name task-name job'],
  ['force-slot', 'force slot'],
  ['event-time', 'time event scheduled-time slot'],
  ['slot', 'time event-time'],
  ['status', 'only force-only'],
  ['max-attempts', 'retries retry attempts max-retries backoff-limit'],
  ['max-lateness', 'starting-deadline-seconds deadline'],
  ['overlap', 'concurrency-policy concurrency'],
  ['overlap wait', 'wait queue'],
  ['overlap skip', 'skip no-overlap'],
  ['lease', 'lock-at-most-for'],
  ['retention', 'ttl'],
  ['until', 'for to'],
  ['limit', 'last'],
  ['since', 'last from'],
  ['from', 'since'],
  ['format csv', 'csv'],
  ['format', 'output'],
  ['json', 'output'],
  ['log quiet', 'quiet silent'],
  ['log', 'output'],
  ['reason', 'message'],
  ['store dynamodb:TABLE', 'table'],
  ['store', 'ledger database db'],
  ['notify', 'webhook notify-url'],
  ['Set the variable AWS_REGION.', 'region'],
  ['Set the variable AWS_PROFILE.', 'profile'],
  [BATCH_ADVICE, 'cmd command'],
  ['To see what a change of the schedule does: cronledger declare --dry-run', 'to-schedule'],
  ['The schedule is that of the task record: cronledger tasks NAME', 'cron crontab schedule-expression'],
  ['To try a schedule: cronledger explain. To try the setup: cronledger setup --check', 'dry-run'],
]

export const SHELLS = ['sh', 'bash', 'dash', 'ash', 'zsh', 'ksh', 'mksh', 'fish']

type Meant = { readonly option: string; readonly value: string } | { readonly advice: string }

/** `name` and the options have hyphens. Null: it is not in the table, or the command has none of its options. */
export function otherName(name: string, has: (option: string) => boolean): Meant | null {
  for (const [meant, names] of OTHER_NAMES) {
    if (!names.split(' ').includes(name)) continue
    if (/^[A-Z]/.test(meant)) return { advice: meant }
    const [option = '', ...value] = meant.split(' ')
    if (has(option)) return { option, value: value.map((word) => ` ${word}`).join('') }
  }
  return null
}
