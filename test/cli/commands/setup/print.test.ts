import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aws, hasAws } from '../../../support/aws.ts'
import { cronledger, type Loose, NIGHTLY, scratch } from '../../../support/cli.ts'
import { type Server, startMoto } from '../../../support/servers.ts'

const folder = scratch()
const TABLE = 'dynamodb:money'
/** What `setup --print` answers, with what it says on the side. */
async function printed(what: string, args: readonly string[] = NIGHTLY, env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await cronledger(['setup', '--store', TABLE, '--print', what, ...args], { env })
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) })
  return { text: stdout, notes: stderr.trim().split('\n') }
}

const printedJson = async (...args: Parameters<typeof printed>): Promise<Loose> =>
  JSON.parse((await printed(...args)).text)

/** A file for `--cli-input-json`, in which a person has filled in the rest. */
function filled(name: string, request: unknown): string {
  const path = join(folder, name)
  const rest = { 'AWS::Partition': 'aws', 'AWS::AccountId': '123456789012', Cluster: 'batch', Subnet: 'subnet-1' }
  const text = JSON.stringify(request).replace(/\$\{([\w:]+)\}/g, (_, key: string) => (rest as Loose)[key] ?? key)
  writeFileSync(path, text)
  return `file://${path}`
}

describe('refused', () => {
  test.each([
    [
      ['--print', 'eventbridge', '--schedule', '0 3 * * *'],
      /--print eventbridge requires --task\. Give --task NAME, or set CRONLEDGER_TASK/,
    ],
    [
      ['--print', 'task-definition', '--task', 'nightly'],
      /--print task-definition requires --schedule\. Give --schedule EXPR/,
    ],
    [
      ['--print', 'eventbridge', '--task', 'nightly', '--schedule', '0 3 1 * 5'],
      /a day of month or a day of week, never both/,
    ],
    [['--print', 'eventbridge', '--task', 'nightly', '--schedule', '30 0 3 * * *'], /AWS has no seconds/],
    [['--print', 'parameters', '--task', 'no spaces', '--schedule', '0 3 * * *'], /task/],
    [['--print', 'task-definition', ...NIGHTLY, '--container', 'a"b'], /--container "a\\"b" is not valid/],
    [['--print', 'everything'], /Use cloudformation, parameters, iam, eventbridge or task-definition/],
    [['--print', 'iam', '--cluster', 'batch'], /--cluster requires --print parameters\./],
    [['--check', '--existing-table'], /--existing-table requires --print parameters\./],
    [['--print', 'iam', '--check'], /--check and --print cannot be used together/],
  ])('%j', async (args, why) => {
    const { code, stdout, stderr } = await cronledger(['setup', '--store', TABLE, ...args])
    expect({ code, stdout, lines: stderr.trim().split('\n').length }).toEqual({ code: 64, stdout: '', lines: 1 })
    expect(stderr).toMatch(why)
  })

  test('a file ledger', async () => {
    const file = await cronledger(['setup', '--store', 'file:x', '--print', 'iam'])
    expect(file).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--print cannot be used with --store "file:x"'),
    })
  })
})

