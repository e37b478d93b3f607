// A scheduled batch on ECS Fargate that cronledger runs once for each slot of its schedule, for the AWS CDK.
// Guide: docs/guides/cdk-and-terraform.md. It makes the same resources as batch.yaml, and a test compares both.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  aws_cloudwatch_actions as actions,
  CfnDeletionPolicy,
  aws_cloudwatch as cloudwatch,
  Duration,
  type aws_ec2 as ec2,
  type aws_ecs as ecs,
  aws_events as events,
  aws_iam as iam,
  Stack,
  aws_scheduler as scheduler,
  aws_sns as sns,
  Token,
  aws_events_targets as targets,
} from 'aws-cdk-lib'
import { Construct } from 'constructs'
import { arnOf, KEY_ACTIONS, keyStatement, known, type LedgerParts, networkOf, storeOf, targetOf } from './ledger.js'

/** The folder of the package cronledger, which the app has as a dependency. The CDK works in the folder of the app. */
const PACKAGE = dirname(createRequire(join(process.cwd(), 'package.json')).resolve('cronledger/package.json'))

const SECRET = 'arn:aws:ssm:secret'

export interface GuardedScheduledTaskProps {
  readonly ledger: LedgerParts
  /** The name of the batch. Its rows and metrics have this name. */
  readonly task: string
  /** As in --schedule of cronledger run. The expression for EventBridge Scheduler follows from it. */
  readonly schedule: string
  /** The IANA time zone of the schedule. Default: UTC. */
  readonly timezone?: string
  /** The start of the first window, for rate(…) only. */
  readonly anchor?: string
  /** The tasks whose slots must have completed before the batch starts. `imp/*` is a prefix. */
  readonly after?: readonly string[]
  /**
   * Any task definition for Fargate. The container of the batch is essential, has the batch in its entry point and
   * command, a log, and cronledger in its image. A role that is not made by the task definition must be in BatchRoles
   * of the ledger.
   */
  readonly taskDefinition: ecs.FargateTaskDefinition
  /** The name of the container of the batch. Default: the first essential one of the task definition. */
  readonly containerName?: string
  readonly cluster: ecs.ICluster
  /** Default: the private subnets of the cluster's VPC. */
  readonly subnetSelection?: ec2.SubnetSelection
  /** Default: the default group of the VPC. */
  readonly securityGroups?: readonly ec2.ISecurityGroup[]
  readonly assignPublicIp?: boolean
  /** EventBridge Scheduler starts the batch up to this number of minutes after it is due. Default: 0, at once. */
  readonly flexibleMinutes?: number
  /** FARGATE or FARGATE_SPOT. An interruption of FARGATE_SPOT fails the slot, which nothing starts again. */
  readonly capacityProvider?: string
  /** The version of Fargate. Default: LATEST. */
  readonly platformVersion?: string
  /** Alarm if no run has completed for this number of hours. Default: it follows from the schedule. 0: no alarm. */
  readonly noRunHours?: number
  /** The metrics of the batch, and the alarms on them, which cost money. The exit code still sends a message. Default: true. */
  readonly metrics?: boolean
  /** Alarm about duplicates, which need no action. Default: false. */
  readonly alarmOnDuplicates?: boolean
  /** Default: true. To stop a batch for some time, use cronledger pause. */
  readonly enabled?: boolean
}

export class GuardedScheduledTask extends Construct {
  readonly schedule: scheduler.CfnSchedule
  readonly alarms: readonly cloudwatch.Alarm[]
  /** The container of the batch. Its name is that of overrides and of the rule about stopped tasks. */
  readonly container: ecs.ContainerDefinition

