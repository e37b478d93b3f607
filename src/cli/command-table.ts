import type { Command } from './command.ts'

/** The groups of the overview, named after the aims of a user. */
type CommandGroup = 'Run a batch' | 'See what happened' | 'Fix a slot' | 'Change a task' | 'Set up'

export interface CommandEntry {
  readonly group: CommandGroup
  /** One line for the overview: an imperative. */
  readonly summary: string
  /** The command starts the batch on the same stdout and stderr, and must end in order when it is stopped. */
  readonly supervises?: true
  load(): Promise<Command>
}

/** Each command is loaded only when it is used, otherwise a run would wait for the code that prints tables. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  run: {
    group: 'Run a batch',
    summary: 'Run a command once in its slot of the schedule',
    supervises: true,
    load: async () => (await import('./commands/run.ts')).run,
  },
  rerun: {
    group: 'Run a batch',
    summary: 'Run a command again in one slot, or in the slots of a range that were missed or failed',
    supervises: true,
    load: async () => (await import('./commands/rerun.ts')).rerun,
  },
  check: {
    group: 'See what happened',
    summary: 'Find missed, failed, stale, overdue and late slots; exit 1 if there are any',
    load: async () => (await import('./commands/check.ts')).check,
  },
  tasks: {
    group: 'See what happened',
    summary: 'List the tasks with their schedules, last slots and next slots',
    load: async () => (await import('./commands/tasks.ts')).tasks,
  },
  history: {
    group: 'See what happened',
    summary: 'List the slots of a task, or of all tasks, with their status',
    load: async () => (await import('./commands/history.ts')).history,
  },
  show: {
    group: 'See what happened',
    summary: 'Show one slot as a timeline',
    load: async () => (await import('./commands/show.ts')).show,
  },
  serve: {
    group: 'See what happened',
    summary: 'Show all tasks and slots in a browser',
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  report: {
    group: 'See what happened',
    summary: 'Write all tasks and what went wrong into one HTML file',
    load: async () => (await import('./commands/report.ts')).report,
  },
  resolve: {
    group: 'Fix a slot',
    summary: 'Record the outcome of a stale or failed slot by hand, or skip a future slot',
    load: async () => (await import('./commands/resolve.ts')).resolve,
  },
  declare: {
    group: 'Change a task',
    summary: 'Record the schedule of a task before its first run, or before a change',
    load: async () => (await import('./commands/declare.ts')).declare,
  },
  pause: {
    group: 'Change a task',
    summary: 'Pause a task: its scheduled triggers start nothing, and no slot is missed',
    load: async () => (await import('./commands/pause.ts')).pause,
  },
  resume: {
    group: 'Change a task',
    summary: 'End the pauses and the retirement of a task',
    load: async () => (await import('./commands/resume.ts')).resume,
  },
  retire: {
    group: 'Change a task',
    summary: 'Retire a task that was removed, so that check does not report it',
    load: async () => (await import('./commands/retire.ts')).retire,
  },
  setup: {
    group: 'Set up',
    summary: 'Create the ledger, or check the setup',
    load: async () => (await import('./commands/setup.ts')).setup,
  },
  template: {
    group: 'Set up',
    summary: 'Print a template for AWS, or the parameters of a batch',
    load: async () => (await import('./commands/template.ts')).template,
  },
  explain: {
    group: 'Set up',
    summary: 'Show what a schedule means: its slots and the effects of clock changes',
    load: async () => (await import('./commands/explain.ts')).explain,
  },
  completion: {
    group: 'Set up',
    summary: 'Print a script for completion in bash or zsh',
    load: async () => (await import('./completion.ts')).completionOf(COMMANDS),
  },
}

/** How other tools name a command, and the commands here that have its meaning. */
const COMMANDS_OF_OTHERS: Readonly<Record<string, readonly string[]>> = {
  start: ['run'],
  trigger: ['run'],
  retry: ['rerun'],
  backfill: ['rerun'],
  force: ['rerun'],
  list: ['tasks', 'history'],
  ls: ['tasks', 'history'],
  status: ['check', 'history'],
  doctor: ['setup --check'],
  log: ['history', 'show'],
  logs: ['history', 'show'],
  describe: ['show'],
  complete: ['resolve'],
  skip: ['resolve'],
  suspend: ['pause'],
  disable: ['pause', 'retire'],
  stop: ['pause'],
  // The nearest names would be the opposite: pause and retire.
  unpause: ['resume'],
  unretire: ['resume'],
  enable: ['resume'],
  delete: ['retire'],
  remove: ['retire'],
  init: ['setup'],
  install: ['setup'],
  ui: ['serve'],
  dashboard: ['serve'],
  export: ['report', 'history'],
  next: ['explain', 'tasks'],
  register: ['declare'],
  add: ['declare'],
  version: ['--version'],
}

/** Returns the commands that a user may mean by a name that is common in other tools. */
export function commandsMeant(name: string): readonly string[] {
  const lower = name.toLowerCase()
  return Object.hasOwn(COMMANDS_OF_OTHERS, lower) ? (COMMANDS_OF_OTHERS[lower] ?? []) : []
}

/** Returns the help of `cronledger` itself. */
export function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length))
  const groups = new Set(Object.values(COMMANDS).map(({ group }) => group))
  const linesOf = (wanted: CommandGroup) =>
    Object.entries(COMMANDS).flatMap(([name, { group, summary }]) =>
      group === wanted ? [`  ${name.padEnd(width)}  ${summary}`] : [],
    )
  return [
    'Usage: cronledger COMMAND [options]',
    '',
    'Runs a scheduled batch once per period, even if the scheduler starts it more than once.',
    ...[...groups].flatMap((group) => ['', `${group}:`, ...linesOf(group)]),
    '',
    'cronledger help COMMAND  shows the options of a command, with examples.',
    'cronledger help TOPIC    explains exit-codes or environment.',
    'cronledger --version     shows the versions of cronledger, Node and the time zone data.',
    'The documentation is README.md and the folder docs of the package.',
  ].join('\n')
}
