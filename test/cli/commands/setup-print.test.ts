import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, type ScalarTag } from 'yaml'
import { aws, awsEnv, hasAws } from '../../support/aws.ts'
import { cronledger, type Loose, NIGHTLY, scratch } from '../../support/cli.ts'
import { type FaultyProxy, startFaultyProxy } from '../../support/proxy.ts'
import { serve } from '../../support/serve.ts'
import { type Server, startMoto } from '../../support/servers.ts'

const folder = scratch()
const TABLE = 'dynamodb:money'
/** The metrics that the alarms are made of. */
const ALARMED = ['Duplicate', 'Refused', 'Failed', 'Completed']
const WEEKLY = ['--task', 'weekly', '--schedule', '0 3 * * *']

/** `history` of all tasks shows the last days, which are the days of the tests. */
const ALL_DAYS = ['--since', '2026-11-19', '--until', '2026-11-24']

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

/** The template with CloudFormation's short forms as plain objects, `!Ref x` as `{ Ref: 'x' }`. */
function parseTemplate(text: string): Loose {
  const form = (tag: string) => ({ tag, resolve: (value: unknown) => ({ [tag]: value }) }) as ScalarTag
  const list = (tag: string) => ({ tag, collection: 'seq' as const })
  return parse(text, {
    customTags: ['!Ref', '!Sub', '!GetAtt'].map(form).concat(['!Equals', '!Not', '!If'].map(list) as never),
  })
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
    [['--print', 'cloudformation', '--task', 'no spaces', '--schedule', '0 3 * * *'], /task/],
    [['--print', 'task-definition', ...NIGHTLY, '--container', 'a"b'], /--container "a\\"b" is not valid/],
    [['--print', 'everything'], /Use cloudformation, iam, eventbridge or task-definition/],
    [['--print', 'iam', '--check'], /--check and --print cannot be used together/],
  ])('%j', async (args, why) => {
    const { code, stdout, stderr } = await cronledger(['setup', '--store', TABLE, ...args])
    expect({ code, stdout, lines: stderr.trim().split('\n').length }).toEqual({ code: 64, stdout: '', lines: 1 })
    expect(stderr).toMatch(why)
  })

  test('a file ledger, and a stack for a table that is elsewhere', async () => {
    const file = await cronledger(['setup', '--store', 'file:x', '--print', 'iam'])
    expect(file).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--print cannot be used with --store "file:x"'),
    })
    const arn = 'dynamodb:arn:aws:dynamodb:eu-west-1:123456789012:table/money'
    const stack = await cronledger(['setup', '--store', arn, '--print', 'cloudformation', ...NIGHTLY])
    expect(stack).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('Use the name of the table: dynamodb:money'),
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
  const run = (args: readonly string[], env: Record<string, string> = {}) =>
    cronledger(args, { env: { ...awsEnv(server.endpoint), ...env } })

  describe('the stack', () => {
    let template: Loose
    /** The ids of the resources that were created, by their names in the template. */
    let made: Record<string, string>
    beforeAll(async () => {
      const { text } = await printed('cloudformation', [...NIGHTLY, '--timezone', 'Asia/Tokyo', '--image', 'batch:1'])
      template = parseTemplate(text)
      const path = join(folder, 'cloudformation.yaml')
      writeFileSync(path, text)
      const stack = ['--stack-name', 'money', '--capabilities', 'CAPABILITY_IAM']
      await call('cloudformation', 'deploy', '--template-file', path, ...stack)
      const { StackResources } = await call('cloudformation', 'describe-stack-resources', '--stack-name', 'money')
      made = Object.fromEntries(
        StackResources.map((one: Loose) => [one['LogicalResourceId'], one['PhysicalResourceId']]),
      )
    })

    test('makes a table on which the command line works', async () => {
      const setup = await run(['setup', '--store', TABLE])
      // moto's CloudFormation leaves TTL, backups and encryption out; setup turns TTL on.
      expect(setup).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(
          'dynamodb:money: table already exists, nothing to change\ndynamodb:money: time to live turned on\n',
        ),
      })
      const check = await run(['setup', '--store', TABLE, '--check'])
      expect(check.stdout).not.toMatch(/^wrong/m)
      expect(check.code).toBe(0)

      const batch = ['run', '--store', TABLE, ...NIGHTLY, '--event-time', '2026-11-23T03:00:20Z', '--', 'echo', 'paid']
      expect(await run(batch)).toMatchObject({ code: 0, stdout: 'paid\n' })
      expect(await run(batch)).toMatchObject({ code: 0, stdout: '' })
      const history = await run(['history', '--store', TABLE, ...ALL_DAYS, '--no-missed', '--format', 'json'])
      expect(JSON.parse(history.stdout)).toMatchObject([
        { task: 'nightly', state: 'COMPLETED', rejections: { count: 1 } },
      ])
    })

    test('defines the table as table.json does, and keeps it', async () => {
      const { Type, Condition, Properties, ...policies } = template['Resources'].Table
      const { TableName, SSESpecification, ...table } = Properties
      expect(table).toEqual(JSON.parse(readFileSync(new URL('../../../schema/table.json', import.meta.url), 'utf8')))
      expect({ policies, SSESpecification }).toEqual({
        policies: { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' },
        SSESpecification: { SSEEnabled: true },
      })
      const { Table } = await call('dynamodb', 'describe-table', '--table-name', 'money')
      expect(Table).toMatchObject({
        DeletionProtectionEnabled: true,
        BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
      })
    })

    describe('the policy', () => {
      const ROLES = ['runner', 'auditor', 'operator'] as const
      /** As they were deployed. */
      const policies: Record<string, Loose> = {}
      let proxy: FaultyProxy

      beforeAll(async () => {
        proxy = await startFaultyProxy(server.endpoint)
        for (const role of ROLES) {
          const arn = made[`${role[0]?.toUpperCase()}${role.slice(1)}Policy`] ?? ''
          const reply = await call('iam', 'get-policy-version', '--policy-arn', arn, '--version-id', 'v1')
          policies[role] = reply.PolicyVersion.Document
        }
        await run(['run', '--store', TABLE, ...slot('21'), '--', 'sh', '-c', 'exit 3'])
      })
      afterAll(() => proxy.close())

      const slot = (day: string) => [...WEEKLY, '--event-time', `2026-11-${day}T03:00:09Z`]

      const env = () => ({ AWS_ENDPOINT_URL_DYNAMODB: proxy.url })
      /** The commands that were looked at. */
      const recorded = new Set<string>()

      /** The requests of the commands, such as `dynamodb:Query /index/by-day`. */
      async function asked(...commands: readonly (readonly [code: number, ...args: string[]])[]) {
        const before = proxy.seen.length
        for (const [code, name = '', ...args] of commands) {
          recorded.add(name)
          const ended = await run([name, '--store', TABLE, ...args], env())
          expect(ended.code, `${name} ${args.join(' ')}: ${ended.stderr}`).toBe(code)
        }
        return callsSince(before)
      }

      /** What `serve` asks for when a person looks at each of its pages. */
      async function askedByPages() {
        const before = proxy.seen.length
        recorded.add('serve')
        const served = await serve(TABLE, { env: { ...awsEnv(server.endpoint), ...env() } })
        const overview = await fetch(served.url).then((page) => page.text())
        const pages = [...overview.matchAll(/href="(\/(?:task|slot)[^"]*)"/g)].map(([, path = '']) => path)
        expect(pages.map((path) => path.split('?')[0])).toEqual(expect.arrayContaining(['/task', '/slot']))
        for (const path of pages) {
          const { status } = await fetch(new URL(path.replaceAll('&amp;', '&'), served.url))
          expect({ path, status }).toEqual({ path, status: 200 })
        }
        await served.stop()
        return callsSince(before)
      }

      const callsSince = (before: number) =>
        proxy.seen
          .slice(before)
          .map(({ action, indexName }) => `dynamodb:${action} ${indexName && `/index/${indexName}`}`)

      /** The requests that a policy allows, in the same form. */
      const allowed = (role: (typeof ROLES)[number]) =>
        policies[role]?.['Statement'].flatMap(({ Action, Resource }: Loose) =>
          Action.map((action: string) => `${action} ${Resource.split(':table/money')[1] || null}`),
        )

      test('is that of iam.json, for each role', async () => {
        const iam = await printed('iam', ['--task', 'nightly'], { AWS_REGION: 'eu-west-1' })
        expect(policies).toEqual(JSON.parse(iam.text.replaceAll(/\$\{AWS::AccountId\}/g, '123456789012')))
      })

      test('of the runner has what run asks for, and nothing else', async () => {
        const actions = await asked(
          [0, 'run', ...slot('20'), '--', 'true'],
          [0, 'run', ...slot('20'), '--', 'true'],
          [65, 'run', ...slot('21'), '--', 'true'],
          [0, 'run', ...slot('22'), '--overlap', 'wait', '--retention', '400d', '--', 'true'],
          [0, 'run', ...slot('21'), '--max-attempts', '2', '--heartbeat', '100ms', '--', 'sleep', '0.5'],
          // It looks for missed slots, so it must be about the slot of today.
          [0, 'run', ...WEEKLY, '--catch-up', '2d', '--', 'true'],
          // By aws ecs run-task, under the same role.
          [0, 'run', ...WEEKLY, '--force-slot', '2026-11-21', '--reason', 'by hand', '--', 'true'],
          [0, 'run', ...WEEKLY, '--force-slot', 'latest', '--reason', 'by hand', '--overlap', 'wait', '--', 'true'],
        )
        expect(new Set(actions)).toEqual(new Set(allowed('runner')))
      })

      test('of the auditor has what reading asks for, and nothing else', async () => {
        const actions = await asked(
          [0, 'history', ...ALL_DAYS],
          [0, 'history', '--task', 'weekly'],
          [0, 'history', '--task', 'weekly', '--status', 'missed', ...ALL_DAYS],
          [0, 'show', '--task', 'weekly', '--slot', 'latest'],
          [0, 'show', '--task', 'weekly', '--slot', '2026-11-21'],
          [0, 'tasks'],
          [1, 'check', '--task', 'weekly', '--since', '2026-11-19'],
          [1, 'check', '--since', '2026-11-19'],
          [0, 'report', '--out', join(folder, 'report.html'), ...ALL_DAYS],
        )
        expect(new Set([...actions, ...(await askedByPages())])).toEqual(new Set(allowed('auditor')))
      })

      test('of the operator has what a person does, the reading, and nothing else', async () => {
        const actions = await asked(
          [0, 'rerun', '--task', 'weekly', '--slot', '2026-11-21', '--reason', 'by hand', '--', 'true'],
          [
            0,
            'rerun',
            '--task',
            'weekly',
            '--from',
            '2026-11-20',
            '--to',
            '2026-11-22',
            '--reason',
            'by hand',
            '--',
            'true',
          ],
          [0, 'resolve', '--task', 'weekly', '--slot', '2026-11-19', '--state', 'skipped', '--reason', 'no data'],
          [0, 'pause', '--task', 'weekly', '--reason', 'maintenance'],
          [0, 'resume', '--task', 'weekly'],
          [0, 'retire', '--task', 'weekly', '--reason', 'replaced'],
          [0, 'setup', '--check'],
        )
        expect(new Set([...actions, ...allowed('auditor')])).toEqual(new Set(allowed('operator')))
      })

      test('is none of who makes the table, who needs what the guide says', async () => {
        const before = proxy.seen.length
        expect(await run(['setup', '--store', 'dynamodb:fresh'], env())).toMatchObject({ code: 0 })
        const guide = readFileSync(new URL('../../../docs/guides/ecs.md', import.meta.url), 'utf8')
        const [, needed = ''] = /who creates the table without CloudFormation also needs (.*?)\./s.exec(guide) ?? []
        expect(new Set(proxy.seen.slice(before).map(({ action }) => `\`${action}\``))).toEqual(
          new Set(needed.match(/`\w+`/g)),
        )
      })

      test('is compared with what each command asks for that takes a ledger', async () => {
        const { stdout } = await run(['--help'])
        const commands = [...stdout.matchAll(/^ {2}(\w+) {2,}/gm)].map(([, name = '']) => name)
        expect(commands.filter((name) => !recorded.has(name))).toEqual(['explain', 'completion'])
      })
    })

    test('a task definition that says all to run, with the metrics on', async () => {
      const { taskDefinition } = await call(
        'ecs',
        'describe-task-definition',
        '--task-definition',
        // As the guide and EventBridge name it.
        'cronledger-nightly',
      )
      const [container] = taskDefinition.containerDefinitions
      expect(container).toMatchObject({ name: 'batch', image: 'batch:1', stopTimeout: 120 })
      expect(container).toMatchObject({ linuxParameters: { initProcessEnabled: true } })
      // moto leaves a null where CloudFormation takes AWS::NoValue out of a list.
      const variables: Loose[] = container.environment.filter(Boolean)
      const env = Object.fromEntries(variables.map(({ name, value }) => [name, value]))
      expect(taskDefinition.taskDefinitionArn).toBe(made['TaskDefinition'])
      const { logGroups } = await call('logs', 'describe-log-groups', '--log-group-name-prefix', '/ecs/')
      expect(logGroups).toMatchObject([{ logGroupName: '/ecs/cronledger-nightly', retentionInDays: 90 }])
      expect(env).toMatchObject({
        CRONLEDGER_METRICS: 'emf',
        CRONLEDGER_STOP_TIMEOUT: '120s',
        CRONLEDGER_KILL_AFTER: '110s',
        CRONLEDGER_TIMEZONE: 'Asia/Tokyo',
      })
      const batch = await run(['run', '--', 'echo', 'paid'], { ...env, CRONLEDGER_EVENT_TIME: '2026-11-21T18:00:00Z' })
      expect(batch).toMatchObject({ code: 0, stdout: 'paid\n' })
      const metrics = batch.stderr.split('\n').find((line) => line.includes('"_aws"')) ?? '{}'
      const [{ Namespace, Metrics }] = JSON.parse(metrics)._aws.CloudWatchMetrics
      expect(Namespace).toBe('cronledger')
      expect(Metrics.map(({ Name }: Loose) => Name)).toEqual(expect.arrayContaining(ALARMED))
    })

    // moto's CloudFormation has no alarms: each is put by itself, as CloudFormation would.
    test.each(['DuplicateAlarm', 'RefusedAlarm', 'FailedAlarm', 'NoRunAlarm'])('%s', async (name) => {
      const { Properties } = template['Resources'][name]
      const defaults = Object.entries<Loose>(template['Parameters']).map(([key, { Default }]) => [key, Default])
      const values: Loose = { ...Object.fromEntries(defaults), Alarms: made['Alarms'] }
      const resolved = JSON.parse(JSON.stringify(Properties), (_, value) => {
        if (value?.['!Ref'] !== undefined) return values[value['!Ref']]
        return value?.['!Sub']?.replace(/\$\{(\w+)\}/g, (_: string, key: string) => values[key]) ?? value
      })
      const input = { AlarmName: name, ...resolved, EvaluationPeriods: Number(resolved.EvaluationPeriods) }
      await call('cloudwatch', 'put-metric-alarm', '--cli-input-json', filled(`${name}.json`, input))
      const { MetricAlarms } = await call('cloudwatch', 'describe-alarms', '--alarm-names', name)
      expect(MetricAlarms).toMatchObject([{ AlarmActions: [values['Alarms']] }])
      const metric = resolved.Metrics?.[1].MetricStat.Metric ?? resolved
      expect(metric).toMatchObject({ Namespace: 'cronledger', Dimensions: [{ Name: 'Task', Value: 'nightly' }] })
      expect(ALARMED).toContain(metric.MetricName)
    })

    test('no alarm can wait for a run that comes less often than CloudWatch looks back', async () => {
      const hoursOf = async (schedule: string) => {
        const batch = [
          '--task',
          'nightly',
          '--schedule',
          ...schedule.split(' --anchor ').flatMap((one, index) => (index === 0 ? [one] : ['--anchor', one])),
        ]
        const { text, notes } = await printed('cloudformation', batch)
        return [parseTemplate(text)['Parameters'].NoRunHours.Default, notes.join().includes('7 days')]
      }
      expect(await hoursOf('0 3 * * *')).toEqual(['26', false])
      expect(await hoursOf('* * * * *')).toEqual(['3', false])
      expect(await hoursOf('0 9-17 * * 1-5')).toEqual(['66', false])
      expect(await hoursOf('0 3 1 * *')).toEqual(['0', true])
      expect(await hoursOf('0 3 * * 1')).toEqual(['0', true])
      expect(await hoursOf('rate(7 days) --anchor 2026-01-01T00:00:00Z')).toEqual(['0', true])
      const { notes } = await printed('cloudformation', ['--task', 'nightly', '--schedule', 'at(2099-12-31T23:00:00)'])
      expect(notes.join()).toContain('the stack has no alarm for a missing run, because the schedule ends.')
    })
  })

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
    const event = JSON.parse(readFileSync(new URL('../../fixtures/aws/rule-event.json', import.meta.url), 'utf8'))

    /** Runs a batch with the environment that the overrides give its container. */
    async function deliver(overrides: string, schedule: readonly string[]) {
      const { containerOverrides } = JSON.parse(overrides)
      expect(containerOverrides).toHaveLength(1)
      expect(containerOverrides[0].name).toBe('batch')
      const env = Object.fromEntries(containerOverrides[0].environment.map(({ name, value }: Loose) => [name, value]))
      const store = ['--store', `file:${join(folder, 'delivered.db')}`]
      const args = [
        'run',
        ...store,
        '--task',
        'nightly',
        ...schedule,
        '--on-mismatch',
        'refuse',
        '--require-event-time',
      ]
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
