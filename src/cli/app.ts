import sdk from '@aws-sdk/client-dynamodb/package.json' with { type: 'json' }
import cronledger from '../../package.json' with { type: 'json' }
import { asError, LedgerError, usageError, withoutSecret } from '../core/errors.ts'
import { EXIT } from '../core/exit.ts'
import type { Environment } from '../core/types.ts'
import { exitCodeOfStop } from '../exit-code.ts'
import { printable } from '../format/text.ts'
import { ZONE_DATA } from '../process/clock.ts'
import { openSink, type Sink } from '../process/log/sink.ts'
import type { Stops } from '../process/signals.ts'
import {
  checkBatch,
  checkBytes,
  checkEnvironmentBytes,
  checkNoBatch,
  checkPlatform,
  unknownCommand,
} from './command-line.ts'
import { COMMANDS, OVERVIEW } from './command-table.ts'
import { hintAbout } from './lookup.ts'
import type { Command, CommandContext } from './options/arguments.ts'
import { withNewNames } from './options/options.ts'
import { print, screenOf } from './output.ts'

/** A slow reader gets this long for the last lines of the log. After that, the exit code matters more. */
const LAST_LINES_MS = 2_000

/** How a warning begins that concerns only the developers of cronledger: later versions of the AWS SDK need a later Node. */
const OWN_WARNING = 'NodeVersionSupportWarning'

/** Runs the command line. Returns the exit code, and never throws. */
export async function main(args: readonly string[], env: Environment, stops: Stops): Promise<number> {
  const sink = openSink(2)
  logWarnings(sink)
  try {
    checkBytes(args)
    const split = args.indexOf('--')
    const [name, ...argv] = split === -1 ? args : args.slice(0, split)
    const rest = split === -1 ? null : args.slice(split + 1)
    // A password in an address must not stay in the process list.
    if (argv.some((word) => withoutSecret(word) !== word)) process.title = 'cronledger'
    if (rest !== null) checkEnvironmentBytes(env)
    return await dispatch(name, { ...withNewNames(argv, env), rest, stops, sink })
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

/** Node's own listener blocks while the reader of the log stalls. With `NODE_NO_WARNINGS`, Node has not added one. */
function logWarnings(sink: Sink): void {
  if (process.listenerCount('warning') === 0) return
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message }) => {
    if (message.startsWith(OWN_WARNING)) return
    sink.write(printable(`cronledger: Node warns: ${name}: ${message}`))
  })
}

async function dispatch(name: string | undefined, context: CommandContext): Promise<number> {
  if (name === undefined) return withoutCommand(context)
  if (name === '--version' || name === '-v' || name === '-V') return answer(versionText())
  if (name === '--help' || name === '-h' || name === 'help') {
    const [topic] = context.argv.filter((word) => !word.startsWith('-'))
    if (topic === undefined || topic === 'help') return answer(OVERVIEW)
    const page = (await import('./help.ts')).topicText(topic)
    if (page !== null) return answer(page)
    if (Object.hasOwn(COMMANDS, topic)) return answerHelp(await load(topic, context.argv), context)
    throw (await import('./topics.ts')).unknownTopic(topic, Object.keys(COMMANDS))
  }
  const command = await load(name, context.argv)
  if (context.argv.includes('--help') || context.argv.includes('-h')) return answerHelp(command, context)
  if (command.help.runsBatch) {
    checkPlatform(name, process.platform)
    checkBatch(name, context.rest ?? [])
    return command.execute(context)
  }
  // The scripts of the completion put the words of a line there.
  if (name !== 'completion') checkNoBatch(name, context.rest ?? [])
  // A stop may end such a command at once, since it has nothing to end in order.
  return Promise.race([command.execute(context), exitCodeOfStop(context.stops)])
}

/** The exit code is that of an error: a container without its arguments has not run the batch. */
async function withoutCommand({ rest, sink }: CommandContext): Promise<number> {
  if (rest !== null) throw usageError('no command before --. To run a batch: cronledger run … -- ./batch.sh')
  await print(OVERVIEW)
  sink.write('cronledger: no command is given, so nothing was run.')
  return EXIT.usage
}

function load(name: string, argv: readonly string[]): Promise<Command> {
  const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (found === undefined) throw unknownCommand(name, argv)
  return found()
}

async function answerHelp({ help }: Command, { argv, env }: CommandContext): Promise<number> {
  return answer(await (await import('./help.ts')).helpOf(help, screenOf(env).columns, argv.includes('--all')))
}

async function answer(text: string): Promise<number> {
  await print(text)
  return EXIT.ok
}

export function versionText(): string {
  return `cronledger ${cronledger.version} (Node ${process.version}, AWS SDK ${sdk.version}, zone data ${ZONE_DATA})`
}
