import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse, type ScalarTag } from 'yaml'
import { type BatchOptions, stackParameters } from '../../../src/cli/commands/template/parameters.ts'
import type { Loose } from '../cli.ts'
import { PYTHON } from '../servers.ts'
import { aws, awsEnv } from './aws.ts'

export const TEMPLATE = fileURLToPath(new URL('../../../schema/cloudformation.yaml', import.meta.url))
const COMPLETE = fileURLToPath(new URL('complete_stack.py', import.meta.url))

/** The parameters that each batch must give. */
export const PLACE = 'Image=batch:1 Cluster=batch Subnets=subnet-1,subnet-2'
/** The options of `template parameters` for a batch. */
export const BATCH: BatchOptions = {
  ...{ store: 'dynamodb:money', task: 'nightly', schedule: '0 3 * * *' },
  ...{ timezone: undefined, anchor: undefined, parameters: PLACE },
}

/** Returns the template with CloudFormation's short forms as plain objects, `!Ref x` as `{ Ref: 'x' }`. */
export function readTemplate(): Loose {
  const form = (tag: string) => ({ tag: `!${tag}`, resolve: (value: unknown) => ({ [tag]: value }) }) as ScalarTag
  const list = (tag: string) => ({
    tag: `!${tag}`,
    collection: 'seq' as const,
    resolve: (seq: { toJSON(): unknown }) => ({ [tag]: seq.toJSON() }),
  })
  return parse(readFileSync(TEMPLATE, 'utf8'), {
    customTags: [
      ...['Ref', 'Sub', 'GetAtt'].map(form),
      ...(['If', 'Equals', 'Not', 'Join', 'Select', 'Split'].map(list) as never[]),
    ],
  })
}

export interface Deployment {
  readonly endpoint: string
  readonly folder: string
  readonly stack?: string
  /** What differs from a nightly batch in Tokyo. */
  readonly batch?: Partial<BatchOptions>
}

/**
 * Computes the parameters of a batch and deploys its stack. Returns the ids of the resources that moto made, by their names
 * in the template.
 */
export async function deployStack({
  endpoint,
  folder,
  stack = 'money',
  batch = {},
}: Deployment): Promise<Readonly<Record<string, string>>> {
  const path = join(folder, `${stack}.json`)
  writeFileSync(path, stackParameters({ ...BATCH, timezone: 'Asia/Tokyo', ...batch }, Date.now()).text)
  const options = ['--template-file', TEMPLATE, '--capabilities', 'CAPABILITY_IAM']
  const parameters = ['--parameter-overrides', `file://${path}`]
  await aws(endpoint, 'cloudformation', 'deploy', '--stack-name', stack, ...options, ...parameters)
  const { StackResources } = await aws(endpoint, 'cloudformation', 'describe-stack-resources', '--stack-name', stack)
  return Object.fromEntries(
    StackResources.map((one: Loose) => [one['LogicalResourceId'], one['PhysicalResourceId']]).filter(
      ([name]: readonly string[]) => name,
    ),
  )
}

/** Makes the resources that moto's CloudFormation leaves out of a stack. */
export async function completeStack({
  endpoint,
  stack = 'money',
}: Pick<Deployment, 'endpoint' | 'stack'>): Promise<void> {
  await promisify(execFile)(PYTHON, [COMPLETE, stack, TEMPLATE], {
    env: { PATH: process.env['PATH'], ...awsEnv(endpoint) },
  })
}
