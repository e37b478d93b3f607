// Each parameter of the templates is in the construct of the CDK and in the Terraform modules, or stands here with a reason.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readTemplate, type Template } from '../../../support/aws/stack.ts'

/** The reason why parameters are not there. It ends with a full stop, which no name does. */
const because = (reason: string, parameters: string) =>
  Object.fromEntries(parameters.split(' ').map((parameter) => [parameter, reason]))

/** The names in the file, and for parameters with another name or none, the name or the reason. */
type Tool = readonly [template: Template, path: string, names: RegExp, others: Readonly<Record<string, string>>]

const CHECK = {
  ...{ CheckImage: 'image', CheckExpression: 'expression', CheckTimezone: 'timezone' },
  ...{ CheckArchitecture: 'architecture', CheckCpu: 'cpu' },
}
const OPTIONS = 'CatchUp SinceLastSuccess Timeout DoneBy Owner MaxAttempts RetryDelay Expect'
const VARIABLES = /^(?:variable "(\w+)"| {4}(\w+) += (?:string|list|optional)\b)/gm
const TOOLS: readonly Tool[] = [
  [
    'batch',
    'cdk/guarded-scheduled-task.ts',
    /^ {2}readonly (\w+)\??:/gm,
    {
      ...{ Subnets: 'subnetSelection', ScheduleState: 'enabled' },
      ...because('The construct computes it from the schedule.', 'Family ScheduleExpression StartDate'),
      ...because('The task definition is yours.', 'Cpu Memory EphemeralStorage Architecture ReadonlyRoot'),
      ...because('The container is yours.', 'Image Command EnvironmentFile LogFormat LogRetention LogKey'),
      ...because('Your container has its environment.', `VariableNames VariableValues ${OPTIONS}`),
      ...because(
        'They are in `ledger`.',
        'Table TableKey Container ScheduleGroup SchedulerRole DeadLetters AlarmTopic StateMachine',
      ),
      ...because('The CDK makes the roles.', 'TaskRole TaskPolicies ExecutionRole PermissionsBoundary'),
      ...because('The CDK grants the secrets of a container.', 'SecretNames SecretArns SecretResources DecryptKeys'),
    },
  ],
  [
    'ledger',
    'cdk/ledger.ts',
    /^ {2}readonly (\w+)\??:/gm,
    {
      ...{ ...CHECK, CheckMemory: 'memoryLimitMiB', Subnets: 'subnetSelection', CheckLogKey: 'logKey' },
    },
  ],
  [
    'batch',
    'terraform/batch/main.tf',
    VARIABLES,
    {
      ...{ AlarmTopic: 'alarm_topics', StateMachine: 'state_machines', EnvironmentFile: 'environment_files' },
      ...because('A variable of `environment`.', OPTIONS),
      ...{ VariableNames: 'environment', VariableValues: 'environment' },
      ...{ SecretNames: 'secrets', SecretArns: 'secrets', SecretResources: 'secrets' },
      ...{ TaskRole: 'roles', ExecutionRole: 'roles' },
    },
  ],
  [
    'ledger',
    'terraform/ledger/main.tf',
    VARIABLES,
    {
      ...{ AlarmTopic: 'alarm_topics', AlarmEmail: 'alarm_emails' },
      ...{ ...CHECK, CheckMemory: 'memory', CheckLogKey: 'log_key' },
    },
  ],
]

test.each(TOOLS)('each parameter of %s.yaml is in %s', (template, path, pattern, others) => {
  const text = readFileSync(new URL(`../../../../schema/${path}`, import.meta.url), 'utf8')
  const names = new Set([...text.matchAll(pattern)].map(([, name, member]) => name ?? member))
  const parameters = Object.keys(readTemplate(template)['Parameters'])
  const isThere = (one: string) =>
    [one, one[0]?.toLowerCase() + one.slice(1), one.replace(/(?!^)[A-Z]/g, '_$&').toLowerCase()].some((name) =>
      names.has(name),
    )
  expect(parameters.filter((one) => !isThere(one) && !(one in others))).toEqual([])
  const isUsed = ([one, name]: readonly [string, string]) =>
    parameters.includes(one) && (names.has(name) || name.endsWith('.'))
  expect(Object.entries(others).filter((entry) => !isUsed(entry))).toEqual([])
})
