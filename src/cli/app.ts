import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import sdk from '@aws-sdk/client-dynamodb/package.json' with { type: 'json' }
import cronledger from '../../package.json' with { type: 'json' }
import { asError, LedgerError, quote, usageError } from '../core/errors.ts'
import type { Environment } from '../core/types.ts'
import { printable } from '../format/text.ts'
import { openSink, type Sink } from '../process/log/sink.ts'
import type { Stops } from '../process/signals.ts'
import type { Command, CommandContext } from './command.ts'
import { EXIT, exitCodeOfStop } from './exit.ts'
import { hintAbout } from './lookup.ts'
import { suggestion } from './options/arguments.ts'
import { hideStandardStreams, print, screenOf } from './output.ts'

interface CommandEntry {
  readonly summary: string
  /** The command starts the batch on the same stdout and stderr, and must end in order when it is stopped. */
  readonly supervises?: true
  load(): Promise<Command>
}

/** Each command is loaded only when it is used, otherwise a run would wait for the code that prints tables. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  run: {
    summary: 'Run a command once in the schedule window that the event time belongs to',
    supervises: true,
    load: async () => (await import('./commands/run.ts')).run,
  },
  rerun: {
    summary: 'Run a command in one slot again, or in those of a range that were missed, failed or are stale',
    supervises: true,
    load: async () => (await import('./commands/rerun.ts')).rerun,
  },
  history: {
    summary: 'Show what became of the slots of a task',
    load: async () => (await import('./commands/history.ts')).history,
  },
  show: {
    summary: 'Show everything about one slot as a timeline',
    load: async () => (await import('./commands/show.ts')).show,
  },
  explain: {
    summary: 'Say what a schedule means: the slot of an instant, its neighbours, and what the clocks do to it',
    load: async () => (await import('./commands/explain.ts')).explain,
  },
  check: {
    summary: 'Find the slots that were missed, failed, are stale or came late',
    load: async () => (await import('./commands/check.ts')).check,
  },
  tasks: {
    summary: 'Show the tasks that the ledger knows, with their schedules and next slots',
    load: async () => (await import('./commands/tasks.ts')).tasks,
  },
  resolve: {
    summary: 'Say what became of a slot that is stale or failed, or that one shall not run',
    load: async () => (await import('./commands/resolve.ts')).resolve,
  },
  serve: {
    summary: 'Show the ledger in a browser: tasks, slots, and what needs a person',
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  report: {
    summary: 'Write what serve shows into one HTML file',
    load: async () => (await import('./commands/report.ts')).report,
  },
  setup: {
    summary: 'Create the ledger (a DynamoDB table or a file), or check the one that is there',
    load: async () => (await import('./commands/setup.ts')).setup,
  },
  completion: {
    summary: 'Print what makes bash or zsh complete commands and options',
    load: async () => (await import('./completion.ts')).completionOf(COMMANDS),
  },
}

/** A slow reader gets this long for the last lines of the log. After that, the exit code matters more. */
const LAST_LINES_MS = 2_000

/** How the warnings begin that concern only the developers of cronledger. */
const OWN_WARNINGS = [
  // Later versions of the AWS SDK need a later Node. It comes with every run.
  'NodeVersionSupportWarning',
  // The executable has no SQLite. A message of our own says so.
  'Currently the require() provided to the main script embedded into single-executable applications',
]

/** Runs the command line. Returns the exit code, and never throws. */
export async function main(args: readonly string[], env: Environment, stops: Stops): Promise<number> {
  const sink = openSink(2)
  logWarnings(sink)
  try {
    refuseBytes(args)
    const split = args.indexOf('--')
    const [name, ...argv] = split === -1 ? args : args.slice(0, split)
    const rest = split === -1 ? null : args.slice(split + 1)
    return await dispatch(name, { argv, rest, env, stops, sink })
  } catch (error) {
    if (error instanceof LedgerError) {
      sink.write(printable(`cronledger: ${error.message}${hintAbout(error)}`))
      return EXIT[error.kind]
    }
    sink.write(`cronledger: this is a bug, please report it: ${asError(error).stack ?? error}`)
    return EXIT.bug
  } finally {
    await sink.flush(LAST_LINES_MS)
  }
}

