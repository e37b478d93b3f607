import { type SetupStep, setUpStore } from '../store/setup.ts'
import { readOptions } from './arguments.ts'
import type { Command, CommandContext } from './command.ts'
import { EXIT } from './exit.ts'
import { LEDGER_TIMEOUT, type OptionTable, STORE } from './options.ts'
import { print } from './streams.ts'

const OPTIONS = {
  ...STORE,
  'ledger-timeout': {
    ...LEDGER_TIMEOUT['ledger-timeout'],
    limit: { ...LEDGER_TIMEOUT['ledger-timeout'].limit, default: 120_000 },
  },
} as const satisfies OptionTable

const help = {
  name: 'setup',
  summary:
    'Creates the ledger: a DynamoDB table or a file. Changes nothing where it is there already, and says how one that is\nno ledger differs.',
  options: OPTIONS,
  examples: [['cronledger setup --store dynamodb:cronledger', 'create the table, wait until it is ready']],
} as const

const WORDS: Readonly<Record<SetupStep['what'], string>> = {
  table: 'table',
  timeToLive: 'time to live',
  file: 'file',
}

const DEEDS: Readonly<Record<SetupStep['did'], string>> = {
  created: 'created',
  found: 'was there already, as it should be',
  enabled: 'turned on',
  unsupported: 'not known to this server; the ledger works without it',
}

export const setup: Command = {
  help,
  async execute({ argv, env, sink }: CommandContext) {
    const values = readOptions(help, argv, env)
    const signal = AbortSignal.timeout(values['ledger-timeout'] ?? OPTIONS['ledger-timeout'].limit.default)
    const { name, steps, warnings } = await setUpStore(values.store, env, { signal })
    for (const warning of warnings) sink.write(`cronledger: ${warning}`)
    for (const { what, did } of steps) await print(`${name}: ${WORDS[what]} ${DEEDS[did]}`)
    return EXIT.ok
  },
}
