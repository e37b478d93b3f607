import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stackParameters } from '../../../../src/cli/commands/template/parameters.ts'
import { template } from '../../../../src/cli/commands/template.ts'
import { CASES } from '../../../support/aws/batch-rules.ts'
import { BATCH, outputsFile, PLACE, readTemplate } from '../../../support/aws/stack.ts'
import { cronledger, scratch } from '../../../support/cli.ts'

const file = (name: string) => readFileSync(new URL(`../../../../schema/${name}`, import.meta.url), 'utf8')
const read = (name: string) => readFileSync(new URL(`../../../../${name}`, import.meta.url), 'utf8')
const folder = scratch()
const NOW = Date.UTC(2026, 10, 24)

/** Returns the parameters of a batch, and the notes about them. */
function parametersOf(batch: Partial<typeof BATCH>, now = NOW) {
  const { text, notes } = stackParameters({ ...BATCH, ...batch }, now)
  return { values: JSON.parse(text).Parameters as Record<string, string>, notes: notes.join('\n') }
}

const refusal = (...argv: readonly string[]) =>
  template.execute({ argv, env: {} } as never).then(
    () => 'no error',
    ({ message }) => message,
  )

test('template lists what it prints, and prints a file of the package byte for byte', async () => {
  const list = (await cronledger(['template'])).stdout
  expect(template.help.words?.every((name) => list.includes(`${name}  `))).toBe(true)
  expect(await cronledger(['template', 'batch'])).toMatchObject({ code: 0, stdout: file('batch.yaml'), stderr: '' })
  const outputs = join(folder, 'outputs.json')
  writeFileSync(outputs, outputsFile())
  const options = ['--store', 'dynamodb:money', '--task', 'a', '--outputs', outputs]
  const { stdout } = await cronledger(['template', 'parameters', ...options], {
    env: { CRONLEDGER_SCHEDULE: '@daily', CRONLEDGER_PARAMETERS: PLACE },
  })
  expect(JSON.parse(stdout).Parameters.ScheduleExpression).toBe('cron(0 0 * * ? *)')
})

test.each([
  [['everything'], /^unknown template "everything"\. Use ledger, batch, parameters, .* or postgres\.$/],
  [['postgress'], /Did you mean postgres\?/],
  [['--task', 'x'], /the template comes first/],
  [['batch', '--task=x'], /^template batch takes no --task, because it prints the same file/],
  [['parameters'], /^--store, --task and --schedule are missing\./],
])('template %j is refused', async (argv, message) => {
  expect(await refusal(...argv)).toMatch(message)
})

test('each placeholder of a template is on its page, and no other', () => {
  const page = read('docs/reference/templates.md')
  for (const path of ['iam/runner', 'iam/operator']) {
    const names = new Set([...file(`${path}.json`).matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name))
    const [, cell = ''] = new RegExp(`\`${path}\\.json\`.*Placeholders: (.*)$`, 'm').exec(page) ?? []
    expect(new Set([...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name))).toEqual(names)
  }
})

test('template parameters gives each parameter of the template a value, so that none keeps an earlier one', () => {
  const parameters = `${PLACE} SecurityGroups=sg-1,sg-2`
  const { values, notes } = parametersOf({ timezone: 'Asia/Tokyo', parameters })
  const known: Record<string, { Default?: unknown }> = readTemplate('batch')['Parameters']
  expect(Object.keys(values)).toEqual(Object.keys(known))
  expect(notes).toBe('')
  expect(values).toMatchObject({
    Table: 'money',
    Family: 'cronledger-nightly',
    Schedule: '0 3 * * *',
    ScheduleGroup: 'group',
    ScheduleExpression: 'cron(0 3 * * ? *)',
    Timezone: 'Asia/Tokyo',
    StartDate: '',
    Container: 'batch',
    Subnets: 'subnet-1,subnet-2',
    SecurityGroups: 'sg-1,sg-2',
    NoRunHours: '26',
  })
  for (const [name, { Default }] of Object.entries(known)) {
    if (Default !== undefined) expect([name, values[name]]).toEqual([name, String(Default)])
  }
})

test('other parameters can be given', () => {
  const more = { Memory: '1024', CapacityProvider: 'FARGATE_SPOT', Command: 'sh,-c,echo a b' }
  const words = Object.entries(more).map(([name, value]) => `${name}=${value}`)
  expect(parametersOf({ parameters: `${PLACE} ${words.join(' ')}` }).values).toMatchObject(more)
})

