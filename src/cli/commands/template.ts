import { readFileSync } from 'node:fs'
import { quote, usageError } from '../../core/errors.ts'
import { EXIT } from '../../core/exit.ts'
import { suggestion } from '../../core/near.ts'
import { isKeyOf } from '../../core/objects.ts'
import type { Environment } from '../../core/types.ts'
import { listed, printable } from '../../format/text.ts'
import { systemClock } from '../../process/clock.ts'
import type { Sink } from '../../process/log/sink.ts'
import { readSchema } from '../../store/schema.ts'
import { type Command, type CommandContext, readOptions } from '../options/arguments.ts'
import type { CommandHelp } from '../options/options.ts'
import { print } from '../output.ts'
import { BATCH_OPTIONS, stackParameters } from './template/parameters.ts'

/** The templates, with their files in `schema/`. The parameters have none, because they are computed. */
const TEMPLATES: Readonly<Record<string, { readonly file?: string; readonly what: string }>> = {
  ledger: {
    file: 'ledger.yaml',
    what: 'CloudFormation stack that all batches share: table, policies, alarms, check',
  },
  batch: {
    file: 'batch.yaml',
    what: 'CloudFormation stack of a batch: schedule, task definition, roles, log group, alarms',
  },
  parameters: { what: 'Parameters of the stack of one batch, computed from its schedule' },
  'runner-policy': { file: 'iam/runner.json', what: 'IAM policy for the role of one batch' },
  'auditor-policy': { file: 'iam/auditor.json', what: 'IAM policy for the commands that read' },
  'checker-policy': { file: 'iam/checker.json', what: 'IAM policy for check --once, which writes what it has told' },
  'operator-policy': { file: 'iam/operator.json', what: 'IAM policy for all commands' },
  cronjob: { file: 'cronjob.yaml', what: 'CronJob of Kubernetes for a batch' },
  postgres: { file: 'postgres.sql', what: 'Roles of a ledger in PostgreSQL, and a role limited to one task' },
}

const PAGE = 'docs/reference/templates.md'

const help = {
  name: 'template',
  summary:
    'Print a template for AWS, Kubernetes or PostgreSQL as it is in the package, or list the templates. Only template parameters computes something, and takes options.',
  options: BATCH_OPTIONS,
  takes: '[TEMPLATE]',
  words: Object.keys(TEMPLATES),
  examples: [
    ['cronledger template', 'list the templates'],
    ['cronledger template batch >batch.yaml', 'print the CloudFormation template of a batch'],
    [
      "cronledger template parameters … --outputs ledger.json --parameters 'Image=IMAGE Cluster=batch …' >nightly.json",
      'print its parameters for a batch',
    ],
  ],
  notes: `${PAGE} explains each template.`,
} as const satisfies CommandHelp

export const template: Command = {
  help,
  async execute({ argv: [name, ...argv], env, sink }: CommandContext) {
    await print(textOf(name, argv, env, sink))
    return EXIT.ok
  },
}

function textOf(name: string | undefined, argv: readonly string[], env: Environment, sink: Sink): string {
  if (name === undefined) return templateList()
  if (name.startsWith('-')) throw usageError(`${name}: the template comes first: cronledger template parameters …`)
  if (!isKeyOf(name, TEMPLATES)) {
    throw usageError(`unknown template ${quote(name)}.${suggestion(name, help.words)} Use ${listed(help.words, 'or')}.`)
  }
  const file = TEMPLATES[name]?.file
  if (file === undefined) {
    const { outputs, ...options } = readOptions(help, argv, env)
    const batch = { ...options, outputs: outputs === undefined ? undefined : readOutputsFile(outputs) }
    const { text, notes } = stackParameters(batch, systemClock.now())
    for (const note of notes) sink.write(printable(`cronledger: ${note}`))
    return text
  }
  if (argv[0] !== undefined) {
    throw usageError(
      `template ${name} takes no ${argv[0].split('=', 1)}, because it prints the same file for all batches. Only template parameters takes options.`,
    )
  }
  return readSchema(file).trimEnd()
}

function readOutputsFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw usageError(`--outputs ${quote(path)} cannot be read. Give a file.`)
  }
}

function templateList(): string {
  const width = Math.max(...Object.keys(TEMPLATES).map((name) => name.length))
  const lines = Object.entries(TEMPLATES).map(([name, { what }]) => `${name.padEnd(width)}  ${what}`)
  return [...lines, '', `To print one: cronledger template NAME. ${PAGE} explains each of them.`].join('\n')
}
