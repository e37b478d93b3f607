import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { stackParameters } from '../../../../src/cli/commands/template/parameters.ts'
import { printOption, template } from '../../../../src/cli/commands/template.ts'
import { BATCH, PLACE, readTemplate } from '../../../support/aws/stack.ts'
import { cronledger } from '../../../support/cli.ts'

const file = (name: string) => readFileSync(new URL(`../../../../schema/${name}`, import.meta.url), 'utf8')
const read = (name: string) => readFileSync(new URL(`../../../../${name}`, import.meta.url), 'utf8')
const NOW = Date.UTC(2026, 10, 24)

/** Returns the parameters of a batch, and the notes about them. */
function parametersOf(batch: Partial<typeof BATCH>, now = NOW) {
  const { text, notes } = stackParameters({ ...BATCH, ...batch }, now)
  return { values: JSON.parse(text).Parameters as Record<string, string>, notes: notes.join('\n') }
}

/** Returns the error of the command. */
const refusal = (...argv: readonly string[]) =>
  template.execute({ argv, env: {} } as never).then(
    () => 'no error',
    ({ message }) => message,
  )

test('template lists what it prints, and prints a file of the package byte for byte', async () => {
  const list = (await cronledger(['template'])).stdout
  expect(template.help.words?.every((name) => list.includes(`${name}  `))).toBe(true)
  expect(await cronledger(['template', 'cloudformation'])).toMatchObject({
    code: 0,
    stdout: file('cloudformation.yaml'),
    stderr: '',
  })
  const { stdout } = await cronledger(['template', 'parameters', ...'--store dynamodb:money --task a'.split(' ')], {
    env: { CRONLEDGER_SCHEDULE: '@daily', CRONLEDGER_PARAMETERS: PLACE },
  })
  expect(JSON.parse(stdout).Parameters.ScheduleExpression).toBe('cron(0 0 * * ? *)')
})

test.each([
  [['everything'], /^unknown template "everything"\. Use cloudformation, parameters, .* or rule-targets\.$/],
  [['scedule'], /Did you mean schedule\?/],
  [['iam'], /Did you mean runner-policy or auditor-policy or operator-policy\?/],
  [['terraform'], /Did you mean cloudformation\? Terraform deploys it, too \(docs\/guides\/terraform\.md\)/],
  [['cfn'], /Did you mean cloudformation\?/],
  [['--task', 'x'], /the template comes first/],
  [['cloudformation', '--task=x'], /^template cloudformation takes no --task, because it prints the same file/],
  [['parameters'], /^--store, --task and --schedule are missing\./],
])('template %j is refused', async (argv, message) => {
  expect(await refusal(...argv)).toMatch(message)
})

test.each([
  ['cfn', 'template cloudformation;'],
  ['iam', 'template runner-policy;'],
  ['task-definition', 'template task-definition;'],
  [undefined, 'template NAME;'],
])('setup --print %s names the command', async (name, command) => {
  expect(printOption(name).message).toContain(`setup has no option --print. Use cronledger ${command}`)
})

test('each placeholder of a template is on its page, and no other', () => {
  const page = read('docs/reference/templates.md')
  for (const path of ['iam/runner', 'iam/operator', 'task-definition', 'eventbridge/schedule', 'eventbridge/rule']) {
    const names = new Set([...file(`${path}.json`).matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name))
    const [, cell = ''] = new RegExp(`\`${path}\\.json\`.*\\| ([^|]*) \\|$`, 'm').exec(page) ?? []
    expect(new Set([...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name))).toEqual(names)
  }
})

test('both kinds of EventBridge pass the time of the event to the container of the task definition', () => {
  const { containerDefinitions } = JSON.parse(file('task-definition.json'))
  const { Input } = JSON.parse(file('eventbridge/schedule.json')).Target
  const [{ Id, InputTransformer }] = JSON.parse(file('eventbridge/rule-targets.json')).Targets
  expect(Id).toBe(JSON.parse(file('eventbridge/rule.json')).Name)
  expect(InputTransformer.InputPathsMap).toEqual({ time: '$.time' })
  for (const [input, time] of [
    [Input, '<aws.scheduler.scheduled-time>'],
    [InputTransformer.InputTemplate, '<time>'],
  ]) {
    expect(JSON.parse(input).containerOverrides).toEqual([
      { name: containerDefinitions[0].name, environment: [{ name: 'CRONLEDGER_EVENT_TIME', value: time }] },
    ])
  }
})

