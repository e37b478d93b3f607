// The Terraform modules, parsed, evaluated and compared with the templates. Terraform itself does not run here.
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { stackParameters } from '../../src/cli/commands/template/parameters.ts'
import { MEMORY, MOST_ITEMS, SET_BY_ECS } from '../../src/cli/commands/template/rules.ts'
import { CASES } from '../support/aws/batch-rules.ts'
import { BATCH, OUTPUTS, outputsFile, readTemplate } from '../support/aws/stack.ts'
import { type Loose, scratch } from '../support/cli.ts'
import { evaluateModule, type Module, type Parser } from './hcl.ts'
import { EVERYTHING, evaluateTemplate, meaningOf } from './meaning.ts'
import { asResources, hasAttribute, schemaErrors } from './terraform-resources.ts'

const run = promisify(execFile)
const folder = scratch()
const bindings = join(folder, 'package/lib')
const NOW = Date.UTC(2026, 10, 24)
const read = (name: string) => readFileSync(new URL(`../../schema/terraform/${name}/main.tf`, import.meta.url), 'utf8')
let parser: Parser

beforeAll(async () => {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  mkdirSync(bindings, { recursive: true })
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts']
  await run('npm', ['install', ...quiet, '@cdktf/hcl2json@0.21'], { cwd: folder })
  const { stdout } = await run('npm', ['pack', '--silent', '@cdktf/provider-aws@21'], { cwd: folder })
  await run('tar', ['-xzf', stdout.trim(), '--wildcards', 'package/lib/*/index.d.ts'], { cwd: folder })
  parser = createRequire(join(folder, 'package.json'))('@cdktf/hcl2json')
}, 600_000)

const arn = (service: string, rest: string) => `arn:aws:${service}:eu-west-1:123456789012:${rest}`
const KEYS = { table: arn('kms', 'key/1'), log: arn('kms', 'key/2'), secret: arn('kms', 'key/3') }
const SECRETS = { API_KEY: arn('ssm', 'parameter/api'), PASSWORD: arn('secretsmanager', 'secret:db-AbCdEf:password::') }
const BOUNDARY = 'arn:aws:iam::123456789012:policy/boundary'
const LEDGER = {
  table: 'money',
  schedule_group: 'group',
  scheduler_role: 'arn:aws:iam::123456789012:role/scheduler',
  dead_letters: arn('sqs', 'dead'),
  alarm_topics: [arn('sns', 'alarms')],
}
const FAR = 'arn:aws:dynamodb:us-east-1:210987654321:table/old'
const MACHINE = arn('states', 'stateMachine:start')
const PLACE = {
  image: 'batch:1',
  command: ['./batch.sh'],
  cluster: arn('ecs', 'cluster/batch'),
  subnets: ['subnet-1', 'subnet-2'],
}