describe('what is left open', () => {
  test('an ARN says where it all is', async () => {
    const arn = 'arn:aws-cn:dynamodb:cn-north-1:123456789012:table/money'
    const iam = ['setup', '--store', `dynamodb:${arn}`, '--print', 'iam', '--role', 'auditor']
    const { stdout, stderr } = await cronledger(iam)
    expect(JSON.parse(stdout).Statement[1].Resource).toBe(`${arn}/index/by-day`)
    expect(stderr).toBe('')
  })

  test('a name does not, and what is missing has the names of CloudFormation', async () => {
    const { text, notes } = await printed('iam')
    expect(JSON.parse(text).runner.Statement[0].Resource).toBe(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as it is printed
      'arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/money',
    )
    expect(notes).toEqual([
      expect.stringContaining('--role runner|auditor|operator'),
      expect.stringMatching(/still to be filled in: .*AWS::AccountId/),
    ])
  })

  test('the policy of a runner is for one task, and without a task its name is left open', async () => {
    const partitionsIn = async (...args: readonly string[]) => {
      const { text, notes } = await printed('iam', ['--role', 'runner', ...args], { AWS_REGION: 'eu-west-1' })
      return { keys: JSON.parse(text).Statement[0].Condition['ForAllValues:StringEquals'], notes }
    }
    expect(await partitionsIn('--task', 'pay/nightly.v2')).toEqual({
      keys: { 'dynamodb:LeadingKeys': ['pay/nightly.v2'] },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as it is printed
      notes: ['cronledger: still to be filled in: ${AWS::AccountId}'],
    })
    expect(await partitionsIn()).toEqual({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as it is printed
      keys: { 'dynamodb:LeadingKeys': ['${Task}'] },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as it is printed
      notes: ['cronledger: still to be filled in: ${AWS::AccountId}, ${Task}'],
    })
    const wrong = await cronledger(['setup', '--store', TABLE, '--print', 'iam', '--task', 'no spaces'])
    expect(wrong).toMatchObject({ code: 64, stdout: '', stderr: expect.stringContaining('task "no spaces"') })
    const { text } = await printed('iam', ['--task', 'nightly'])
    const { auditor, operator } = JSON.parse(text)
    expect(JSON.stringify([auditor, operator])).not.toContain('Condition')
  })

  test('an empty region is none', async () => {
    const { text } = await printed('iam', [], { AWS_REGION: '', AWS_DEFAULT_REGION: '' })
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as it is printed
    expect(JSON.parse(text).runner.Statement[0].Resource).toContain('dynamodb:${AWS::Region}:')
  })

  test('tasks of other names have other families, whatever AWS takes of the name', async () => {
    const familyOf = async (task: string) =>
      (await printedJson('task-definition', ['--task', task, '--schedule', '0 3 * * *']))['family']
    const tasks = ['a/b', 'a.b', 'a-b', `${'x'.repeat(90)}1`, `${'x'.repeat(90)}2`]
    const families: string[] = []
    for (const task of tasks) families.push(await familyOf(task))
    expect(new Set(families).size).toBe(tasks.length)
    expect(families[2]).toBe('cronledger-a-b')
    for (const family of families) expect(family).toMatch(/^cronledger-[A-Za-z0-9_-]{1,53}$/)
    expect(await familyOf('a/b')).toBe(families[0])
  })

  test.each([
    ['asia/tokyo', 'Asia/Tokyo'],
    ['utc', 'UTC'],
    ['america/new_york', 'America/New_York'],
    ['US/Eastern', 'America/New_York'],
    ['Asia/Kolkata', 'Asia/Kolkata'],
  ])('the zone %s is spelled %s', async (timezone, spelled) => {
    const { createSchedule } = await printedJson('eventbridge', [...NIGHTLY, '--timezone', timezone])
    expect(createSchedule.ScheduleExpressionTimezone).toBe(spelled)
    expect((await printed('task-definition', [...NIGHTLY, '--timezone', timezone])).text).toContain(
      `"name": "CRONLEDGER_TIMEZONE",\n          "value": "${spelled}"`,
    )
  })

  test('a zoned schedule is for EventBridge Scheduler only', async () => {
    const { text, notes } = await printed('eventbridge', [...NIGHTLY, '--timezone', 'Asia/Tokyo'])
    expect(Object.keys(JSON.parse(text))).toEqual(['createSchedule'])
    expect(JSON.parse(text).createSchedule).toMatchObject({
      ScheduleExpression: 'cron(0 3 * * ? *)',
      ScheduleExpressionTimezone: 'Asia/Tokyo',
    })
    expect(notes[0]).toContain('a rule always uses UTC')
    const doubtful = ['--task', 'nightly', '--schedule', 'cron(0 3 L-1 * ?)']
    const { notes: warnings } = await printed('eventbridge', doubtful)
    expect(warnings.slice(0, 2)).toEqual([
      'cronledger: AWS does not document cron(…) with five fields (write the year as the sixth field, "*"). Check that AWS accepts it.',
      'cronledger: AWS does not document "L-1" (a day before the last of the month). Check that AWS accepts it.',
    ])
  })

  test('a target has an id that EventBridge takes, however long the name of the container', async () => {
    const { putTargets } = await printedJson('eventbridge', [...NIGHTLY, '--container', 'b'.repeat(255)])
    expect(putTargets.Targets[0].Id).toMatch(/^[\w.-]{1,64}$/)
  })

  test('a rate starts at a slot of its own grid', async () => {
    const rate = ['--task', 'nightly', '--schedule', 'rate(6 hours)', '--anchor', '2026-01-01T00:30:00Z']
    const { createSchedule } = await printedJson('eventbridge', rate)
    const sinceAnchorMs = Date.parse(createSchedule.StartDate) - Date.parse('2026-01-01T00:30:00Z')
    expect(sinceAnchorMs % 21_600_000).toBe(0)
    expect(Date.parse(createSchedule.StartDate)).toBeGreaterThan(Date.now())
    expect((await printed('task-definition', rate)).text).toContain('"CRONLEDGER_ANCHOR"')
    expect((await printed('task-definition')).text).not.toContain('CRONLEDGER_ANCHOR')
  })
})

