import { LedgerError } from '../../core/errors.ts'
import { EXIT } from '../../core/exit.ts'
import { printable } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import { describeStore } from '../../store/open.ts'
import { createApp } from '../../web/server/app.tsx'
import { readAssets } from '../../web/server/assets.ts'
import { isLoopback } from '../../web/server/guard.ts'
import { listen } from '../../web/server/listen.ts'
import { defineCommand } from '../options/arguments.ts'
import { COMMON, type CommandHelp } from '../options/options.ts'
import { print } from '../output.ts'

const help = {
  name: 'serve',
  summary:
    'Show all tasks and slots in a browser, with what needs attention and the commands that help. Changes nothing. Runs until it is stopped.',
  options: {
    store: COMMON.store,
    port: {
      kind: 'integer',
      default: 8276,
      bounds: [0, 65_535],
      help: 'Port to listen on; 0 takes any free port',
    },
    host: {
      kind: 'text',
      value: 'HOST',
      default: '127.0.0.1',
      help: 'Address to listen on, without a login',
    },
    ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
  },
  examples: [
    ['cronledger serve --store dynamodb:cronledger', 'prints the address to open'],
    [
      'ssh -L 8276:127.0.0.1:8276 host cronledger serve --store file:/var/lib/ledger.db',
      'the ledger of another machine',
    ],
  ],
  notes: `Exit codes: ${EXIT.usage} if it cannot listen, ${EXIT.signal} + n after signal n, otherwise as in run.`,
} as const satisfies CommandHelp

export const serve = defineCommand(help, async (values, { sink }) => {
  const { store, host = help.options.host.default } = values
  const emit = (message: string) => sink.write(printable(`cronledger: ${message}`))
  const ledgerTimeoutMs = values.ledgerTimeoutMs ?? SETTINGS.ledgerTimeoutMs.default
  const ledger = createLedger({ store })
  try {
    await ledger.tasks({ ledgerTimeoutMs, emitProblem: (problem) => emit(`warning: ${problem}`) }).next()
  } catch (error) {
    // A ledger that cannot be reached may come back. One that is none, or that denies access, is an error.
    if (!(error instanceof LedgerError) || error.kind !== 'unreachable') throw error
    emit(`warning: ${error.message}`)
  }
  const app = createApp({
    ledger,
    store: describeStore(store).nameAnywhere(),
    assets: readAssets(),
    host,
    ledgerTimeoutMs,
    clock: systemClock,
    report: emit,
  })
  const url = await listen(app, host, values.port ?? help.options.port.default)
  if (!isLoopback(host)) {
    emit(
      `warning: the pages have no login, and ${host} can be reached from other machines. Anyone who can open ${url} can read the whole ledger.`,
    )
  }
  await print(url)
  emit('serving until it is stopped (Ctrl-C)')
  // This promise never resolves. A stop ends the process and its connections.
  return new Promise<never>(() => {})
})
