import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, type ScalarTag } from 'yaml'
import { type BatchOptions, stackParameters } from '../../../src/cli/commands/template/parameters.ts'
import type { Loose } from '../cli.ts'
import { aws } from './aws.ts'

export const TEMPLATES = ['ledger', 'batch'] as const
export type Template = (typeof TEMPLATES)[number]
export const pathOf = (name: Template) => fileURLToPath(new URL(`../../../schema/${name}.yaml`, import.meta.url))

export const PLACE = 'Image=batch:1 Command=./batch.sh Cluster=batch Subnets=subnet-1,subnet-2'
const OUTPUTS = {
  ScheduleGroup: 'group',
  SchedulerRole: 'arn:aws:iam::123456789012:role/scheduler',
  DeadLetters: 'arn:aws:sqs:eu-west-1:123456789012:dead',
  AlarmTopic: 'arn:aws:sns:eu-west-1:123456789012:alarms',
}
export const outputsFile = (outputs: Readonly<Record<string, string>> = OUTPUTS) =>
  JSON.stringify({
    Stacks: [{ Outputs: Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })) }],
  })
export const BATCH: BatchOptions = {
  store: 'dynamodb:money',
  task: 'nightly',
  schedule: '0 3 * * *',
  timezone: undefined,
  anchor: undefined,
  parameters: PLACE,
  outputs: outputsFile(),
}

export function readTemplate(name: Template): Loose {
  const form = (tag: string) => ({ tag: `!${tag}`, resolve: (value: unknown) => ({ [tag]: value }) }) as ScalarTag
  const list = (tag: string) => ({
    tag: `!${tag}`,
    collection: 'seq' as const,
    resolve: (seq: { toJSON(): unknown }) => ({ [tag]: seq.toJSON() }),
  })
  return parse(readFileSync(pathOf(name), 'utf8'), {
    customTags: [
      ...['Ref', 'Sub', 'GetAtt'].map(form),
      ...(['If', 'Equals', 'Not', 'And', 'Join', 'Select', 'Split', 'Sub', 'Contains'].map(list) as never[]),
    ],
  })
}

type Made = Readonly<Record<string, string>>

async function deploy(endpoint: string, stack: string, template: Template, overrides: readonly string[]) {
  const options = ['--template-file', pathOf(template), '--capabilities', 'CAPABILITY_IAM']
  const parameters = overrides.length > 0 ? ['--parameter-overrides', ...overrides] : []
  await aws(endpoint, 'cloudformation', 'deploy', '--stack-name', stack, ...options, ...parameters)
  const { StackResources } = await aws(endpoint, 'cloudformation', 'describe-stack-resources', '--stack-name', stack)
  const made = StackResources.map((one: Loose) => [one['LogicalResourceId'], one['PhysicalResourceId']])
  return Object.fromEntries(made.filter(([name]: readonly string[]) => name)) as Made
}

interface Deployment {
  readonly endpoint: string
  readonly folder: string
  readonly stack?: string
  readonly outputs?: Loose
  /** What differs from a nightly batch in Tokyo. */
  readonly batch?: Partial<BatchOptions>
}

export const deployLedger = (endpoint: string, parameters: readonly string[] = ['Table=money'], stack = 'ledger') =>
  deploy(endpoint, stack, 'ledger', parameters)

export async function deployBatch({ endpoint, folder, stack = 'nightly', ...more }: Deployment): Promise<Made> {
  const { Stacks } = await aws(endpoint, 'cloudformation', 'describe-stacks', '--stack-name', 'ledger')
  const own = Object.entries(more.outputs ?? {}).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue }))
  const outputs = JSON.stringify({ Stacks: [{ Outputs: [...Stacks[0].Outputs, ...own] }] })
  const path = join(folder, `${stack}.json`)
  writeFileSync(path, stackParameters({ ...BATCH, outputs, timezone: 'Asia/Tokyo', ...more.batch }, Date.now()).text)
  return deploy(endpoint, stack, 'batch', [`file://${path}`])
}
