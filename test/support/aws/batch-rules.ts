import type { RULES } from '../../../src/cli/commands/template/rules.ts'

interface Case {
  readonly parameters: string
  readonly message: RegExp
  /** What is in another account or Region, or ends with such a name. */
  readonly task?: string
}

const ROLE = 'arn:aws:iam::210987654321:role/far'
const KEY = 'arn:aws:kms:us-east-1:123456789012:key/1'
const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf:key'

/** For each rule of a batch's settings: settings that break it. */
const BROKEN: Readonly<Record<keyof typeof RULES, readonly Case[]>> = {
  memory: [
    {
      parameters: 'Cpu=256 Memory=8192',
      message: /Memory is "8192", and Fargate does not have it with Cpu=256\. Use 512, 1024 or 2048\./,
    },
    {
      parameters: 'Cpu=256 Memory=1536',
      message: /Memory is "1536", and Fargate does not have it/,
    },
    {
      parameters: 'Cpu=8192 Memory=17408',
      message: /Memory is "17408", and Fargate .* Use 16384 to 61440 in steps of 4096\./,
    },
  ],
  publicIp: [
    {
      parameters: 'CapacityProvider=FARGATE_SPOT AssignPublicIp=ENABLED',
      message: /EventBridge Scheduler allows .* only for the launch type FARGATE, so not with /,
    },
  ],
  taskSelf: [
    {
      parameters: '',
      task: 'self',
      message: /A task cannot have the name self/,
    },
  ],
  after: [
    {
      parameters: 'After=import,nightly',
      message: /After has "nightly", the task itself\. Use After=self/,
    },
  ],
  command: [
    {
      parameters: 'Command=',
      message: /Command has no first word/,
    },
  ],
  items: [
    {
      parameters: `SecurityGroups=sg-1${[2, 3, 4, 5, 6].map((n) => `,sg-${n}`).join('')}`,
      message: /at most 5/i,
    },
    {
      parameters: 'Subnets=subnet-1,subnet-1',
      message: /twice/,
    },
    {
      parameters: `TaskPolicies=${[...Array(11).keys()].map((n) => `arn:aws:iam::aws:policy/P${n}`).join(',')}`,
      message: /at most 10/i,
    },
  ],
  taskPolicies: [
    {
      parameters: 'TaskRole=arn:aws:iam::123456789012:role/a TaskPolicies=arn:aws:iam::aws:policy/A',
      message: /for the role that is made/,
    },
  ],
  account: [
    {
      parameters: `ExecutionRole=${ROLE}`,
      message: /role of another account/,
    },
  ],
  region: [
    {
      parameters: `LogKey=${KEY}`,
      message: /key of another Region/,
    },
  ],
  secret: [
    {
      parameters: `Secrets=A=${SECRET}`,
      message: /is not complete\. .* :KEY::, with both colons/,
    },
  ],
  variables: [
    ...['CRONLEDGER_FORCE_SLOT', 'CRONLEDGER_EVENT_TIME', 'CRONLEDGER_RUN_DATE'].map(
      (name): Case => ({
        parameters: `Variables=${name}=latest`,
        message: /is for one trigger only/,
      }),
    ),
    ...['PATH', 'AWS_REGION', 'ECS_CONTAINER_METADATA_URI_V4', 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'].map(
      (name): Case => ({
        parameters: `Variables=${name}=x`,
        message: /ECS or the image sets/,
      }),
    ),
    {
      parameters: 'Secrets=CRONLEDGER_STORE=arn:aws:ssm:x',
      message: /The stack itself sets the variable "CRONLEDGER_STORE"/,
    },
    {
      parameters: 'Variables=CRONLEDGER_TIMEOUT=1h',
      message: /Give the parameter Timeout\./,
    },
    {
      parameters: 'Variables=A=1,A=2',
      message: /variable.* twice/,
    },
  ],
  metrics: [
    {
      parameters: 'Metrics=false AlarmOnDuplicates=true',
      message: /is an alarm on the metrics/,
    },
  ],
  noRunHours: [
    {
      parameters: 'NoRunHours=1',
      message: /NoRunHours is 1, and the longest time between two slots is 24 hours/,
    },
  ],
  length: [
    {
      parameters: `Command=${'x'.repeat(4_500)}`,
      message: /^Command is longer than 4096 bytes/,
    },
  ],
  options: [
    ...[
      ['CatchUp=1y', /catch-up|CATCH_UP/],
      ['MaxAttempts=zero', /max-attempts|MAX_ATTEMPTS/],
      ['Timeout=5x', /timeout|TIMEOUT/],
      ['Expect=foo', /expect|EXPECT/],
      ['DoneBy=25', /done-by|DONE_BY/],
      ['Variables=CRONLEDGER_MAX_LATENESS=x', /MAX_LATENESS "x" is not a valid/],
      ['Variables=CRONLEDGER_OVERLAP_TIMEOUT=x', /OVERLAP_TIMEOUT/],
    ].map(
      ([parameters, message]): Case => ({
        parameters: String(parameters),
        message: message as RegExp,
      }),
    ),
  ],
}

export const CASES = Object.entries(BROKEN).flatMap(([rule, cases]) => cases.map((one) => ({ rule, ...one })))