test('template parameters gives each parameter of the template a value, so that none keeps an earlier one', () => {
  const parameters = `${PLACE} SecurityGroups=sg-1,sg-2`
  const { values, notes } = parametersOf({ timezone: 'Asia/Tokyo', parameters })
  const known: Record<string, { Default?: unknown }> = readTemplate()['Parameters']
  expect(Object.keys(values)).toEqual(Object.keys(known))
  expect(notes).toBe('')
  expect(values).toMatchObject({
    ...{ TableName: 'money', CreateTable: 'true', Family: 'cronledger-nightly', Schedule: '0 3 * * *' },
    ...{ ScheduleExpression: 'cron(0 3 * * ? *)', Timezone: 'Asia/Tokyo', StartDate: '', Container: 'batch' },
    ...{ Subnets: 'subnet-1,subnet-2', SecurityGroups: 'sg-1,sg-2', NoRunHours: '26', CheckExpression: '' },
  })
  for (const [name, { Default }] of Object.entries(known)) {
    if (Default !== undefined) expect([name, values[name]]).toEqual([name, String(Default)])
  }
})

test('a second batch uses the table of the first, and other parameters can be given', () => {
  const more = { CreateTable: 'false', Memory: '1024', AlarmEmail: 'ops@example.org', Command: 'sh,-c,echo a b' }
  const words = Object.entries(more).map(([name, value]) => `${name}=${value}`)
  expect(parametersOf({ parameters: `${PLACE} ${words.join(' ')}` }).values).toMatchObject(more)
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
  ['0 3 * * *', {}, '26', ''],
  ['* * * * *', {}, '3', ''],
  ['0 9-17 * * 1-5', {}, '66', ''],
  ['15 23 1 * *', {}, '0', 'cron(15 1 * * ? *)'],
  ['0 3 * * 1', { timezone: 'Asia/Tokyo' }, '0', 'cron(0 5 * * ? *)'],
  // At 02:30 in New York and at 00:30 in Santiago, a check would not run on the day on which the clocks skip that hour.
  ['30 0 1 * *', { timezone: 'America/New_York' }, '0', 'cron(30 3 * * ? *)'],
  ['30 22 1 * *', { timezone: 'America/Santiago' }, '0', 'cron(30 1 * * ? *)'],
  ['rate(7 days)', { anchor: '2026-01-01T00:00:00Z' }, '0', 'cron(0 2 * * ? *)'],
  ['at(2099-12-31T23:00:00)', {}, '0', 'cron(0 1 * * ? *)'],
])(
  '%s %j: an alarm, or a daily check where CloudWatch does not look back far enough',
  (schedule, batch, hours, check) => {
    const { values, notes } = parametersOf({ schedule, ...batch })
    expect([values['NoRunHours'], values['CheckExpression']]).toEqual([hours, check])
    expect(notes.includes('it runs cronledger check once a day')).toBe(check !== '')
    const parameters = `${PLACE} CheckExpression=cron(0 9 * * ? *)`
    const own = parametersOf({ schedule, ...batch, parameters })
    expect(own.values['CheckExpression']).toBe('cron(0 9 * * ? *)')
    expect(own.notes).not.toContain('check once a day')
  },
)

test.each([
  [{ parameters: undefined }, /^Image \(.*\), Cluster \(.*\) and Subnets \(.*\) have no value\. Give --parameters 'Im/],
  [{ parameters: `${PLACE} SecurityGroups=default` }, /"SecurityGroups=default" is not allowed\. Ids of the security/],
  [{ parameters: `${PLACE} Memry=1024` }, /the template has no parameter Memry\. Did you mean Memory\?/],
  [{ parameters: 'Memory' }, /Use NAME=VALUE/],
  [{ parameters: 'Timezone=UTC' }, /Timezone follows from --timezone\. Use that option\.$/],
  [{ parameters: 'Architecture=arm' }, /"Architecture=arm" is not allowed\. Architecture of the image\.$/],
  [
    { parameters: 'Cluster=arn:aws:ecs:eu-west-1:123456789012:cluster/batch' },
    /is not allowed\. Name of the ECS cluster, not its ARN\./,
  ],
  [{ task: 'no spaces' }, /task "no spaces"/],
  [{ schedule: '0 3 1 * 5' }, /a day of month or a day of week, never both/],
  [{ schedule: '30 0 3 * * *' }, /AWS has no seconds/],
  [{ store: 'file:x' }, /^--store "file:x" is not on AWS\./],
  [
    { store: 'dynamodb:arn:aws:dynamodb:eu-west-1:123456789012:table/money' },
    /Use the name of the table: dynamodb:money/,
  ],
] as const)('template parameters refuses %j', (batch, message) => {
  expect(() => stackParameters({ ...BATCH, ...batch }, NOW)).toThrow(message)
})
