import type { RULES } from '../../../src/cli/commands/template/rules.ts'
import type { Loose } from '../cli.ts'

interface Case {
  readonly parameters: string
  readonly message: RegExp
  /** What is in another account or Region, or ends with such a name. */
  readonly task?: string
  /** Variables of the Terraform module that break the rule, or why it has none. */
  readonly terraform: Loose | string
  /** What the app of the guide has in place of `task: 'nightly',` or of another text, or why the construct does not break the rule. */
  readonly cdk: readonly [from: string, to: string] | string
}

const PRINTED = 'Terraform gets it from template parameters, which has refused it.'
const OWN = 'The CDK or the container of the user has it.'
const ROLE = 'arn:aws:iam::210987654321:role/far'
const KEY = 'arn:aws:kms:us-east-1:123456789012:key/1'
const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf:key'
const PROP = "task: 'nightly',"
const ENV = "environment: { CRONLEDGER_CATCH_UP: '3d' },"
const env = (text: string) => [ENV, `environment: { ${text} },`] as const

/** For each rule of a batch's settings: settings that break it, in each tool. */
const BROKEN: Readonly<Record<keyof typeof RULES, readonly Case[]>> = {
  memory: [
    {
      parameters: 'Cpu=256 Memory=8192',
      message: /Memory is "?8192"?, and Fargate does not have it with Cpu=256\. Use 512, 1024 or 2048\./,
      terraform: { memory: 8192 },
      cdk: ['memoryLimitMiB: 1024', 'memoryLimitMiB: 8192'],
    },
    {
      parameters: 'Cpu=256 Memory=1536',
      message: /Memory is "?1536"?, and Fargate does not have it/,
      terraform: { memory: 1536 },
      cdk: ['memoryLimitMiB: 1024', 'memoryLimitMiB: 1536'],
    },
    {
      parameters: 'Cpu=8192 Memory=17408',
      message: /Memory is "?17408"?, and Fargate .* Use 16384 to 61440 in steps of 4096\./,
      terraform: { cpu: 8192, memory: 17408 },
      cdk: ['memoryLimitMiB: 1024', 'cpu: 8192, memoryLimitMiB: 17408'],
    },
  ],
  publicIp: [
    {
      parameters: 'CapacityProvider=FARGATE_SPOT AssignPublicIp=ENABLED',
      message: /EventBridge Scheduler allows .* only for the launch type FARGATE, so not with /,
      terraform: { capacity_provider: 'FARGATE_SPOT', assign_public_ip: true },
      cdk: [PROP, `${PROP} capacityProvider: 'FARGATE_SPOT', assignPublicIp: true,`],
    },
  ],
  taskSelf: [
    {
      parameters: '',
      task: 'self',
      message: /A task cannot have the name self/,
      terraform: PRINTED,
      cdk: [PROP, "task: 'self',"],
    },
  ],
  after: [
    {
      parameters: 'After=import,nightly',
      message: /after has "?nightly"?, the task itself\. Use .*self/i,
      terraform: { after: ['import', 'nightly'] },
      cdk: [PROP, `${PROP} after: ['import', 'nightly'],`],
    },
  ],
  command: [
    {
      parameters: 'Command=',
      message: /command has no first word|the container has no command/i,
      terraform: { command: [] },
      cdk: ["command: ['./batch.sh'],", ''],
    },
  ],
  items: [
    {
      parameters: `SecurityGroups=sg-1${[2, 3, 4, 5, 6].map((n) => `,sg-${n}`).join('')}`,
      message: /at most 5/i,
      terraform: { security_groups: [1, 2, 3, 4, 5, 6].map((n) => `sg-${n}`) },
      cdk: OWN,
    },
    {
      parameters: 'Subnets=subnet-1,subnet-1',
      message: /twice/,
      terraform: { subnets: ['subnet-1', 'subnet-1'] },
      cdk: OWN,
    },
    {
      parameters: `TaskPolicies=${[...Array(11).keys()].map((n) => `arn:aws:iam::aws:policy/P${n}`).join(',')}`,
      message: /at most 10/i,
      terraform: { task_policies: [...Array(11).keys()].map((n) => `arn:aws:iam::aws:policy/P${n}`) },
      cdk: OWN,
    },
  ],
  taskPolicies: [
    {
      parameters: 'TaskRole=arn:aws:iam::123456789012:role/a TaskPolicies=arn:aws:iam::aws:policy/A',
      message: /for the role that is made/,
      terraform: { roles: { task: 'arn:aws:iam::123456789012:role/a' }, task_policies: ['arn:aws:iam::aws:policy/A'] },
      cdk: OWN,
    },
  ],
  account: [
    {
      parameters: `ExecutionRole=${ROLE}`,
      message: /role of another account/,
      terraform: { roles: { execution: ROLE } },
      cdk: OWN,
    },
  ],
  region: [
    {
      parameters: `LogKey=${KEY}`,
      message: /key of another Region/,
      terraform: { log_key: KEY },
      cdk: OWN,
    },
  ],
  secret: [
    {
      parameters: `Secrets=A=${SECRET}`,
      message: /is not complete\. .* :KEY::, with both colons/,
      terraform: { secrets: { A: SECRET } },
      cdk: OWN,
    },
  ],
  variables: [
    ...['CRONLEDGER_FORCE_SLOT', 'CRONLEDGER_EVENT_TIME', 'CRONLEDGER_RUN_DATE'].map(
      (name): Case => ({
        parameters: `Variables=${name}=latest`,
        message: /is for one trigger only|begins with CRONLEDGER_/,
        terraform: { environment: { [name]: 'latest' } },
        cdk: env(`${name}: 'latest'`),
      }),
    ),
    ...['PATH', 'AWS_REGION', 'ECS_CONTAINER_METADATA_URI_V4', 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'].map(
      (name): Case => ({
        parameters: `Variables=${name}=x`,
        message: /ECS or the image sets/,
        terraform: { environment: { [name]: 'x' } },
        cdk: env(`${name}: 'x'`),
      }),
    ),
    {
      parameters: 'Secrets=CRONLEDGER_STORE=arn:aws:ssm:x',
      message: /The stack itself sets the variable "CRONLEDGER_STORE"|begins with CRONLEDGER_/,
      terraform: { secrets: { CRONLEDGER_STORE: 'arn:aws:ssm:x' } },
      cdk: env("CRONLEDGER_STORE: 'x'"),
    },
    {
      parameters: 'Variables=CRONLEDGER_TIMEOUT=1h',
      message: /Give the parameter Timeout\./,
      terraform: PRINTED,
      cdk: 'In the CDK, it is a variable of the container.',
    },
    {
      parameters: 'Variables=A=1,A=2',
      message: /variable.* twice|is that of a secret/,
      terraform: { environment: { A: '1' }, secrets: { A: 'arn:aws:ssm:x' } },
      cdk: OWN,
    },
  ],
  metrics: [
    {
      parameters: 'Metrics=false AlarmOnDuplicates=true',
      message: /is an alarm on the metrics/,
      terraform: { metrics: false, alarm_on_duplicates: true },
      cdk: [PROP, `${PROP} metrics: false, alarmOnDuplicates: true,`],
    },
  ],
  noRunHours: [
    {
      parameters: 'NoRunHours=1',
      message: /NoRunHours is 1, and the longest time between two slots is 24 hours/,
      terraform: PRINTED,
      cdk: [PROP, `${PROP} noRunHours: 1,`],
    },
  ],
  length: [
    {
      parameters: `Command=${'x'.repeat(4_500)}`,
      message: /^Command is longer than 4096 bytes/,
      terraform: 'This is a limit of CloudFormation.',
      cdk: 'This is a limit of parameters, and the CDK makes none.',
    },
  ],
  options: [
    ...[
      ['CatchUp=1y', /catch-up|CATCH_UP/, "CRONLEDGER_CATCH_UP: '3 days please'"],
      ['MaxAttempts=zero', /max-attempts|MAX_ATTEMPTS/, "CRONLEDGER_MAX_ATTEMPTS: 'zero'"],
      ['Timeout=5x', /timeout|TIMEOUT/, "CRONLEDGER_TIMEOUT: '5x'"],
      ['Expect=foo', /expect|EXPECT/, "CRONLEDGER_EXPECT: 'foo'"],
      ['DoneBy=25', /done-by|DONE_BY/, "CRONLEDGER_DONE_BY: '25'"],
      ['Variables=CRONLEDGER_MAX_LATENESS=x', /MAX_LATENESS "x" is not a valid/, "CRONLEDGER_MAX_LATENESS: 'x'"],
      ['Variables=CRONLEDGER_OVERLAP_TIMEOUT=x', /OVERLAP_TIMEOUT/, "CRONLEDGER_OVERLAP_TIMEOUT: 'x'"],
    ].map(
      ([parameters, message, variable]): Case => ({
        parameters: String(parameters),
        message: message as RegExp,
        terraform: PRINTED,
        cdk: env(String(variable)),
      }),
    ),
  ],
}

export const CASES = Object.entries(BROKEN).flatMap(([rule, cases]) => cases.map((one) => ({ rule, ...one })))