  constructor(scope: Construct, id: string, props: GuardedScheduledTaskProps) {
    super(scope, id)
    const { task, schedule, timezone = '', anchor = '', after = [], noRunHours = 0, flexibleMinutes = 0 } = props
    const texts = { task, schedule, timezone, anchor, after, noRunHours, flexibleMinutes }
    for (const [name, text] of Object.entries(texts)) known(this, name, text)
    this.refuseFarLedger(props.ledger)
    this.container = batchContainer(props)
    const computed = this.compute(props)
    const network = networkOf(props)
    this.guard(props, computed, network)
    this.allow(props)
    this.schedule = this.makeSchedule(props, computed)
    // An imported topic gets no policy, which would replace that of the ledger.
    const { alarmTopic } = props.ledger
    const topic = sns.Topic.fromTopicArn(this, 'Alarms', arnOf(alarmTopic, alarmTopic.topicArn))
    const check = `AWS_REGION=${Stack.of(this).region} cronledger check --store ${storeOf(props.ledger.table)} --task ${props.task}`
    if (this.container.containerName !== props.ledger.container)
      this.makeRule(props.task, computed.Family, topic, check)
    this.alarms = props.metrics === false ? [] : this.makeAlarms(props, computed, topic, check)
  }

  /** A role, a group or a queue of another account or Region cannot start a task here. */
  private refuseFarLedger(ledger: LedgerParts): void {
    if (!Construct.isConstruct(ledger)) return
    const [own, other] = [Stack.of(this), Stack.of(ledger)].map(({ environment }) => environment)
    if (own !== other)
      throw new Error(
        `${this.node.path}: the ledger is in ${other}, and the batch in ${own}. Make a Ledger in the account and Region of the batch, with table: dynamodb.Table.fromTableArn(…) for the same table.`,
      )
  }