const BATCHES: readonly (readonly [what: string, options: Loose, parameters: string, variables: Loose])[] = [
  ['with all defaults', {}, '', {}],
  [
    'with everything',
    {
      task: 'a/b',
      schedule: 'rate(6 hours)',
      timezone: 'UTC',
      anchor: '2026-11-01T00:00:00Z',
      outputs: outputsFile({ ...OUTPUTS, TableKey: KEYS.table }),
    },
    `SecurityGroups=sg-1,sg-2 After=import,bill/* ScheduleState=DISABLED
     EnvironmentFile=arn:aws:s3:::bucket/weekly.env Secrets=${Object.entries(SECRETS)
       .map((one) => one.join('='))
       .join(',')}
     DecryptKeys=${KEYS.secret} Variables=MODE=full FlexibleMinutes=30 DoneBy=6h CatchUp=3d Cpu=512 Memory=1024 EphemeralStorage=100 Architecture=ARM64 PlatformVersion=1.4.0
     CapacityProvider=FARGATE_SPOT ReadonlyRoot=true TaskPolicies=arn:aws:iam::aws:policy/A,arn:aws:iam::aws:policy/B
     PermissionsBoundary=${BOUNDARY} LogFormat=json LogRetention=30 LogKey=${KEYS.log} AlarmOnDuplicates=true`,
    {
      security_groups: ['sg-1', 'sg-2'],
      after: ['import', 'bill/*'],
      ledger: { ...LEDGER, table_key: KEYS.table },
      schedule_state: 'DISABLED',
      environment_files: ['arn:aws:s3:::bucket/weekly.env'],
      secrets: SECRETS,
      decrypt_keys: [KEYS.secret],
      cpu: 512,
      memory: 1024,
      ephemeral_storage: 100,
      architecture: 'ARM64',
      platform_version: '1.4.0',
      environment: { MODE: 'full' },
      capacity_provider: 'FARGATE_SPOT',
      readonly_root: true,
      permissions_boundary: BOUNDARY,
      task_policies: ['arn:aws:iam::aws:policy/A', 'arn:aws:iam::aws:policy/B'],
      log_format: 'json',
      log_retention: 30,
      log_key: KEYS.log,
      alarm_on_duplicates: true,
    },
  ],
  ['without metrics', {}, 'Metrics=false', { metrics: false }],
  [
    'with roles of yours, the table of another account, and a schedule without an alarm for a missing run',
    { store: 'dynamodb:arn:aws:dynamodb:eu-west-1:210987654321:table/money', schedule: '0 3 1 * *' },
    'TaskRole=arn:aws:iam::123456789012:role/task ExecutionRole=arn:aws:iam::123456789012:role/pull',
    {
      ledger: { ...LEDGER, table: 'arn:aws:dynamodb:eu-west-1:210987654321:table/money' },
      roles: { task: 'arn:aws:iam::123456789012:role/task', execution: 'arn:aws:iam::123456789012:role/pull' },
    },
  ],
  [
    'that Step Functions starts, in a container with another name and with another prefix of the family',
    { outputs: outputsFile({ ...OUTPUTS, FamilyPrefix: 'pay-', Container: 'job', StateMachine: MACHINE }) },
    'AssignPublicIp=ENABLED CapacityProvider=FARGATE_SPOT',
    {
      ledger: { ...LEDGER, family_prefix: 'pay-', container: 'job', state_machines: [MACHINE] },
      assign_public_ip: true,
      capacity_provider: 'FARGATE_SPOT',
    },
  ],
]
const CHECK = { image: 'check:1', cluster: arn('ecs', 'cluster/batch'), subnets: ['subnet-1', 'subnet-2'] }
const LEDGERS: readonly (readonly [what: string, parameters: Loose, variables: Loose])[] = [
  ['with all defaults', {}, {}],
  [
    'with everything',
    EVERYTHING,
    {
      table: 'money',
      table_key: KEYS.table,
      batch_roles: [EVERYTHING.BatchRoles],
      permissions_boundary: BOUNDARY,
      family_prefix: 'pay-',
      container: 'job',
      start_again: true,
      dashboard: true,
      alarm_on_failed_starts: true,
      mail_each_task: false,
      alarm_emails: ['ops@example.org'],
      check: {
        ...CHECK,
        security_groups: ['sg-1'],
        assign_public_ip: true,
        expression: 'cron(0 7 * * ? *)',
        timezone: 'Asia/Tokyo',
        architecture: 'ARM64',
        cpu: 512,
        memory: 1024,
        log_key: KEYS.table,
      },
      clusters: [arn('ecs', 'cluster/batch')],
    },
  ],
  [
    'with a table of another account and Region and its key, a topic of yours, and a check',
    {
      Table: FAR,
      TableKey: KEYS.table,
      AlarmTopic: arn('sns', 'ours'),
      CheckImage: 'check:1',
      Cluster: 'batch',
      Subnets: 'subnet-1,subnet-2',
    },
    { table: FAR, table_key: KEYS.table, alarm_topics: [arn('sns', 'ours')], check: CHECK },
  ],
]

const modules: Module[] = []
async function evaluated(name: string, variables: Loose) {
  const module = await evaluateModule(parser, read(name), variables)
  modules.push(module)
  return { ...module, meaning: meaningOf(asResources(module.instances)) }
}

