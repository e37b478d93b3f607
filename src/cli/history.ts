import { createLedger } from '../ledger.ts'
import { historyTable } from '../report/history.ts'
import { rowJson } from '../report/row.ts'
import { systemClock } from '../run/clock.ts'
import { LIMITS } from '../run/terms.ts'
import { readOptions } from './arguments.ts'
import type { Command, CommandContext } from './command.ts'
import { EXIT } from './exit.ts'
import { LEDGER_TIMEOUT, type OptionTable, STORE, TASK } from './options.ts'
import { print } from './streams.ts'

const OPTIONS = {
  ...STORE,
  ...TASK,
  limit: {
    kind: 'integer',
    value: 'N',
    limit: { default: 20, min: 1, max: 100_000 },
    help: 'Most slots, newest first',
  },
  json: { kind: 'switch', help: 'Print a JSON array instead of a table' },
  ...LEDGER_TIMEOUT,
} as const satisfies OptionTable

const help = {
  name: 'history',
  summary: 'Shows what became of the slots of a task, newest first.',
  options: OPTIONS,
  examples: [['cronledger history --store dynamodb:cronledger --task nightly --limit 7', 'the last seven slots']],
} as const

export const history: Command = {
  help,
  async execute({ argv, env }: CommandContext) {
    const values = readOptions(help, argv, env)
    const ledger = createLedger({ store: values.store })
    const rows = []
    for await (const row of ledger.history({
      task: values.task,
      limit: values.limit ?? OPTIONS.limit.limit.default,
      signal: AbortSignal.timeout(values['ledger-timeout'] ?? LIMITS.ledgerTimeoutMs.default),
    })) {
      rows.push(row)
    }
    const now = systemClock.now()
    // A row tells nothing of its run's skew; the default is what most have, and the word is for a person.
    const skewMs = LIMITS.skewMs.default
    if (values.json)
      await print(
        JSON.stringify(
          rows.map((row) => rowJson(row, now, skewMs)),
          null,
          2,
        ),
      )
    else await print(rows.length === 0 ? `no slot of ${values.task} is on record` : historyTable(rows, now, skewMs))
    return EXIT.ok
  },
}