  /** Computes what follows from the schedule, and checks the settings by the rules of `template parameters`. A token is not checked. */
  private compute(props: GuardedScheduledTaskProps): Computed {
    const { ledger, task, schedule, timezone = 'UTC', anchor, taskDefinition } = props
    const { environment = [], secrets = [] } = this.container.renderContainerDefinition()
    const { cpu, memory } = taskDefinition.node.defaultChild as ecs.CfnTaskDefinition
    // The value of a secret is not known, and its name is checked.
    const pairsOf = (list: unknown) =>
      Object.fromEntries(
        ([list].flat() as { readonly name?: string; readonly value?: string }[]).flatMap(({ name, value = SECRET }) =>
          name === undefined ? [] : [[name, value]],
        ),
      )
    const parameters = {
      FamilyPrefix: ledger.familyPrefix,
      Cpu: cpu,
      Memory: memory,
      After: props.after?.join(','),
      AssignPublicIp: props.assignPublicIp === true ? 'ENABLED' : 'DISABLED',
      CapacityProvider: props.capacityProvider,
      PlatformVersion: props.platformVersion,
      StateMachine: ledger.stateMachine && 'arn:aws:states:known',
      Metrics: props.metrics,
      AlarmOnDuplicates: props.alarmOnDuplicates,
      NoRunHours: props.noRunHours,
      FlexibleMinutes: props.flexibleMinutes,
    }
    const isKnown = ([, value]: readonly [string, unknown]) => value !== undefined && !Token.isUnresolved(value)
    const given = {
      ...Object.fromEntries(Object.entries(parameters).filter(isKnown)),
      Variables: Object.fromEntries(Object.entries(pairsOf(environment)).filter(isKnown)),
      Secrets: pairsOf(secrets),
    }
    const options = [
      '--task',
      task,
      '--schedule',
      schedule,
      '--timezone',
      timezone,
      '--parameters',
      JSON.stringify(given),
    ]
    if (anchor !== undefined) options.push('--anchor', anchor)
    // The table is not among them, and its name may not be known yet.
    const words = ['template', 'parameters', '--computed', '--store', 'dynamodb:later', ...options]
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(PACKAGE, 'dist/cli/main.js'), ...words], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`${this.node.path}: ${stderr.trim()}`)
    process.stderr.write(stderr)
    return JSON.parse(stdout).Parameters
  }

  /** Lets the container run the batch by cronledger, and gives it the settings. */
  private guard(props: GuardedScheduledTaskProps, computed: Computed, network: Network): void {
    const { taskDefinition, ledger } = props
    const { container } = this
    const { entryPoint = [], command = [], secrets = [], stopTimeout } = container.renderContainerDefinition()
    const batch = [entryPoint, command].flat()
    if (batch.length === 0)
      throw new Error(`${this.node.path}: the container has no command. The CDK cannot see that of the image.`)
    const definition = taskDefinition.node.defaultChild as ecs.CfnTaskDefinition
    definition.family = computed.Family
    // Earlier revisions stay active, so that a slot can be run again with the revision that is on record.
    definition.cfnOptions.deletionPolicy = CfnDeletionPolicy.DELETE
    definition.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.RETAIN
    const override = (name: string, value: unknown) =>
      definition.addPropertyOverride(
        `ContainerDefinitions.${taskDefinition['containers'].indexOf(container)}.${name}`,
        value,
      )
    // Overrides of a task can replace the command, and not the entrypoint. So `setup --check` can run in this definition, too.
    override('EntryPoint', ['cronledger'])
    override('Command', ['run', '--', ...batch])
    override('LinuxParameters.InitProcessEnabled', true)
    // The maximum on Fargate. The time that is left after the batch has stopped is for recording its outcome.
    const stopSeconds = Number(stopTimeout ?? 120)
    if (stopSeconds < 15 || stopSeconds > 120)
      throw new Error(
        `${container.node.path}: stopTimeout is ${stopSeconds} s. Use 15 to 120 s. The batch gets 10 s less.`,
      )
    override('StopTimeout', stopSeconds)
    const settings = {
      ...computed.Environment,
      CRONLEDGER_STORE: storeOf(ledger.table),
      CRONLEDGER_TASK: props.task,
      CRONLEDGER_SCHEDULE: computed.Schedule,
      CRONLEDGER_TIMEZONE: computed.Timezone,
      CRONLEDGER_ANCHOR: computed.Anchor,
      CRONLEDGER_AFTER: (props.after ?? []).join(','),
      CRONLEDGER_STRICT: 'true',
      CRONLEDGER_LEDGER_TIMEOUT: '15m',
      CRONLEDGER_STOP_TIMEOUT: `${stopSeconds}s`,
      CRONLEDGER_KILL_AFTER: `${stopSeconds - 10}s`,
      CRONLEDGER_METRICS: props.metrics === false ? '' : 'cronledger',
      CRONLEDGER_SECRETS: [secrets]
        .flat()
        .flatMap((secret) => ('name' in secret ? [secret.name] : []))
        .join(','),
      CRONLEDGER_ECS_NETWORK: Stack.of(this).toJsonString({ awsvpcConfiguration: network }),
    }
    for (const [name, value] of Object.entries(settings)) container.addEnvironment(name, value)
  }

  /** Allows the batch its own rows, and to read those of the tasks that it comes after. */
  private allow({ taskDefinition, ledger, task, after = [] }: GuardedScheduledTaskProps): void {
    // By their path, the policies of the ledger know the roles of batches.
    for (const { node } of [taskDefinition.taskRole, taskDefinition.obtainExecutionRole()]) {
      if (node.scope === taskDefinition) (node.defaultChild as iam.CfnRole).path = '/cronledger/'
    }
    const resources = [arnOf(ledger.table, ledger.table.tableArn)]
    const keysOf = (test: 'StringEquals' | 'StringLike', keys: readonly string[]) => ({
      [`ForAllValues:${test}`]: { 'dynamodb:LeadingKeys': keys },
    })
    const statements: iam.PolicyStatementProps[] = [
      {
        sid: 'Table',
        actions: ['PutItem', 'UpdateItem', 'GetItem', 'Query'].map((action) => `dynamodb:${action}`),
        resources,
        conditions: keysOf('StringEquals', [task]),
      },
    ]
    if (after.length > 0) {
      statements.push({
        sid: 'After',
        actions: ['dynamodb:GetItem', 'dynamodb:Query'],
        resources,
        conditions: keysOf('StringLike', after),
      })
    }
    // A prefix stands for the tasks that the ledger lists.
    if (after.some((name) => name.endsWith('*'))) {
      statements.push({
        sid: 'AfterPrefix',
        actions: ['dynamodb:Query'],
        resources: resources.map((table) => `${table}/index/by-day`),
        conditions: keysOf('StringEquals', ['#task']),
      })
    }
    statements.push(...keyStatement(ledger, KEY_ACTIONS))
    for (const statement of statements) taskDefinition.addToTaskRolePolicy(new iam.PolicyStatement(statement))
  }

  private makeSchedule(props: GuardedScheduledTaskProps, computed: Computed) {
    const { ledger, taskDefinition, enabled = true, flexibleMinutes = 0 } = props
    // EventBridge Scheduler replaces the attributes, so that a late trigger finds its slot.
    const environment = [
      { name: 'CRONLEDGER_EVENT_TIME', value: '<aws.scheduler.scheduled-time>' },
      { name: 'CRONLEDGER_DELIVERY_ATTEMPT', value: '<aws.scheduler.attempt-number>' },
    ]
    const overrides = { containerOverrides: [{ name: this.container.containerName, environment }] }
    // With the revision, so that the schedule here and the one in the container change at the same moment.
    const { taskDefinitionArn } = taskDefinition
    return new scheduler.CfnSchedule(this, 'Schedule', {
      name: computed.Family,
      groupName: ledger.scheduleGroup.scheduleGroupName,
      state: enabled ? 'ENABLED' : 'DISABLED',
      scheduleExpression: computed.ScheduleExpression,
      scheduleExpressionTimezone: computed.Timezone,
      ...(computed.StartDate !== '' && { startDate: computed.StartDate }),
      flexibleTimeWindow:
        flexibleMinutes > 0 ? { mode: 'FLEXIBLE', maximumWindowInMinutes: flexibleMinutes } : { mode: 'OFF' },
      target: targetOf(this, ledger, { ...props, taskDefinitionArn, overrides }),
    })
  }

  /** Makes the alarms on the metrics that cronledger writes to its log. */
  private makeAlarms(
    props: GuardedScheduledTaskProps,
    { Family, NoRunHours }: Computed,
    alarmTopic: sns.ITopic,
    check: string,
  ) {
    const { task } = props
    const metric = (metricName: string, period: Duration) =>
      new cloudwatch.Metric({
        namespace: 'cronledger',
        metricName,
        dimensionsMap: { Task: task },
        statistic: 'Sum',
        period,
      })
    const onOne = (name: string, alarmDescription: string) =>
      new cloudwatch.Alarm(this, `${name}Alarm`, {
        alarmDescription: `cronledger ${task}: ${alarmDescription}`,
        metric: metric(name, Duration.minutes(5)),
        evaluationPeriods: 1,
        threshold: 1,
        treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      })
    const alarms = [
      onOne(
        'Refused',
        `a trigger was refused, and the batch was not started. An operator has to decide. See which slots need attention, and what to do: ${check}. If it finds nothing, see the log: aws logs tail ${logGroupOf(this.container)} --region ${Stack.of(this).region} --since 3h`,
      ),
      onOne(
        'Failed',
        `an attempt failed or did not start, or a success could not be recorded. If the log says that the batch SUCCEEDED, do not run it again: record the success with the command in the log. Otherwise see which slots need attention, and what to do: ${check}. With --retry-delay or --max-attempts, a later attempt may have succeeded since.`,
      ),
      ...(props.alarmOnDuplicates === true
        ? [onOne('Duplicate', 'a trigger came twice, and the second one started nothing. You need not do anything.')]
        : []),
    ]
    const topic = new actions.SnsAction(alarmTopic)
    for (const alarm of alarms) alarm.addAlarmAction(topic)
    if (NoRunHours === '0') return alarms
    // This alarm also covers what cannot report itself: no trigger came, or the task was killed. It is in the state ALARM until
    // the first run, so a rule of the ledger sends it, by its name, if it was OK before. Without FILL, CloudWatch looks some
    // periods further back before it treats data as missing.
    const noRun = new cloudwatch.Alarm(this, 'NoRunAlarm', {
      alarmName: `${Family}-no-run`,
      alarmDescription: `cronledger ${task}: no run has completed for ${NoRunHours} hours. Find out why: ${check}`,
      metric: new cloudwatch.MathExpression({
        expression: 'FILL(completed, 0)',
        usingMetrics: { completed: metric('Completed', Duration.hours(1)) },
        period: Duration.hours(1),
      }),
      evaluationPeriods: Number(NoRunHours),
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      threshold: 1,
      treatMissingData: cloudwatch.TreatMissingData.BREACHING,
    })
    noRun.addOkAction(topic)
    return [...alarms, noRun]
  }

  /** Sends exit codes other than 0 of this container, and the loss of its host. Tasks that did not start are in the rule of the ledger. */
  private makeRule(task: string, family: string, topic: sns.ITopic, check: string): void {
    const field = (name: string) => events.EventField.fromPath(`$.detail.${name}`)
    const exit = (index: number) => `${field(`containers[${index}].name`)} ${field(`containers[${index}].exitCode`)}`
    new events.Rule(this, 'TaskStopped', {
      description: 'cronledger: the container of a batch exited with another code than 0 or without one.',
      eventPattern: {
        source: ['aws.ecs'],
        detailType: ['ECS Task State Change'],
        detail: {
          lastStatus: ['STOPPED'],
          taskDefinitionArn: [
            {
              prefix: `${Stack.of(this).formatArn({ service: 'ecs', resource: 'task-definition', resourceName: family })}:`,
            },
          ],
          $or: [{ 'anything-but': 0 }, { exists: false }].map((exitCode) => ({
            containers: { name: [this.container.containerName], exitCode: [exitCode] },
          })),
        },
      },
      targets: [
        new targets.SnsTopic(topic, {
          message: events.RuleTargetInput.fromMultilineText(
            [
              `cronledger ${task}: the ECS task exited with another code than 0 or without one.`,
              `Task definition: ${field('taskDefinitionArn')}`,
              `Exit codes: ${exit(0)}, ${exit(1)}`,
              `Stopped because: ${field('stopCode')} ${field('stoppedReason')}`,
              `Task: ${field('taskArn')}`,
              'If the exit code is 74 and the log says that the batch SUCCEEDED, do not run it again. Record the success with the command in the log.',
              `See which slots need attention, and how to read their logs: ${check}`,
            ].join('\n'),
          ),
        }),
      ],
    })
  }
}

