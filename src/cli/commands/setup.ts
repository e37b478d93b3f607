import { usageError } from '../../core/errors.ts'
import { type OptionTable, optionName } from '../../core/option.ts'
import { printable } from '../../format/text.ts'
import { systemClock } from '../../process/clock.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import type { SetupStep } from '../../store/finding.ts'
import { setUpStore } from '../../store/setup.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT } from '../exit.ts'
import { isGiven, readOptions } from '../options/arguments.ts'
import { COMMON } from '../options/options.ts'
import { print } from '../output.ts'
import { checkSetup } from './setup-check.ts'
import { PRINTABLE, printTemplate } from './setup-print.ts'

const BATCH = 'needed by all templates but iam'

const OPTIONS = {
  store: COMMON.store,
  check: { kind: 'switch', help: 'Change nothing, and say of all that a run needs whether it is there' },
  role: {
    kind: 'choice',
    value: 'ROLE',
    choices: ['runner', 'auditor', 'operator'],
    otherwise: 'operator; with --print iam, a policy for each',
    help: 'Whose permissions --check tries, and whose policy --print iam prints: run; history, show, check, tasks, serve, report; or all of them',
  },
  skewMs: { ...SETTINGS.skewMs, help: 'As in run: --check finds a clock that is off by more than half of it' },
  print: { kind: 'choice', value: 'WHAT', choices: PRINTABLE, help: 'Change nothing, and print a template, filled in' },
  task: { ...COMMON.task, required: undefined, otherwise: BATCH },
  schedule: { ...COMMON.schedule, required: undefined, otherwise: BATCH },
  timezone: COMMON.timezone,
  anchor: COMMON.anchor,
  container: { kind: 'text', value: 'NAME', default: 'batch', help: 'Name of the container in a template' },
  image: { kind: 'text', value: 'IMAGE', otherwise: 'left open', help: 'Image of the batch in a template' },
  ledgerTimeoutMs: { ...COMMON.ledgerTimeoutMs, default: 120_000, otherwise: '2m; with --check, 30s' },
} as const satisfies OptionTable

const OF_CREATING = ['store', 'check', 'ledgerTimeoutMs']

const help = {
  name: 'setup',
  summary:
    'Creates the ledger: a DynamoDB table or a file. Changes nothing where it is there already, and says how one that is no ledger differs. With --check or --print it changes nothing at all.',
  options: OPTIONS,
  examples: [
    ['cronledger setup --store dynamodb:cronledger', 'create the table, wait until it is ready'],
    ['cronledger setup --store dynamodb:cronledger --check --role runner', 'in the container: is all there for a run?'],
    [
      "cronledger setup --store dynamodb:cronledger --print cloudformation --task nightly --schedule '0 3 * * *'",
      'the stack of a batch',
    ],
  ],
  notes:
    'Exit codes: 0; with --check, that of the gravest finding: 77 denied, 78 no ledger, 75 out of reach, 64 clock, region, event time, or what a run reads of the batch.',
} as const

const STEP_NAMES: Readonly<Record<SetupStep['what'], string>> = {
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
    const { check, print: what, ...values } = readOptions(help, argv, env)
    if (check && what !== undefined) throw usageError('--check and --print are given together; give one of them')
    if (what !== undefined) {
      const { text, notes } = printTemplate({ ...values, print: what }, env, systemClock.now())
      for (const note of notes) sink.write(printable(`cronledger: ${note}`))
      await print(text)
      return EXIT.ok
    }
    if (check) return checkSetup(values, env)
    const ignored = Object.keys(OPTIONS).find((name) => !OF_CREATING.includes(name) && isGiven(name, argv))
    if (ignored !== undefined)
      throw usageError(`--${optionName(ignored)} is given, but neither --check nor --print that needs it`)
    const signal = AbortSignal.timeout(values.ledgerTimeoutMs ?? OPTIONS.ledgerTimeoutMs.default)
    const { name, steps, warnings } = await setUpStore(values.store, env, { signal })
    for (const warning of warnings) sink.write(`cronledger: ${warning}`)
    for (const { what, did } of steps) await print(`${name}: ${STEP_NAMES[what]} ${DEEDS[did]}`)
    return EXIT.ok
  },
}
