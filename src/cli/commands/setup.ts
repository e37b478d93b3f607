import { usageError } from '../../core/errors.ts'
import { type OptionTable, optionName } from '../../core/option.ts'
import { EXIT } from '../../exit-code.ts'
import { printable, safeJson } from '../../format/text.ts'
import { systemClock } from '../../process/clock.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import { setUpStore } from '../../store/setup.ts'
import type { Command, CommandContext } from '../command.ts'
import { isGiven, readOptions } from '../options/arguments.ts'
import { COMMON } from '../options/options.ts'
import { print } from '../output.ts'
import { checkSetup } from './setup/check.ts'
import { PRINTABLE, printStack, printTemplate } from './setup/print.ts'
import { setupStepText } from './setup/step-text.ts'

const BATCH = { group: 'Options', required: undefined } as const

const OPTIONS = {
  // The CloudFormation template is the same for all ledgers.
  store: { ...COMMON.store, required: undefined, group: 'Required' },
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
    help: 'Change nothing; print a template for AWS, or its parameters',
    details:
      'cloudformation is the template of a stack, the same for all batches, and parameters are those of one batch. iam, eventbridge and task-definition are parts for those who do not use the stack.',
  },
  task: { ...COMMON.task, ...BATCH, help: 'Name of the batch, for --print or --check' },
  schedule: { ...COMMON.schedule, ...BATCH },
  timezone: { ...COMMON.timezone, ...BATCH },
  anchor: { ...COMMON.anchor, ...BATCH },
  container: { kind: 'text', value: 'NAME', default: 'batch', help: 'Name of the container' },
  image: { kind: 'text', value: 'IMAGE', help: 'Image of the batch' },
  cluster: { kind: 'text', value: 'NAME', group: 'Parameters of the stack', help: 'Name of the ECS cluster' },
  subnets: {
    kind: 'text',
    value: 'IDS',
    group: 'Parameters of the stack',
    help: 'Ids of subnets, separated by commas',
  },
  securityGroups: {
    kind: 'text',
    value: 'IDS',
    group: 'Parameters of the stack',
    otherwise: 'the default group of the VPC',
    help: 'Ids of security groups, separated by commas',
  },
  existingTable: {
    kind: 'switch',
    group: 'Parameters of the stack',
    help: 'Use a table that another stack, or setup, has created',
  },
  parameters: {
    kind: 'text',
    value: 'NAME=VALUE…',
    group: 'Parameters of the stack',
    spaces: true,
    otherwise: 'the defaults of the template',
    help: "Other parameters, such as 'Memory=1024 AlarmEmail=ops@example.org'",
    details: 'The file has all parameters, so a later deployment without this option sets them back to their defaults.',
  },
  json: { ...COMMON.json, help: 'Print JSON, without --print' },
  ledgerTimeoutMs: { ...COMMON.ledgerTimeoutMs, default: 120_000, otherwise: '2m; 30s with --check' },
} as const satisfies OptionTable

const OF_CREATING = ['store', 'check', 'json', 'ledgerTimeoutMs']
const OF_STACK = ['cluster', 'subnets', 'securityGroups', 'existingTable', 'parameters']

const help = {
  name: 'setup',
  summary:
    'Create the ledger, a DynamoDB table or a file. A ledger that exists is not changed. With --check, check the setup; with --print, print a template for AWS.',
  options: OPTIONS,
  examples: [
    ['cronledger setup --store dynamodb:cronledger', 'create the table and wait until it is ready'],
    ['cronledger setup --store dynamodb:cronledger --check --role runner', 'in the container: check what a run needs'],
    ['cronledger setup --print cloudformation >cronledger.yaml', 'print the CloudFormation template'],
    [
      'cronledger setup … --print parameters --task nightly --image IMAGE … >nightly.json',
      'print its parameters for a batch',
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
    if (what !== undefined && isGiven('json', argv))
      throw usageError('--json and --print cannot be used together. Use one of them.')
    if (what === 'cloudformation') return printTheStack(argv)
    const ofStack = OF_STACK.find((name) => isGiven(name, argv))
    if (ofStack !== undefined && what !== 'parameters')
      throw usageError(`--${optionName(ofStack)} requires --print parameters.`)
    const { store } = values
    if (store === undefined)
      throw usageError(`--store is missing. Give --store LEDGER, or set CRONLEDGER_STORE. ${COMMON.store.help}.`)
    if (what !== undefined) {
      const { text, notes } = printTemplate({ ...values, store, print: what }, env, systemClock.now())
      for (const note of notes) sink.write(printable(`cronledger: ${note}`))
      await print(text)
      return EXIT.ok
    }
    if (check) return checkSetup({ ...values, store }, env)
    const ignored = Object.keys(OPTIONS).find((name) => !OF_CREATING.includes(name) && isGiven(name, argv))
    if (ignored !== undefined) throw usageError(`--${optionName(ignored)} requires --check or --print.`)
    const signal = AbortSignal.timeout(values.ledgerTimeoutMs ?? OPTIONS.ledgerTimeoutMs.default)
    const { name, steps, warnings } = await setUpStore(store, env, { signal })
    for (const warning of warnings) sink.write(`cronledger: ${warning}`)
    if (values.json)
      await print(
        safeJson(
          steps.map((step) => ({ ledger: name, ...step })),
          2,
        ),
      )
    else for (const step of steps) await print(`${name}: ${setupStepText(name, step)}`)
    return EXIT.ok
  },
}

/** Prints the template. Throws a usage error for a flag that would be ignored, because it was meant to change the template. */
async function printTheStack(argv: readonly string[]): Promise<number> {
  const ignored = Object.keys(OPTIONS).find((name) => !['store', 'print'].includes(name) && isGiven(name, argv))
  if (ignored !== undefined) {
    throw usageError(
      `--${optionName(ignored)} has no effect with --print cloudformation, which prints the same file for all batches. Use --print parameters.`,
    )
  }
  await print(printStack())
  return EXIT.ok
}
