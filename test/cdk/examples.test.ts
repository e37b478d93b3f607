// The examples for the CDK and Terraform. Their packages are not among those of the project.
import { execFile } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { stackParameters } from '../../src/cli/commands/template/parameters.ts'
import { BATCH, pathOf, readTemplate, TEMPLATES } from '../support/aws/stack.ts'
import { type Loose, scratch } from '../support/cli.ts'

const run = promisify(execFile)
const folder = scratch()
const example = (path: string) => fileURLToPath(new URL(`../../docs/examples/${path}`, import.meta.url))
const parameters: Loose = JSON.parse(stackParameters(BATCH, Date.UTC(2026, 10, 24)).text).Parameters

beforeAll(async () => {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts']
  await run('npm', ['install', ...quiet, 'aws-cdk-lib@2', 'constructs@10', '@cdktf/hcl2json@0.21'], { cwd: folder })
  copyFileSync(example('cdk/app.mjs'), join(folder, 'app.mjs'))
  for (const name of TEMPLATES) copyFileSync(pathOf(name), join(folder, `${name}.yaml`))
  writeFileSync(join(folder, 'nightly.json'), JSON.stringify({ Parameters: parameters }))
  await run(process.execPath, ['app.mjs'], { cwd: folder, env: { ...process.env, CDK_OUTDIR: 'out' } })
}, 600_000)

test.each([
  ['nightly', 'batch', parameters],
  ['ledger', 'ledger', { AlarmEmail: 'ops@example.org' }],
] as const)('the stack %s of the CDK makes what the template makes', (stack, template, values) => {
  const synthesised = JSON.parse(readFileSync(join(folder, `out/${stack}.template.json`), 'utf8'))
  const { CDKMetadata: _, ...made } = inTexts(evaluateTemplate(synthesised))
  expect(made).toEqual(inTexts(evaluateTemplate(readTemplate(template), values)))
  expect(Object.keys(made).length).toBeGreaterThan(5)
})

test('the example for Terraform gives both templates and their parameters to CloudFormation', async () => {
  const parser = createRequire(join(folder, 'package.json'))('@cdktf/hcl2json')
  const { resource, locals } = await parser.parse('main.tf', readFileSync(example('terraform/main.tf'), 'utf8'))
  const { ledger, batch } = resource['aws_cloudformation_stack']
  expect(JSON.stringify(locals)).toContain('nightly')
  expect(ledger).toMatchObject([{ template_body: expect.stringMatching(/^.{2}file\(".*\/ledger\.yaml"\)/) }])
  expect(Object.keys(readTemplate('ledger')['Parameters'])).toEqual(
    expect.arrayContaining(Object.keys(ledger[0].parameters)),
  )
  expect(batch).toMatchObject([
    {
      template_body: expect.stringMatching(/^.{2}file\(".*\/batch\.yaml"\)/),
      parameters: expect.stringMatching(/^.{2}jsondecode\(file\(".*each\.key.*\.json"\)\)\.Parameters/),
      capabilities: ['CAPABILITY_IAM'],
    },
  ])
})

/** The CDK makes a number of the text of a parameter, where the property is one. */
function inTexts(resources: Resources): Loose {
  return JSON.parse(JSON.stringify(resources), (_, value) => (typeof value === 'object' ? value : String(value)))
}

interface Resource {
  readonly Type: string
  readonly Properties: Loose
}
type Resources = Readonly<Record<string, Resource>>

const ACCOUNT = { account: '123456789012', region: 'eu-west-1', partition: 'aws' }
const PSEUDO: Loose = {
  'AWS::AccountId': ACCOUNT.account,
  'AWS::Region': ACCOUNT.region,
  'AWS::Partition': ACCOUNT.partition,
  'AWS::StackId': 'arn:aws:cloudformation:eu-west-1:123456789012:stack/nightly/4b25afc4-1',
}

function evaluateTemplate(template: Loose, parameters: Loose = {}): Resources {
  const { Parameters = {}, Conditions = {}, Resources: all } = template
  const known = (name: string) => {
    if (name in PSEUDO) return PSEUDO[name]
    if (name in all) return `<${name}>`
    const value = parameters[name] ?? Parameters[name]?.Default
    if (value === undefined) throw new Error(`${name} has no value`)
    return Parameters[name]?.Type === 'CommaDelimitedList' ? value.split(',') : value
  }
  const fill = (text: string, own: Loose = {}) =>
    text.replaceAll(/\$\{([\w:.]+)\}/g, (_, name: string) => evaluate(own[name]) ?? known(name.replace(/\.\w+$/, '')))
  const functions: Readonly<Record<string, (value: never) => unknown>> = {
    Ref: (name: string) => (name === 'AWS::NoValue' ? undefined : known(name)),
    GetAtt: (path: string | readonly string[]) => `<${[path].flat()[0]?.split('.')[0]}>`,
    Sub: (value: string | readonly [string, Loose]) => (typeof value === 'string' ? fill(value) : fill(...value)),
    Join: ([by, items]: readonly [string, unknown]) => (evaluate(items) as string[]).join(by),
    Split: ([by, text]: readonly [string, unknown]) => evaluate(text).split(by),
    Select: ([index, items]: readonly [number, unknown]) => evaluate(items)[index],
    If: ([name, yes, no]: readonly [string, unknown, unknown]) => evaluate(evaluate(Conditions[name]) ? yes : no),
    Equals: ([one, other]: readonly [unknown, unknown]) => String(evaluate(one)) === String(evaluate(other)),
    Not: ([one]: readonly [unknown]) => !evaluate(one),
    And: (all: readonly unknown[]) => all.every(evaluate),
    Condition: (name: string) => evaluate(Conditions[name]),
  }
  const evaluate = (part: unknown): ReturnType<typeof JSON.parse> => {
    if (typeof part !== 'object' || part === null) return part
    if (Array.isArray(part)) return part.map(evaluate).filter((item) => item !== undefined)
    const [[key = '', value] = [], more] = Object.entries(part)
    const call = functions[key.replace('Fn::', '')]
    if (call !== undefined && more === undefined) return call(value as never)
    const members = Object.entries(part).map(([name, member]) => [name, evaluate(member)])
    return Object.fromEntries(members.filter(([, member]) => member !== undefined))
  }
  const made = Object.entries<Loose>(all).filter(([, { Condition }]) => !Condition || evaluate(Conditions[Condition]))
  return Object.fromEntries(
    made.map(([id, { Type, Properties = {} }]) => [id, { Type, Properties: evaluate(Properties) }]),
  )
}
