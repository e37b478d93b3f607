import { LedgerError } from '../../core/errors.ts'
import { printable } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { LIMITS } from '../../run/settings.ts'
import { createApp } from '../../web/server/app.tsx'
import { readAssets } from '../../web/server/assets.ts'
import { isLoopback } from '../../web/server/guard.ts'
import { listen } from '../../web/server/listen.ts'
import type { Command, CommandContext } from '../command.ts'
import { readOptions } from '../options/arguments.ts'
import { GRACE, LATE_AFTER, LEDGER_TIMEOUT, type OptionTable, STORE } from '../options/options.ts'
import { RUN_OPTIONS } from '../options/run-options.ts'
import { print } from '../output.ts'

const OPTIONS = {
  ...STORE,
  port: {
    kind: 'integer',
    value: 'N',
    limit: { default: 8276, min: 0, max: 65_535 },
    help: 'Where it listens; 0 takes any port that is free',
  },
  host: {
    kind: 'text',
    value: 'HOST',
    otherwise: '127.0.0.1',
    help: 'Address or name of this machine to listen on. There is no login: beyond loopback, whoever reaches it reads all',
  },
  ...GRACE,
  ...LATE_AFTER,
  skew: RUN_OPTIONS.skew,
  ...LEDGER_TIMEOUT,
} as const satisfies OptionTable

const help = {
  name: 'serve',
  summary:
    'Shows the ledger in a browser: all tasks and their slots, what needs a person, and the commands that mend it. It only reads, and runs until it is stopped.',
  options: OPTIONS,
  examples: [
    ['cronledger serve --store dynamodb:cronledger', 'then open the address that it prints'],
    [
      'ssh -L 8276:127.0.0.1:8276 host cronledger serve --store file:/var/lib/ledger.db',
      'the ledger of another machine',
    ],
  ],
  notes: 'Exit codes: 64 where it cannot listen, 128 + n for the signal that stopped it, else as those of run.',
} as const

export const serve: Command = {
  help,
  async execute({ argv, env, sink }: CommandContext) {
    const values = readOptions(help, argv, env)
    const { store, host = '127.0.0.1' } = values
    const emit = (message: string) => sink.write(printable(`cronledger: ${message}`))
    const ledgerTimeoutMs = values['ledger-timeout'] ?? LIMITS.ledgerTimeoutMs.default
    const ledger = createLedger({ store })
    await firstLook(ledger, ledgerTimeoutMs, emit)
    const app = createApp({
      ledger,
      store,
      assets: readAssets(),
      host,
      ledgerTimeoutMs,
      graceMs: values.grace ?? GRACE.grace.limit.default,
      lateAfterMs: values['late-after'],
      skewMs: values.skew ?? LIMITS.skewMs.default,
      clock: systemClock,
      report: emit,
    })
    const url = await listen(app, host, values.port ?? OPTIONS.port.limit.default)
    if (!isLoopback(host)) {
      emit(
        `warning: ${host} is beyond this machine, and there is no login: whoever reaches ${url} reads the whole ledger`,
      )
    }
    await print(url)
    emit('serving until it is stopped (Ctrl-C)')
    // This promise never resolves. A stop ends the process and its connections.
    return new Promise<never>(() => {})
  },
}

/**
 * Reads from the ledger once. Throws the error at once if the store is not a ledger or access is denied. A ledger that
 * cannot be reached may come back, so this only emits a warning.
 */
async function firstLook(
  ledger: ReturnType<typeof createLedger>,
  ledgerTimeoutMs: number,
  emit: (message: string) => void,
) {
  try {
    await ledger.tasks({ ledgerTimeoutMs }).next()
  } catch (error) {
    if (!(error instanceof LedgerError) || error.kind !== 'unreachable') throw error
    emit(`warning: ${error.message}`)
  }
}