test('what is no value of one batch comes from the outputs of the ledger, and the table may be in another account', () => {
  const own = {
    FamilyPrefix: 'pay-',
    Container: 'job',
    StateMachine: 'arn:aws:states:x',
    TableKey: 'arn:aws:kms:x',
    Store: 'x',
  }
  const outputs = outputsFile({ ...own, ScheduleGroup: 'g', SchedulerRole: 'r', DeadLetters: 'd', AlarmTopic: 't' })
  const store = 'dynamodb:arn:aws:dynamodb:eu-west-1:210987654321:table/money'
  const { Family, Container, StateMachine, TableKey, ScheduleGroup, Table } = parametersOf({ outputs, store }).values
  expect([Family, Container, StateMachine, TableKey, ScheduleGroup]).toEqual([
    'pay-nightly',
    'job',
    'arn:aws:states:x',
    'arn:aws:kms:x',
    'g',
  ])
  expect(`dynamodb:${Table}`).toBe(store)
})

test('secrets become three lists, because a template cannot take them apart', () => {
  const secret = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf'
  const parameter = 'arn:aws:ssm:eu-west-1:123456789012:parameter/nightly/token'
  const parameters = `${PLACE} Secrets=USER=${secret}:user::,PASSWORD=${secret}:password::,TOKEN=${parameter}`
  const { SecretNames, SecretArns, SecretResources } = parametersOf({ parameters }).values
  expect(SecretNames).toBe('USER,PASSWORD,TOKEN')
  expect(SecretArns).toBe(`${secret}:user::,${secret}:password::,${parameter}`)
  expect(SecretResources).toBe(`${secret},${parameter}`)
})

test.each([
  ['asia/tokyo', 'Asia/Tokyo'],
  ['utc', 'UTC'],
  ['US/Eastern', 'America/New_York'],
  ['Asia/Kolkata', 'Asia/Kolkata'],
])('the zone %s is spelled %s', (timezone, spelled) => {
  expect(parametersOf({ timezone }).values['Timezone']).toBe(spelled)
})

test('two tasks never have the same family, also if their names differ only in what AWS does not allow', () => {
  const familyOf = (task: string) => parametersOf({ task }).values['Family'] ?? ''
  const families = ['a/b', 'a.b', 'a-b', `${'x'.repeat(90)}1`, `${'x'.repeat(90)}2`].map(familyOf)
  expect(new Set(families).size).toBe(families.length)
  expect(families[2]).toBe('cronledger-a-b')
  for (const family of families) expect(family).toMatch(/^cronledger-[A-Za-z0-9_-]{1,53}$/)
  expect(familyOf('a/b')).toBe(families[0])
})

test('a rate starts at a slot of its own grid, and a form that AWS does not document is a note', () => {
  const { values, notes } = parametersOf({ schedule: 'rate(6 hours)', anchor: '2026-01-01T00:30:00Z' })
  expect(values['StartDate']).toBe('2026-11-24T00:30:00Z')
  expect(notes).toContain('counts from 2026-11-24T00:30:00Z. Deploy the stack before that time')
  expect(parametersOf({ schedule: 'cron(0 3 L-1 * ?)' }).notes).toMatch(/AWS does not document "L-1"/)
})

test.each([
  ['0 3 * * *', {}, '26'],
  ['* * * * *', {}, '3'],
  ['0 9-17 * * 1-5', {}, '66'],
  ['15 23 1 * *', {}, '0'],
  ['0 3 * * 1', { timezone: 'Asia/Tokyo' }, '0'],
  ['rate(7 days)', { anchor: '2026-01-01T00:00:00Z' }, '0'],
  ['at(2099-12-31T23:00:00)', {}, '0'],
])('%s %j: an alarm, or a note where CloudWatch does not look back far enough', (schedule, batch, hours) => {
  const { values, notes } = parametersOf({ schedule, ...batch })
  expect(values['NoRunHours']).toBe(hours)
  expect(notes.includes('Let the daily check find it: CheckImage')).toBe(hours === '0')
  if (hours === '0') return
  const own = parametersOf({ schedule, ...batch, parameters: `${PLACE} NoRunHours=100` })
  expect(own.values['NoRunHours']).toBe('100')
})