describe.skipIf(!hasAws)('on a server, by the command line of AWS', () => {
  let server: Server
  beforeAll(async () => {
    server = await startMoto()
  })
  afterAll(() => server.stop())
  const call = (...args: readonly string[]) => aws(server.endpoint, ...args)

  test('a task definition', async () => {
    const task = await printedJson('task-definition', [...NIGHTLY, '--image', 'batch:1'], { AWS_REGION: 'eu-west-1' })
    await call('ecs', 'register-task-definition', '--cli-input-json', filled('task-definition.json', task))
    const { taskDefinition } = await call('ecs', 'describe-task-definition', '--task-definition', 'cronledger-nightly')
    expect(taskDefinition).toMatchObject({
      taskRoleArn: 'arn:aws:iam::123456789012:role/TaskRole',
      containerDefinitions: [{ stopTimeout: 120, logConfiguration: { logDriver: 'awslogs' } }],
    })
  })

  describe('a trigger as EventBridge makes it', () => {
    const event = JSON.parse(readFileSync(new URL('../../../fixtures/aws/rule-event.json', import.meta.url), 'utf8'))

    let delivered = 0

    /** Runs a batch with the environment that the overrides give its container. */
    async function deliver(overrides: string, schedule: readonly string[]) {
      const { containerOverrides } = JSON.parse(overrides)
      expect(containerOverrides).toHaveLength(1)
      expect(containerOverrides[0].name).toBe('batch')
      const env = Object.fromEntries(containerOverrides[0].environment.map(({ name, value }: Loose) => [name, value]))
      const store = `file:${join(folder, `delivered-${++delivered}.db`)}`
      const args = ['run', '--store', store, '--task', 'nightly', ...schedule, '--strict']
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the shell
      return cronledger([...args, '--', 'sh', '-c', 'echo ${CRONLEDGER_RUN_SLOT}'], { env })
    }

    test('by a rule, with its input transformer', async () => {
      const args = ['--task', 'nightly', '--schedule', '0 18 * * *']
      const { putRule, putTargets } = await printedJson('eventbridge', args, { AWS_REGION: 'eu-west-1' })
      await call('events', 'put-rule', '--cli-input-json', filled('rule.json', putRule))
      await call('events', 'put-targets', '--cli-input-json', filled('targets.json', putTargets))
      const { Targets } = await call('events', 'list-targets-by-rule', '--rule', 'cronledger-nightly')
      const { InputPathsMap, InputTemplate } = Targets[0].InputTransformer
      const rendered = InputTemplate.replace(
        /<(\w+)>/g,
        (_: string, name: string) => event[InputPathsMap[name].replace('$.', '')],
      )
      expect(await deliver(rendered, args.slice(2))).toMatchObject({ code: 0, stdout: '2026-11-23T18:00:00Z\n' })
    })

    test('by EventBridge Scheduler', async () => {
      const args = ['--task', 'zoned', '--schedule', '30 3 * * 1-5', '--timezone', 'Asia/Tokyo']
      const { createSchedule } = await printedJson('eventbridge', args, { AWS_REGION: 'eu-west-1' })
      await call('scheduler', 'create-schedule', '--cli-input-json', filled('schedule.json', createSchedule))
      const made = await call('scheduler', 'get-schedule', '--name', 'cronledger-zoned')
      expect(made).toMatchObject({
        ScheduleExpression: 'cron(30 3 ? * 2-6 *)',
        ScheduleExpressionTimezone: 'Asia/Tokyo',
      })
      const { Input } = made.Target
      const unfilled = await deliver(Input, args.slice(2))
      expect(unfilled).toMatchObject({ code: 64, stdout: '', stderr: expect.stringContaining('was not replaced') })
      const rendered = Input.replace('<aws.scheduler.scheduled-time>', '2026-11-23T18:30:00Z')
      expect(await deliver(rendered, args.slice(2))).toMatchObject({ code: 0, stdout: '2026-11-23T18:30:00Z\n' })
    })
  })
})