test.each(BATCHES)('%s makes what batch.yaml makes', async (_, options, parameters, variables) => {
  const more = `${BATCH.parameters} ${parameters.replaceAll(/\s+/g, ' ')}`
  const batch = { ...BATCH, timezone: 'Asia/Tokyo', ...options, parameters: more }
  const all = JSON.parse(stackParameters(batch, NOW).text).Parameters
  // For Terraform, the options are among what is computed.
  const printed = /\b(?:FlexibleMinutes|CatchUp|DoneBy)=\S+/g
  const prefix = [`FamilyPrefix=${all.Family.replace(/-.*/, '-')}`, ...(parameters.match(printed) ?? [])].join(' ')
  const computed = stackParameters({ ...batch, parameters: prefix, outputs: undefined, computed: true }, NOW)
  const given = { ledger: LEDGER, ...PLACE, ...variables, parameters: JSON.parse(computed.text).Parameters }
  const { meaning } = await evaluated('batch', given)
  expect(meaning).toEqual(meaningOf(evaluateTemplate(readTemplate('batch'), all)))
})

test.each<readonly [Loose, RegExp]>([
  ...CASES.flatMap(({ terraform, message }) => (typeof terraform === 'string' ? [] : [[terraform, message] as const])),
  [{ ledger: { ...LEDGER, family_prefix: 'pay-' } }, /do not know this family/],
])('the module of a batch refuses %j in the plan', async (variables, message) => {
  const { text } = stackParameters({ ...BATCH, parameters: '', computed: true }, NOW)
  const given = { ledger: LEDGER, ...PLACE, ...variables, parameters: JSON.parse(text).Parameters }
  await expect(evaluateModule(parser, read('batch'), given)).rejects.toThrow(message)
})

test('a variable has the pattern or the choices of its parameter in batch.yaml, and the sizes and limits of the rules', async () => {
  const { variable } = await parser.parse('main.tf', read('batch'))
  const others = { EnvironmentFile: 'environment_files', TaskRole: 'roles', ExecutionRole: 'roles' }
  const nameOf = (parameter: string) =>
    ({ ...others })[parameter] ?? parameter.replace(/(?!^)[A-Z]/g, '_$&').toLowerCase()
  // Its ARN is given here, and of each pattern only the part that is not for the empty text.
  const own = ['Cluster', 'EphemeralStorage', 'Metrics', 'ReadonlyRoot', 'AlarmOnDuplicates', 'AssignPublicIp']
  const parameters = Object.entries<Loose>(readTemplate('batch')['Parameters']).filter(
    ([name, { AllowedPattern, AllowedValues }]) =>
      nameOf(name) in variable && !own.includes(name) && (AllowedPattern ?? AllowedValues) !== undefined,
  )
  expect(parameters.length).toBeGreaterThan(12)
  for (const [name, { AllowedPattern, AllowedValues }] of parameters) {
    const conditions = (variable[nameOf(name)][0].validation ?? []).map(({ condition }: Loose) => condition)
    const wanted =
      AllowedPattern === undefined
        ? `[${AllowedValues.filter((one: unknown) => one !== '')
            .map((one: unknown) => JSON.stringify(one))
            .join(', ')}]`
        : JSON.stringify(`^(?:${AllowedPattern})$`)
    expect([name, conditions.filter((one: string) => one.includes(wanted)).length]).toEqual([name, 1])
  }
  const text = read('batch')
  expect(text.split(JSON.stringify(SET_BY_ECS))).toHaveLength(3)
  const most = { Subnets: 'subnets', SecurityGroups: 'security_groups', TaskPolicies: 'task_policies' }
  for (const [name, limit] of Object.entries(MOST_ITEMS))
    expect(text).toContain(`length(var.${most[name as keyof typeof most]}) <= ${limit}`)
  for (const [cpu, size] of Object.entries(MEMORY))
    expect(text).toMatch(new RegExp(`${cpu} += \\[${size.join(', ')}\\]`))
})

test.each(LEDGERS)('%s makes what ledger.yaml makes', async (_, parameters, variables) => {
  const { meaning } = await evaluated('ledger', variables)
  expect(meaning).toEqual(meaningOf(evaluateTemplate(readTemplate('ledger'), parameters)))
})