test.each<[string, RegExp]>([
  ['Secrets=PASSWORD', /is not allowed\. Use Secrets=VARIABLE=ARN,VARIABLE=ARN\.$/],
  [`Secrets=${'A=arn:aws:ssm:x,'.repeat(6)}`, /^Secrets has 6 items\. At most 5 are possible\./],
  ['Variables=MODE', /is not allowed\. Use Variables=NAME=VALUE,NAME=VALUE\.$/],
  ['NoRunHours=170', /At least 0, at most 168\.$/],
  ['LogRetention=91', /^--parameters "LogRetention=91" is not allowed\..* Use 1, 3, .* or 3653\.$/],
  ['Cpu=1024', /^Memory is "512", .* Use 2048 to 8192 in steps of 1024\.$/],
  ['Overlap=wiat', /^--parameters "Overlap=wiat" is not allowed\..* Use allow, skip or wait\.$/],
  ['CapacityProvider=EC2', /is not allowed\..* Use FARGATE or FARGATE_SPOT\.$/],
  ['FlexibleMinutes=2000', /At least 0, at most 1440\.$/],
  ...['Container=other', 'StateMachine=arn:aws:states:x', 'AlarmTopic=arn:aws:sns:x', 'TableKey='].map(
    (given): [string, RegExp] => [given, /follows from --outputs\. Leave it out\.$/],
  ),
  ['SecretArns=arn:aws:x', /the template has no parameter SecretArns\. Did you mean Secrets\?/],
  ['SecurityGroups=default', /"SecurityGroups=default" is not allowed\. Ids of the security/],
  ['Memry=1024', /the template has no parameter Memry\. Did you mean Memory\?/],
  ...[
    'NoRunHours=x',
    'EphemeralStorage=20.5',
    'PlatformVersion=1',
    'PlatformVersion=1.3.0',
    'CapacityProvider=a b',
    'TaskPolicies=S3',
    'PermissionsBoundary=S3',
    'Image=my image',
    'Secrets=A=arn:aws:s3:::x',
  ].map((given): [string, RegExp] => [
    given,
    new RegExp(`^--parameters "${given.replace(/=.*/, '=')}.*" is not allowed\\.`),
  ]),
])('template parameters refuses --parameters %s', (given, message) => {
  expect(() => parametersOf({ parameters: `${PLACE} ${given}` })).toThrow(message)
})

test.each(CASES)(
  'template parameters keeps the rule $rule: $parameters',
  ({ parameters, task = BATCH.task, message }) => {
    expect(() => parametersOf({ task, parameters: `${PLACE} ${parameters}` })).toThrow(message)
  },
)

test('with a file, a note has the variables that it cannot set, which are those that the stack sets', () => {
  const { notes } = parametersOf({ parameters: `${PLACE} EnvironmentFile=arn:aws:s3:::bucket/a.env CatchUp=3d` })
  expect(notes).toMatch(/the file cannot set CRONLEDGER_STORE, .*CRONLEDGER_CATCH_UP.*CRONLEDGER_DONE_BY/)
  expect(notes).not.toContain('CRONLEDGER_TIMEOUT')
})

test('a flexible window makes the grace and the hours of the alarm longer', () => {
  const { values } = parametersOf({ parameters: `${PLACE} FlexibleMinutes=90` })
  expect(values).toMatchObject({ FlexibleMinutes: '90', Grace: '105m', NoRunHours: '28' })
  const own = parametersOf({ parameters: `${PLACE} FlexibleMinutes=90 Grace=3h` }).values
  expect(own['Grace']).toBe('3h')
})

test.each([
  [
    { parameters: undefined },
    /^Image \(.*\), Command \(.*\), Cluster \(.*\) and Subnets \(.*\) have no value\. Give --parameters 'Im/,
  ],
  [
    { outputs: undefined },
    /^--outputs is missing\. .*: aws cloudformation describe-stacks --stack-name STACK >outputs\.json$/,
  ],
  [{ outputs: '{}' }, /^the file of --outputs is not valid\./],
  [{ outputs: outputsFile({ ScheduleGroup: 'g' }) }, /^the file of --outputs has no SchedulerRole, DeadLetters and Al/],
  [{ parameters: 'Memory' }, /Use NAME=VALUE/],
  [{ parameters: 'Timezone=UTC' }, /Timezone follows from --timezone\. Use that option\.$/],
  [
    { parameters: 'Architecture=arm' },
    /"Architecture=arm" is not allowed\. Architecture of the image\. Use X86_64 or ARM64\.$/,
  ],
  [
    { parameters: 'Cluster=arn:aws:ecs:eu-west-1:123456789012:cluster/batch' },
    /is not allowed\. Name of the ECS cluster, not its ARN\./,
  ],
  [{ task: 'no spaces' }, /task "no spaces"/],
  [{ schedule: '0 3 1 * 5' }, /a day of month or a day of week, never both/],
  [{ schedule: '30 0 3 * * *' }, /AWS has no seconds/],
  [{ store: 'file:x' }, /^--store "file:x" is not on AWS\./],
] as const)('template parameters refuses %j', (batch, message) => {
  expect(() => stackParameters({ ...BATCH, ...batch }, NOW)).toThrow(message)
})
