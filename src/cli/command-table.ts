import cronledger from '../../package.json' with { type: 'json' }
import type { Command } from './options/arguments.ts'

/** Whether the address in package.json leads somewhere. Nothing prints it before that. */
export const isReleased: boolean = false

/** Each command is loaded only when it is used, otherwise a run would wait for the code that prints tables. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./commands/run.ts')).run,
  rerun: async () => (await import('./commands/rerun.ts')).rerun,
  check: async () => (await import('./commands/check.ts')).check,
  tasks: async () => (await import('./commands/tasks.ts')).tasks,
  history: async () => (await import('./commands/history.ts')).history,
  show: async () => (await import('./commands/show.ts')).show,
  serve: async () => (await import('./commands/serve.ts')).serve,
  resolve: async () => (await import('./commands/resolve.ts')).resolve,
  declare: async () => (await import('./commands/declare.ts')).declare,
  pause: async () => (await import('./commands/pause.ts')).pause,
  resume: async () => (await import('./commands/pause.ts')).resume,
  retire: async () => (await import('./commands/pause.ts')).retire,
  setup: async () => (await import('./commands/setup.ts')).setup,
  template: async () => (await import('./commands/template.ts')).template,
  explain: async () => (await import('./commands/explain.ts')).explain,
  completion: async () => (await import('./completion.ts')).completionOf(COMMANDS),
}

export const OVERVIEW = `Usage: cronledger COMMAND [options]

Runs a scheduled batch once per period, even if the scheduler starts it more than once.

Everyone needs these:
  setup       Create the ledger, or check the setup
  run         Run a command once in its slot of the schedule
  check       Find the slots that need attention; exit 1 if there are any
  show        Show one slot as a timeline
  rerun       Run a command again in one slot, or in the slots of a range that were missed or failed

When there are more tasks, and more people who ask:
  tasks       List the tasks with their schedules, last slots and next slots
  history     List the slots of a task, or of all tasks, with their status
  serve       Show all tasks and slots in a browser

When you know more than the record:
  resolve     Record the outcome of a stale or failed slot by hand, or skip a future slot

When a task changes or rests:
  declare     Record the schedule of a task before its first run, or before a change
  pause       Pause a task: its scheduled triggers start nothing, and no slot is missed
  resume      End the pauses and the retirement of a task
  retire      Retire a task that was removed, so that check does not report it

When you write a setup:
  template    Print a template for AWS, Kubernetes or PostgreSQL, or the parameters of a batch
  explain     Show what a schedule means: its slots and the effects of clock changes
  completion  Print a script for completion in bash, zsh or fish

cronledger help COMMAND  shows the options of a command, with examples.
cronledger help TOPIC    explains exit-codes, environment or operating (what to do at 3 a.m.).
cronledger --version     shows the versions of cronledger, Node and the time zone data.
The documentation: ${isReleased ? cronledger.homepage : 'docs/README.md in the repository'}`