/**
 * Writes Node's warnings to the log. Node's own listener prints them with a call that blocks while the reader of the log
 * stalls. With `NODE_NO_WARNINGS`, Node has not added a listener, and the user gets no warnings.
 */
function logWarnings(sink: Sink): void {
  if (process.listenerCount('warning') === 0) return
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message }) => {
    if (OWN_WARNINGS.some((start) => message.startsWith(start))) return
    sink.write(printable(`cronledger: Node warns: ${name}: ${message}`))
  })
}

async function dispatch(name: string | undefined, context: CommandContext): Promise<number> {
  if (name === '--version' || name === '-V') return answer(versionText())
  if (name === '--help' || name === '-h' || name === 'help') return answer(overview())
  if (name === undefined)
    throw usageError(`no command; there are ${Object.keys(COMMANDS).join(', ')} (cronledger --help)`)
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (entry === undefined) {
    const near = suggestion(name, [...Object.keys(COMMANDS), '--help', '--version'])
    const place = name.startsWith('-') && near === '' ? '; a command comes before its options' : near
    throw usageError(`unknown command ${quote(name)}${place} (cronledger --help)`)
  }
  const asksHelp = context.argv.includes('--help') || context.argv.includes('-h')
  if (entry.supervises && !asksHelp) {
    refuseItself(context.rest ?? [])
    hideStandardStreams()
  }
  const [word] = entry.supervises ? [] : (context.rest ?? [])
  if (word !== undefined) throw usageError(`${quote(word)} comes after --, and ${name} runs no command; take both away`)
  const { help, execute } = await entry.load()
  if (asksHelp) return answer(await (await import('./help.ts')).helpOf(help, screenOf(context.env).columns))
  // A stop may end any other command at once, since such a command has nothing to end in order.
  return entry.supervises ? execute(context) : Promise.race([execute(context), exitCodeOfStop(context.stops)])
}

/**
 * Throws a usage error if the batch is a command of cronledger. In an image whose entrypoint is `cronledger run --`, a
 * command line that is meant for cronledger becomes the batch. It would take the slot, and the real batch would then be
 * a duplicate.
 */
function refuseItself([file = '', name = '']: readonly string[]): void {
  if (basename(file) !== 'cronledger' || !Object.hasOwn(COMMANDS, name)) return
  throw usageError(
    `the command after -- is cronledger ${name}, which is no batch and would take its slot; name the batch there, and start cronledger ${name} by itself: where an image's entrypoint is cronledger run --, with another entrypoint (docker run --entrypoint cronledger IMAGE ${name} …; on ECS, a task definition with entryPoint)`,
  )
}

/**
 * Throws a usage error if an argument is not valid UTF-8. Node replaces the invalid bytes with U+FFFD, so the batch
 * would get an argument that differs from the given one. A U+FFFD in a valid command line was given as such.
 */
function refuseBytes(args: readonly string[]): void {
  const changed = args.find((word) => word.includes('\ufffd'))
  if (changed === undefined || isUtf8(ownCommandLine())) return
  throw usageError(
    `argument ${quote(changed)} has bytes that are no UTF-8, and would be passed on changed; give it in UTF-8`,
  )
}

/** Returns the arguments of this process as bytes. The result is empty if the system does not provide them. */
function ownCommandLine(): Buffer {
  try {
    return readFileSync('/proc/self/cmdline')
  } catch {
    return Buffer.alloc(0)
  }
}

async function answer(text: string): Promise<number> {
  await print(text)
  return EXIT.ok
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length))
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return [
    'cronledger: a scheduled batch runs once per period, on a scheduler that delivers at least once',
    '',
    'Commands:',
    ...lines,
    '',
    'cronledger COMMAND --help shows the options of each, cronledger --version the versions.',
  ].join('\n')
}

/** Returns the versions of cronledger, Node, the AWS SDK and Node's zone data, which decides the slots. */
export function versionText(): string {
  const { version, versions } = process
  return `cronledger ${cronledger.version} (Node ${version}, AWS SDK ${sdk.version}, zone data ${versions['tz']})`
}
