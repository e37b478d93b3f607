// A scheduled batch on ECS Fargate that cronledger runs once for each slot of its schedule, for the AWS CDK.
// Guide: docs/guides/cdk-and-terraform.md. What it makes is that of batch.yaml, and a test compares both.
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  aws_cloudwatch_actions as actions,
  CfnDeletionPolicy,
  aws_cloudwatch as cloudwatch,
  Duration,
  type aws_ec2 as ec2,
  type aws_ecs as ecs,
  aws_iam as iam,
  Stack,
  aws_scheduler as scheduler,
  aws_sns as sns,
  Token,
} from 'aws-cdk-lib'
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include'
import { Construct } from 'constructs'

/** The package cronledger is a dependency of the app, in whose folder the CDK works. */
const PACKAGE = dirname(createRequire(join(process.cwd(), 'package.json')).resolve('cronledger/package.json'))

/** What all batches share: a construct `Ledger`, or the outputs of a stack of ledger.yaml that exists. */
export interface LedgerParts {
  /** The name of the table, or the ARN of one in another account or Region. */
  readonly table: string
  /** The ARN of the customer managed key of the table. */
  readonly tableKey?: string | undefined
  readonly scheduleGroup: string
  /** The ARN of the role with which EventBridge Scheduler starts the tasks. */
  readonly schedulerRole: string
  /** The ARN of the queue for triggers that EventBridge Scheduler gave up. */
  readonly deadLetters: string
  /** The ARN of the topic of the alarms. */
  readonly alarmTopic: string
}

/** The parameters of ledger.yaml. The names of batches begin with the default of FamilyPrefix. */
export type LedgerParameters = Readonly<Record<string, string | readonly string[] | undefined>> & {
  readonly Table: string
  readonly FamilyPrefix?: never
  readonly Container?: never
}

/** The template ledger.yaml: the table, the policies, what starts the batches, and what sends the alarms. */
export class Ledger extends Construct implements LedgerParts {
  readonly template: CfnInclude
  readonly table: string
  readonly tableKey: string | undefined
  readonly scheduleGroup: string
  readonly schedulerRole: string
  readonly deadLetters: string
  readonly alarmTopic: string

  constructor(scope: Construct, id: string, parameters: LedgerParameters) {
    super(scope, id)
    this.template = new CfnInclude(this, 'Template', { templateFile: join(PACKAGE, 'schema/ledger.yaml'), parameters })
    const output = (name: string) => Token.asString(this.template.getOutput(name).value)
    this.table = parameters.Table
    this.tableKey = parameters['TableKey']?.toString()
    this.scheduleGroup = output('ScheduleGroup')
    this.schedulerRole = output('SchedulerRole')
    this.deadLetters = output('DeadLetters')
    // The output has a condition of the template, which the stack of a batch does not have.
    this.alarmTopic = parameters['AlarmTopic']?.toString() ?? this.template.getResource('Alarms').ref
  }
}

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
  /** The tasks whose slots must have completed before the batch starts. */
  readonly after?: readonly string[]
  /**
   * Any task definition for Fargate. Its default container is named `batch`, has the batch in its entry point and
   * command, a log, and cronledger in its image. A role that is not made by the task definition must be in BatchRoles
   * of the ledger.
   */
  readonly taskDefinition: ecs.FargateTaskDefinition
  readonly cluster: ecs.ICluster
  /** Default: the private subnets of the cluster's VPC. */
  readonly subnetSelection?: ec2.SubnetSelection
  /** Default: the default group of the VPC. */
  readonly securityGroups?: readonly ec2.ISecurityGroup[]
  readonly assignPublicIp?: boolean
  /** Default: true. To stop a batch for some time, use cronledger pause. */
  readonly enabled?: boolean
}

export class GuardedScheduledTask extends Construct {
  readonly schedule: scheduler.CfnSchedule
  readonly alarms: readonly cloudwatch.Alarm[]

