import { usageError } from '../../core/errors.ts'
import { type OptionTable, optionName } from '../../core/option.ts'
import { printable, safeJson } from '../../format/text.ts'
import { systemClock } from '../../process/clock.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import { setUpStore } from '../../store/setup.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT } from '../exit.ts'
import { isGiven, readOptions } from '../options/arguments.ts'
import { COMMON } from '../options/options.ts'
import { print } from '../output.ts'
import { checkSetup } from './setup/check.ts'
import { PRINTABLE, printTemplate } from './setup/print.ts'
import { stepText } from './setup/step-text.ts'

const BATCH = { group: 'Options', required: undefined } as const

const OPTIONS = {
  store: COMMON.store,
  check: { kind: 'switch', help: 'Change nothing; check that everything that a run needs is in place' },
  role: {
    kind: 'choice',
    value: 'ROLE',
    choices: ['runner', 'auditor', 'operator'],
    otherwise: 'operator; all with --print iam',
    help: 'Permissions to check, or policy to print',
    details:
      'A runner uses run. An auditor uses history, show, check, tasks, serve and report. An operator uses all commands.',
  },
  skewMs: { ...SETTINGS.skewMs, help: 'Report a clock that is off by more than half of this' },
  print: {
    kind: 'choice',
    value: 'WHAT',
    choices: PRINTABLE,
    help: 'Change nothing; print a template with the values filled in',
  },
  task: { ...COMMON.task, ...BATCH, help: 'Name of the batch, for a template, a policy or a check' },
  schedule: { ...COMMON.schedule, ...BATCH },
  timezone: { ...COMMON.timezone, ...BATCH },
  anchor: { ...COMMON.anchor, ...BATCH },
  container: { kind: 'text', value: 'NAME', default: 'batch', help: 'Name of the container' },
  image: { kind: 'text', value: 'IMAGE', otherwise: 'a placeholder', help: 'Image of the batch' },
  json: { ...COMMON.json, help: 'Print JSON, without --print' },
  ledgerTimeoutMs: { ...COMMON.ledgerTimeoutMs, default: 120_000, otherwise: '2m; 30s with --check' },
} as const satisfies OptionTable

const OF_CREATING = ['store', 'check', 'json', 'ledgerTimeoutMs']

const help = {
  name: 'setup',
  summary:
    'Create the ledger, a DynamoDB table or a file. A ledger that exists is not changed. With --check, check the setup; with --print, print a template for AWS.',
  options: OPTIONS,
  examples: [
    ['cronledger setup --store dynamodb:cronledger', 'create the table and wait until it is ready'],
    ['cronledger setup --store dynamodb:cronledger --check --role runner', 'in the container: check what a run needs'],
    [
      "cronledger setup --store dynamodb:cronledger --print cloudformation --task nightly --schedule '0 3 * * *'",
      'print the CloudFormation stack of a batch',
    ],
  ],
  notes:
    'Exit codes of --check: 0, or that of the most serious problem: 77 access denied, 78 ledger not found or not usable, 75 ledger not reachable, 64 clock, region, event time or an option of the batch.',
} as const

export const setup: Command = {
  help,
  async execute({ argv, env, sink }: CommandContext) {
    const { check, print: what, ...values } = readOptions(help, argv, env)
    if (check && what !== undefined) throw usageError('--check and --print cannot be used together. Use one of them.')
    if (what !== undefined) {
      if (isGiven('json', argv)) throw usageError('--json and --print cannot be used together. Use one of them.')
      const { text, notes } = printTemplate({ ...values, print: what }, env, systemClock.now())
      for (const note of notes) sink.write(printable(`cronledger: ${note}`))
      await print(text)
      return EXIT.ok
    }
    if (check) return checkSetup(values, env)
    const ignored = Object.keys(OPTIONS).find((name) => !OF_CREATING.includes(name) && isGiven(name, argv))
    if (ignored !== undefined) throw usageError(`--${optionName(ignored)} requires --check or --print.`)
    const signal = AbortSignal.timeout(values.ledgerTimeoutMs ?? OPTIONS.ledgerTimeoutMs.default)
    const { name, steps, warnings } = await setUpStore(values.store, env, { signal })
    for (const warning of warnings) sink.write(`cronledger: ${warning}`)
    if (values.json)
      await print(
        safeJson(
          steps.map((step) => ({ ledger: name, ...step })),
          2,
        ),
      )
    else for (const step of steps) await print(`${name}: ${stepText(name, step)}`)
    return EXIT.ok
  },
}