/** The parameters of batch.yaml that follow from the schedule. */
interface Computed
  extends Readonly<
    Record<'Family' | 'Schedule' | 'Timezone' | 'Anchor' | 'ScheduleExpression' | 'StartDate' | 'NoRunHours', string>
  > {
  readonly Environment: Readonly<Record<string, string>>
}

type Network = ReturnType<typeof networkOf>

function batchContainer({ taskDefinition, containerName }: GuardedScheduledTaskProps): ecs.ContainerDefinition {
  const container = containerName === undefined ? undefined : taskDefinition.findContainer(containerName)
  const found = containerName === undefined ? taskDefinition.defaultContainer : container
  // Without it, the task would go on after the batch.
  if (found?.essential) return found
  const what = containerName === undefined ? 'essential container' : `essential container named ${containerName}`
  throw new Error(
    `${taskDefinition.node.path}: the task definition has no ${what}. Add the container of the batch first.`,
  )
}

/** The metrics of the alarms, and what a person reads after one, are in the log. */
function logGroupOf(container: ecs.ContainerDefinition): string {
  const { logConfiguration } = container.renderContainerDefinition()
  const options = logConfiguration !== undefined && 'options' in logConfiguration ? logConfiguration.options : undefined
  const group = options !== undefined && 'awslogs-group' in options ? options['awslogs-group'] : undefined
  if (group !== undefined) return String(group)
  throw new Error(`${container.node.path}: the container needs logging: ecs.LogDrivers.awsLogs({ … }).`)
}
