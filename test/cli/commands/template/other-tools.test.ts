// What the templates can, the constructs of the CDK and the Terraform modules can, too: each parameter is in both, or here with a reason.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readTemplate, type Template } from '../../../support/aws/stack.ts'

const namesIn = (path: string, pattern: RegExp) =>
  new Set(
    [...readFileSync(new URL(`../../../../schema/${path}`, import.meta.url), 'utf8').matchAll(pattern)].map(
      ([, name = '', member = '']) => name || member,
    ),
  )
const because = (reason: string, ...parameters: readonly string[]) =>
  Object.fromEntries(parameters.map((parameter) => [parameter, `${reason}.`]))

const isReason = (text: string) => text.endsWith('.')

/** For the parameters that have another name or none: the name, or the reason. Ledger of the CDK takes all those of ledger.yaml. */
const TOOLS: readonly (readonly [template: Template, path: string, names: RegExp, others: Record<string, string>])[] = [
  [
    'batch',
    'cdk/guarded-scheduled-task.ts',
    /^ {2}readonly (\w+)\??:/gm,
    {
      ...{ Container: 'containerName', Subnets: 'subnetSelection', ScheduleState: 'enabled' },
      ...because('The construct computes it from the schedule', 'Family', 'ScheduleExpression', 'StartDate'),
      ...because(
        'The user makes the task definition',
        'Cpu',
        'Memory',
        'EphemeralStorage',
        'Architecture',
        'ReadonlyRoot',
      ),
      ...because('The user makes the container', 'Image', 'Command', 'EnvironmentFile', 'LogFormat'),
      ...because('The user makes the log group', 'LogRetention', 'LogKey'),
      ...because('The CDK makes the roles', 'TaskRole', 'TaskPolicies', 'ExecutionRole', 'PermissionsBoundary'),
      ...because(
        'A container has secrets, and the CDK grants them',
        'SecretNames',
        'SecretArns',
        'SecretResources',
        'DecryptKeys',
      ),
    },
  ],
  [
    'batch',
    'terraform/batch/main.tf',
    /^(?:variable "(\w+)"| {4}(\w+) += (?:string|list|optional)\b)/gm,
    {
      ...{ AlarmTopic: 'alarm_topics', StateMachine: 'state_machines', EnvironmentFile: 'environment_files' },
      ...{ SecretNames: 'secrets', SecretArns: 'secrets', SecretResources: 'secrets' },
      ...{ TaskRole: 'roles', ExecutionRole: 'roles' },
    },
  ],
  [
    'ledger',
    'terraform/ledger/main.tf',
    /^(?:variable "(\w+)"| {4}(\w+) += (?:string|list|optional)\b)/gm,
    {
      ...{ AlarmTopic: 'alarm_topics', AlarmEmail: 'alarm_emails' },
      ...{ CheckImage: 'image', CheckExpression: 'expression', CheckTimezone: 'timezone' },
    },
  ],
]

test.each(TOOLS)('each parameter of %s.yaml is in %s', (template, path, pattern, others) => {
  const names = namesIn(path, pattern)
  const parameters = Object.keys(readTemplate(template)['Parameters'])
  const usual = (parameter: string) => [
    parameter,
    parameter.replace(/^./, (letter) => letter.toLowerCase()),
    parameter.replace(/(?!^)[A-Z]/g, '_$&').toLowerCase(),
  ]
  const isThere = (parameter: string) => usual(parameter).some((name) => names.has(name))
  expect(parameters.filter((one) => !isThere(one) && !(one in others))).toEqual([])
  const isKnown = (one: string) => names.has(one) || isReason(one)
  const stale = Object.entries(others).filter(([one, name]) => !parameters.includes(one) || !isKnown(name))
  expect(stale).toEqual([])
})