  constructor(scope: Construct, id: string, props: GuardedScheduledTaskProps) {
    super(scope, id)
    const computed = computeParameters(props)
    const network = networkOf(props)
    this.guard(props, computed, network)
    this.allow(props)
    this.schedule = this.makeSchedule(props, computed, network)
    this.alarms = this.makeAlarms(props, computed)
  }

  /** Lets the container run the batch by cronledger, and gives it the settings. */
  private guard(props: GuardedScheduledTaskProps, computed: Computed, network: Network): void {
    const { taskDefinition, ledger } = props
    const container = batchContainer(props)
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
    override('StopTimeout', stopSeconds)
    const settings = {
      CRONLEDGER_STORE: `dynamodb:${ledger.table}`,
      CRONLEDGER_TASK: props.task,
      CRONLEDGER_SCHEDULE: computed.Schedule,
      CRONLEDGER_TIMEZONE: computed.Timezone,
      CRONLEDGER_ANCHOR: computed.Anchor,
      CRONLEDGER_AFTER: (props.after ?? []).join(','),
      CRONLEDGER_STRICT: 'true',
      CRONLEDGER_LEDGER_TIMEOUT: '15m',
      CRONLEDGER_STOP_TIMEOUT: `${stopSeconds}s`,
      CRONLEDGER_KILL_AFTER: `${stopSeconds - 10}s`,
      CRONLEDGER_METRICS: 'cronledger',
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
    const { table, tableKey } = ledger
    const isArn = table.startsWith('arn:')
    const stack = Stack.of(this)
    const resources = [isArn ? table : stack.formatArn({ service: 'dynamodb', resource: 'table', resourceName: table })]
    const rowsOf = (tasks: readonly string[]) => ({ 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': tasks } })
    const statements: iam.PolicyStatementProps[] = [
      {
        sid: 'Table',
        actions: ['PutItem', 'UpdateItem', 'GetItem', 'Query'].map((action) => `dynamodb:${action}`),
        resources,
        conditions: rowsOf([task]),
      },
    ]
    if (after.length > 0) {
      statements.push({ sid: 'After', actions: ['dynamodb:GetItem'], resources, conditions: rowsOf(after) })
    }
    if (tableKey !== undefined) {
      statements.push({
        sid: 'Key',
        actions: ['Encrypt', 'Decrypt', 'ReEncrypt*', 'GenerateDataKey*', 'DescribeKey'].map(
          (action) => `kms:${action}`,
        ),
        resources: [tableKey],
        conditions: { StringEquals: { 'kms:ViaService': `dynamodb.${stack.region}.amazonaws.com` } },
      })
    }
    for (const statement of statements) taskDefinition.addToTaskRolePolicy(new iam.PolicyStatement(statement))
  }

  private makeSchedule(props: GuardedScheduledTaskProps, computed: Computed, awsvpcConfiguration: Network) {
    const { ledger, taskDefinition, cluster, enabled = true } = props
    // EventBridge Scheduler replaces the attributes, so that a late trigger finds its slot.
    const environment = [
      { name: 'CRONLEDGER_EVENT_TIME', value: '<aws.scheduler.scheduled-time>' },
      { name: 'CRONLEDGER_DELIVERY_ATTEMPT', value: '<aws.scheduler.attempt-number>' },
    ]
    return new scheduler.CfnSchedule(this, 'Schedule', {
      name: computed.Family,
      groupName: ledger.scheduleGroup,
      state: enabled ? 'ENABLED' : 'DISABLED',
      scheduleExpression: computed.ScheduleExpression,
      scheduleExpressionTimezone: computed.Timezone,
      ...(computed.StartDate !== '' && { startDate: computed.StartDate }),
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: cluster.clusterArn,
        roleArn: ledger.schedulerRole,
        ecsParameters: {
          // With the revision, so that the schedule here and the one in the container change at the same moment.
          taskDefinitionArn: taskDefinition.taskDefinitionArn,
          taskCount: 1,
          launchType: 'FARGATE',
          platformVersion: 'LATEST',
          propagateTags: 'TASK_DEFINITION',
          networkConfiguration: { awsvpcConfiguration },
        },
        input: JSON.stringify({ containerOverrides: [{ name: batchContainer(props).containerName, environment }] }),
        // The longest that EventBridge Scheduler allows. A trigger that comes late still runs its own slot.
        retryPolicy: { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 },
        deadLetterConfig: { arn: ledger.deadLetters },
      },
    })
  }

  /** Makes the alarms on the metrics that cronledger writes to its log. */
  private makeAlarms(props: GuardedScheduledTaskProps, { NoRunHours }: Computed): cloudwatch.Alarm[] {
    const { ledger, task } = props
    const check = `AWS_REGION=${Stack.of(this).region} cronledger check --store dynamodb:${ledger.table} --task ${task}`
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
        `a trigger was refused, and the batch was not started. An operator has to decide. See which slots need attention, and what to do: ${check}. If it finds nothing, see the log: aws logs tail ${logGroupOf(props)} --region ${Stack.of(this).region} --since 3h`,
      ),
      onOne(
        'Failed',
        `an attempt failed or did not start, or a success could not be recorded. If the log says that the batch SUCCEEDED, do not run it again: record the success with the command in the log. Otherwise see which slots need attention, and what to do: ${check}. With --retry-delay or --max-attempts, a later attempt may have succeeded since.`,
      ),
    ]
    const topic = new actions.SnsAction(sns.Topic.fromTopicArn(this, 'Alarms', ledger.alarmTopic))
    for (const alarm of alarms) alarm.addAlarmAction(topic)
    if (NoRunHours === '0') return alarms
    // This alarm also covers what cannot report itself: no trigger came, or the task was killed. Without FILL, CloudWatch
    // looks some periods further back before it treats data as missing.
    const noRun = new cloudwatch.Alarm(this, 'NoRunAlarm', {
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
    noRun.addAlarmAction(topic)
    noRun.addOkAction(topic)
    return [...alarms, noRun]
  }
}

type Computed = Readonly<
  Record<'Family' | 'Schedule' | 'Timezone' | 'Anchor' | 'ScheduleExpression' | 'StartDate' | 'NoRunHours', string>
>

/** Returns the parameters of batch.yaml that follow from the schedule. Fails if AWS cannot express the schedule. */
function computeParameters({ task, schedule, timezone = 'UTC', anchor }: GuardedScheduledTaskProps): Computed {
  const options = ['--task', task, '--schedule', schedule, '--timezone', timezone]
  if (anchor !== undefined) options.push('--anchor', anchor)
  // The table is not among them, and its name may not be known yet.
  const words = ['template', 'parameters', '--computed', '--store', 'dynamodb:later', ...options]
  const printed = execFileSync(process.execPath, [join(PACKAGE, 'dist/cli/main.js'), ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(printed).Parameters
}

type Network = ReturnType<typeof networkOf>

function networkOf({
  cluster,
  subnetSelection,
  securityGroups = [],
  assignPublicIp = false,
}: GuardedScheduledTaskProps) {
  return {
    subnets: cluster.vpc.selectSubnets(subnetSelection).subnetIds,
    ...(securityGroups.length > 0 && { securityGroups: securityGroups.map((group) => group.securityGroupId) }),
    assignPublicIp: assignPublicIp ? 'ENABLED' : 'DISABLED',
  }
}

function batchContainer({ taskDefinition }: GuardedScheduledTaskProps): ecs.ContainerDefinition {
  const container = taskDefinition.defaultContainer
  if (container?.containerName === 'batch') return container
  throw new Error(
    `${taskDefinition.node.path}: the default container must be named batch, because alarms and overrides use this name.`,
  )
}

/** The metrics of the alarms, and what a person reads after one, are in the log. */
function logGroupOf(props: GuardedScheduledTaskProps): string {
  const { logConfiguration } = batchContainer(props).renderContainerDefinition()
  const options = logConfiguration !== undefined && 'options' in logConfiguration ? logConfiguration.options : undefined
  const group = options !== undefined && 'awslogs-group' in options ? options['awslogs-group'] : undefined
  if (group !== undefined) return String(group)
  throw new Error(`${props.taskDefinition.node.path}: the container needs logging: ecs.LogDrivers.awsLogs({ … }).`)
}