test.each([
  [{ family_prefix: 'cronledger-dev-' }, /no prefix begins with another/],
  [{ alarm_topics: ['arn:aws:sns:x'], alarm_emails: ['a@b'] }, /alarm_emails are for the topic that is made/],
  [{ mail_each_task: false }, /only the check sends a mail/],
  [{ check: { ...CHECK, memory: 8192 } }, /does not have this memory/],
])('the module of the ledger refuses %j in the plan', async (variables, message) => {
  await expect(evaluateModule(parser, read('ledger'), variables)).rejects.toThrow(message)
})

test('the module of the ledger has what the module of a batch takes', async () => {
  const { outputs } = await evaluated('ledger', {})
  const options = { ...BATCH, timezone: undefined, parameters: '', computed: true }
  const parameters = JSON.parse(stackParameters(options, NOW).text).Parameters
  const { used } = await evaluated('batch', { ledger: outputs, ...PLACE, parameters })
  const taken = [...used].flatMap((name) => /^var\.ledger\.(\w+)$/.exec(name)?.[1] ?? [])
  expect(taken.sort()).toEqual(
    Object.keys(outputs)
      .filter((name) => !/^(auditor|operator)_/.test(name))
      .sort(),
  )
})

test.each(['batch', 'ledger'])(
  'the module %s uses each variable, local and document, and describes what it has',
  async (name) => {
    const { variable, locals, data, output } = await parser.parse('main.tf', read(name))
    const used = [...modules.flatMap((module) => [...module.used])]
    const isUsed = (prefix: string) => used.some((one) => one.startsWith(prefix))
    const documents = Object.keys(data.aws_iam_policy_document).map((one) => `data.aws_iam_policy_document.${one}`)
    const names = [
      ...Object.keys(variable).map((one) => `var.${one}`),
      ...locals.flatMap((one: Loose) => Object.keys(one)).map((one: string) => `local.${one}`),
    ]
    expect([...names, ...documents].filter((one) => !isUsed(one))).toEqual([])
    const described = [...Object.values<Loose[]>(variable), ...Object.values<Loose[]>(output)]
    expect(described.filter(([one]) => !/^[A-Z`].*\.$/.test(one?.['description']))).toEqual([])
  },
)

test('the guide gives the modules what they take', async () => {
  const guide = readFileSync(new URL('../../docs/guides/cdk-and-terraform.md', import.meta.url), 'utf8')
  const texts = [...guide.matchAll(/^```hcl\n(.*?)^```$/gms)].map(([, text = '']) => text)
  const parsed = await Promise.all(texts.map((text) => parser.parse('guide.tf', text)))
  const calls = parsed.flatMap((file) => Object.values<Loose[]>(file['module']).flat())
  expect(calls.map(({ source }) => source)).toEqual(['./modules/ledger', './modules/batch'])
  for (const { source, ...given } of calls) {
    const { variable } = await parser.parse('main.tf', read(source.replace(/.*\//, '')))
    expect(Object.keys(variable)).toEqual(expect.arrayContaining(Object.keys(given)))
    const required = Object.keys(variable).filter((name) => !('default' in variable[name][0]))
    expect(Object.keys(given)).toEqual(expect.arrayContaining(required))
  }
})

test('the AWS provider knows each resource and argument, and none that it needs is missing', () => {
  const instances = modules.flatMap((module) => module.instances)
  expect(new Set(instances.flatMap(({ type, values }) => schemaErrors(bindings, type, values)))).toEqual(new Set())
  const references = modules.flatMap(({ used }) => [...used].filter((one) => one.startsWith('aws_')))
  const unknown = references.filter((one) => {
    const [type = '', , attribute = ''] = one.split('.')
    return attribute !== '' && !hasAttribute(bindings, type, attribute)
  })
  expect(unknown).toEqual([])
  expect(references.length).toBeGreaterThan(10)
  expect(schemaErrors(bindings, 'aws_sqs_queue', { fifo: true })).toEqual(['aws_sqs_queue: fifo is not known'])
})
