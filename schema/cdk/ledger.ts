// What all batches of an account and Region share, for the AWS CDK: the table of the ledger, policies for people, the start of
// tasks, the topic of the alarms, and an optional daily check. Guide: docs/guides/cdk-and-terraform.md. It makes the same
// resources as ledger.yaml, under the same logical ids, and a test compares both.
import {
  CfnResource,
  CrossStackReferences,
  aws_cloudwatch as cloudwatch,
  aws_dynamodb as dynamodb,
  type aws_ec2 as ec2,
  aws_ecs as ecs,
  aws_events as events,
  Fn,
  aws_iam as iam,
  aws_kms as kms,
  aws_logs as logs,
  Reference,
  ReferenceStrength,
  RemovalPolicy,
  Stack,
  aws_scheduler as scheduler,
  aws_stepfunctions as sfn,
  aws_sns as sns,
  aws_sqs as sqs,
  Token,
  Tokenization,
} from 'aws-cdk-lib'
import { Construct, type IConstruct } from 'constructs'

/** The resources that all batches share: a construct `Ledger`, or what `Ledger.fromOutputs` finds. */
export interface LedgerParts {
  readonly table: dynamodb.ITable
  /** The customer managed key of the table. */
  readonly tableKey?: kms.IKey | undefined
  readonly scheduleGroup: scheduler.IScheduleGroup
  /** The role with which EventBridge Scheduler starts the tasks. */
  readonly schedulerRole: iam.IRole
  /** The queue for triggers that EventBridge Scheduler gave up. */
  readonly deadLetters: sqs.IQueue
  readonly alarmTopic: sns.ITopic
  /** The state machine that starts tasks, and tries again. Default: EventBridge Scheduler starts them itself. */
  readonly stateMachine?: sfn.IStateMachine | undefined
  /** The start of the names of batches in ECS. */
  readonly familyPrefix: string
  /** The name of containers that the rule about stopped tasks knows. A batch with another one gets its own rule. */
  readonly container: string
}

/** The outputs of a stack of ledger.yaml. */
export interface LedgerOutputs {
  readonly Store: string
  readonly TableKey?: string
  readonly FamilyPrefix?: string
  readonly Container?: string
  readonly ScheduleGroup: string
  readonly SchedulerRole: string
  readonly StateMachine?: string
  readonly DeadLetters: string
  readonly AlarmTopic: string
}

/** The daily check of all tasks. */
export interface CheckProps {
  /** An image with cronledger. */
  readonly image: ecs.ContainerImage
  readonly cluster: ecs.ICluster
  /** Once a day, because it reports what began in the last 26 hours. Default: cron(0 6 * * ? *). */
  readonly expression?: string
  /** The IANA time zone of the check. At a time that the clocks skip, it would not run on that day. Default: UTC. */
  readonly timezone?: string
  /** Default: the private subnets of the cluster's VPC. */
  readonly subnetSelection?: ec2.SubnetSelection
  /** Default: the default group of the VPC. */
  readonly securityGroups?: readonly ec2.ISecurityGroup[]
  readonly assignPublicIp?: boolean
  /** The architecture of the image. Default: X86_64. */
  readonly architecture?: ecs.CpuArchitecture
  /** CPU units. Default: 256. */
  readonly cpu?: number
  /** Default: 512. */
  readonly memoryLimitMiB?: number
  /** The key of its log group, whose policy must allow CloudWatch Logs. */
  readonly logKey?: kms.IKey
}

export interface LedgerProps {
  /** The name of the table that is made, or a table that exists, also in another account. Default: cronledger. */
  readonly table?: string | dynamodb.ITable
  /** The customer managed key that encrypts the table. Default: a key that AWS owns. */
  readonly tableKey?: kms.IKey
  /** The start of the names of all batches in ECS. It separates the ledgers of one account. Default: cronledger-. */
  readonly familyPrefix?: string
  /** The name of the container of the batches. The exit codes of others send no alarm. Default: batch. */
  readonly container?: string
  /** Roles of yours that batches use. Those that a task definition makes are always allowed. */
  readonly batchRoles?: readonly iam.IRole[]
  /** The clusters of the batches, whose tasks operators may see and stop. Default: all clusters of the account. */
  readonly clusters?: readonly ecs.ICluster[]
  readonly permissionsBoundary?: iam.IManagedPolicy
  /** A topic that exists. Its policy must allow CloudWatch and EventBridge to publish. Default: one is made. */
  readonly alarmTopic?: sns.ITopic
  /** An email address for the alarms, if the topic is made. */
  readonly alarmEmail?: string
  /** Start tasks by Step Functions, which tries again for a day if Fargate has no capacity. Default: false. */
  readonly startAgain?: boolean
  /** A mail at once if RunTask starts no task. It needs a trail of CloudTrail with management events. Default: false. */
  readonly alarmOnFailedStarts?: boolean
  /** A mail for each task that failed. If false, only the check sends one, as a digest. Default: true. */
  readonly mailEachTask?: boolean
  /** A dashboard of all batches in CloudWatch. Default: false. */
  readonly dashboard?: boolean
  /** Default: no check. */
  readonly check?: CheckProps
}

/** The longest that EventBridge Scheduler allows. A trigger that comes late still runs its own slot. */
export const RETRY_POLICY = { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 }

/** The resources outlive the stack: people have the policies, and without the rest no batch would start. */
const KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE

/** As in ledger.yaml. */
const FAMILY_PREFIX = /^[A-Za-z0-9_]{1,19}-$/

/** One of a stack, because the logical ids of its resources are those of ledger.yaml. */
export class Ledger extends Construct implements LedgerParts {
  readonly table: dynamodb.ITable
  readonly tableKey: kms.IKey | undefined
  readonly scheduleGroup: scheduler.IScheduleGroup
  readonly schedulerRole: iam.IRole
  readonly deadLetters: sqs.IQueue
  readonly alarmTopic: sns.ITopic
  readonly stateMachine: sfn.IStateMachine | undefined
  readonly familyPrefix: string
  readonly container: string
  /** For the commands that read. */
  readonly auditorPolicy: iam.IManagedPolicy
  /** For all commands, and for the operating guide. */
  readonly operatorPolicy: iam.IManagedPolicy

  /** Finds the resources of a stack of ledger.yaml. Its outputs may be tokens, except for the texts that names are made of. */
  static fromOutputs(scope: Construct, id: string, outputs: LedgerOutputs): LedgerParts {
    const inner = new Construct(scope, id)
    const { FamilyPrefix = 'cronledger-', Container = 'batch' } = outputs
    for (const [name, text] of Object.entries({ Store: outputs.Store, FamilyPrefix, Container }))
      known(inner, name, text)
    const table = outputs.Store.replace(/^dynamodb:/, '')
    return {
      table: table.startsWith('arn:')
        ? dynamodb.Table.fromTableArn(inner, 'Table', table)
        : dynamodb.Table.fromTableName(inner, 'Table', table),
      tableKey: outputs.TableKey === undefined ? undefined : kms.Key.fromKeyArn(inner, 'TableKey', outputs.TableKey),
      scheduleGroup: scheduler.ScheduleGroup.fromScheduleGroupName(inner, 'ScheduleGroup', outputs.ScheduleGroup),
      schedulerRole: iam.Role.fromRoleArn(inner, 'SchedulerRole', outputs.SchedulerRole, { mutable: false }),
      deadLetters: sqs.Queue.fromQueueArn(inner, 'DeadLetters', outputs.DeadLetters),
      alarmTopic: sns.Topic.fromTopicArn(inner, 'AlarmTopic', outputs.AlarmTopic),
      stateMachine:
        outputs.StateMachine === undefined
          ? undefined
          : sfn.StateMachine.fromStateMachineArn(inner, 'StateMachine', outputs.StateMachine),
      familyPrefix: FamilyPrefix,
      container: Container,
    }
  }

  constructor(scope: Construct, id: string, props: LedgerProps = {}) {
    super(scope, id)
    const { table = 'cronledger', tableKey, familyPrefix = 'cronledger-', container = 'batch' } = props
    const other = Stack.of(this)
      .node.findAll()
      .find((one) => one instanceof Ledger && one !== this && Stack.of(one) === Stack.of(this))
    if (other !== undefined)
      throw new Error(
        `${this.node.path}: the stack has a Ledger already, ${other.node.path}. Give this one a stack of its own.`,
      )
    this.familyPrefix = known(this, 'familyPrefix', familyPrefix)
    if (!FAMILY_PREFIX.test(familyPrefix))
      throw new Error(
        `${this.node.path}: familyPrefix is ${familyPrefix}. Use letters and digits with one - at the end, so that no prefix begins with another one.`,
      )
    if (props.alarmTopic !== undefined && props.alarmEmail !== undefined)
      throw new Error(
        `${this.node.path}: alarmEmail is for the topic that is made. Subscribe it to alarmTopic yourself.`,
      )
    this.container = known(this, 'container', container)
    if (props.mailEachTask === false && props.check === undefined)
      throw new Error(
        `${this.node.path}: with mailEachTask: false, only the check sends a mail of failed tasks. Add check.`,
      )
    this.tableKey = tableKey
    this.table =
      typeof table === 'string' ? dynamodb.Table.fromTableName(this, 'Name', known(this, 'table', table)) : table
    // Triggers that EventBridge Scheduler gave up.
    const queue = this.keep(
      new sqs.CfnQueue(this, 'DeadLetters', { messageRetentionPeriod: 1_209_600, sqsManagedSseEnabled: true }),
      KEPT,
    )
    this.deadLetters = sqs.Queue.fromQueueAttributes(this, 'Queue', { queueArn: queue.attrArn, queueUrl: queue.ref })
    // The metrics of EventBridge Scheduler and the trust of its role are for a group.
    const group = this.keep(new scheduler.CfnScheduleGroup(this, 'ScheduleGroup'), KEPT)
    this.scheduleGroup = scheduler.ScheduleGroup.fromScheduleGroupName(this, 'Group', group.ref)
    const [auditor, operator, start] = this.makePolicies(props)
    this.auditorPolicy = iam.ManagedPolicy.fromManagedPolicyArn(this, 'Auditor', auditor.ref)
    this.operatorPolicy = iam.ManagedPolicy.fromManagedPolicyArn(this, 'Operator', operator.ref)
    this.alarmTopic = props.alarmTopic ?? this.makeTopic(props)
    if (props.startAgain === true) this.stateMachine = this.makeStateMachine(start, props)
    const alarms = [...this.makeAlarms(queue.attrQueueName, props), this.makeRuleOfMissingRuns()]
    if (props.alarmOnFailedStarts === true) this.makeRuleOfFailedStarts()
    const role = this.makeSchedulerRole(start, group.attrArn, props)
    this.schedulerRole = iam.Role.fromRoleArn(this, 'Starter', role.attrArn, { mutable: false })
    if (props.dashboard === true) this.makeDashboard()
    if (props.check !== undefined) this.makeCheck(props.check, props)
    // It stays when a first deployment fails, and then the next one could not make it. So it is made last.
    if (typeof table === 'string') this.makeTable(table).node.addDependency(auditor, operator, role, ...alarms)
  }

  private keep<T extends CfnResource>(resource: T, policy?: RemovalPolicy): T {
    // A change of the ledger must not wait for the stacks of the batches, as it does for the exports of strong references.
    CrossStackReferences.of(resource).produce(ReferenceStrength.WEAK)
    resource.overrideLogicalId(resource.node.id)
    if (policy !== undefined) resource.applyRemovalPolicy(policy)
    return resource
  }

  /**
   * They allow the actions that the commands and the operating guide call, and no others. Their descriptions must never
   * change: CloudFormation would make other policies, and people would keep the old ones.
   */
  private makePolicies({ batchRoles = [], clusters = [] }: LedgerProps) {
    const stack = Stack.of(this)
    const tableArn = arnOf(this.table, this.table.tableArn)
    const index = { sid: 'Index', actions: ['dynamodb:Query'], resources: [`${tableArn}/index/by-day`] }
    const family = `${this.familyPrefix}*`
    const arn = (service: string, resource: string, resourceName: string, region?: string) =>
      stack.formatArn({ service, resource, resourceName, ...(region !== undefined && { region }) })
    const start = { sid: 'Start', actions: ['ecs:RunTask'], resources: [arn('ecs', 'task-definition', family)] }
    const roles = {
      sid: 'Roles',
      actions: ['iam:PassRole'],
      resources: [arn('iam', 'role', 'cronledger/*', ''), ...batchRoles.map((role) => arnOf(role, role.roleArn))],
      conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    }
    const anyCluster = 'arn:*:ecs:*:*:cluster/*'
    const clusterArns = clusters.map(({ clusterName }) => arn('ecs', 'cluster', clusterName))
    const auditor = this.makePolicy('AuditorPolicy', 'cronledger auditor', [
      { sid: 'Table', actions: dynamodbActions('GetItem Query BatchGetItem'), resources: [tableArn] },
      index,
      ...keyStatement(this, ['Decrypt', 'DescribeKey']),
    ])
    const operator = this.makePolicy('OperatorPolicy', 'cronledger operator', [
      {
        sid: 'Table',
        actions: dynamodbActions(
          'PutItem UpdateItem GetItem Query BatchGetItem DescribeTable DescribeTimeToLive DescribeContinuousBackups',
        ),
        resources: [tableArn],
      },
      index,
      ...keyStatement(this, KEY_ACTIONS),
      start,
      roles,
      {
        sid: 'Tasks',
        actions: ['ecs:DescribeTasks', 'ecs:StopTask'],
        resources: [arn('ecs', 'task', '*')],
        conditions: { ArnLike: { 'ecs:cluster': clusterArns.length === 0 ? [anyCluster] : clusterArns } },
      },
      { sid: 'List', actions: ['ecs:ListTasks'], resources: ['*'] },
      {
        sid: 'Logs',
        actions: ['logs:FilterLogEvents'],
        resources: [`arn:${stack.partition}:logs:${stack.region}:${stack.account}:log-group:/ecs/${family}`],
      },
      {
        sid: 'Schedules',
        actions: ['scheduler:GetSchedule'],
        resources: [arn('scheduler', 'schedule', `*/${family}`)],
      },
      {
        sid: 'DeadLetters',
        actions: ['sqs:ReceiveMessage', 'sqs:PurgeQueue'],
        resources: [this.deadLetters.queueArn],
      },
      { sid: 'Outputs', actions: ['cloudformation:DescribeStacks'], resources: [stack.stackId] },
    ])
    const tags = {
      sid: 'Tags',
      actions: ['ecs:TagResource'],
      resources: [arn('ecs', 'task', '*')],
      conditions: { StringEquals: { 'ecs:CreateAction': 'RunTask' } },
    }
    const starter = this.makePolicy('StartPolicy', 'cronledger start of tasks', [start, tags, roles])
    return [auditor, operator, starter] as const
  }

  private makePolicy(id: string, description: string, statements: readonly iam.PolicyStatementProps[]) {
    const policyDocument = documentOf(statements)
    return this.keep(new iam.CfnManagedPolicy(this, id, { description, policyDocument }), KEPT)
  }

  private makeRole(id: string, service: string, props: Omit<iam.CfnRoleProps, 'assumeRolePolicyDocument'>, keys = {}) {
    const assumeRolePolicyDocument = documentOf([
      {
        actions: ['sts:AssumeRole'],
        principals: [new iam.ServicePrincipal(service)],
        conditions: Object.keys(keys).length === 0 ? {} : { StringEquals: keys },
      },
    ])
    return this.keep(new iam.CfnRole(this, id, { ...props, assumeRolePolicyDocument }))
  }

  private makeSchedulerRole(
    start: iam.CfnManagedPolicy,
    groupArn: string,
    { permissionsBoundary }: LedgerProps,
  ): iam.CfnRole {
    const { stateMachine } = this
    const statements: iam.PolicyStatementProps[] = [
      { sid: 'DeadLetters', actions: ['sqs:SendMessage'], resources: [this.deadLetters.queueArn] },
    ]
    if (stateMachine !== undefined) {
      const resources = [stateMachine.stateMachineArn]
      statements.push({ sid: 'StartAgain', actions: ['states:StartExecution'], resources })
    }
    const role = this.makeRole(
      'SchedulerRole',
      'scheduler.amazonaws.com',
      {
        managedPolicyArns: [start.ref],
        policies: [{ policyName: 'deliver', policyDocument: documentOf(statements) }],
        ...boundaryOf(permissionsBoundary),
      },
      { 'aws:SourceAccount': Stack.of(this).account, 'aws:SourceArn': groupArn },
    )
    role.applyRemovalPolicy(KEPT)
    return role
  }

  /**
   * RunTask can answer without an error and without a task, for example if Fargate has no capacity. EventBridge Scheduler takes
   * that as delivered. This one looks at the answer. The request is its input.
   */
  private makeStateMachine(start: iam.CfnManagedPolicy, { permissionsBoundary }: LedgerProps): sfn.IStateMachine {
    const props = { managedPolicyArns: [start.ref], ...boundaryOf(permissionsBoundary) }
    const role = this.makeRole('StateMachineRole', 'states.amazonaws.com', props, {
      'aws:SourceAccount': Stack.of(this).account,
    })
    role.applyRemovalPolicy(KEPT)
    const definition = {
      QueryLanguage: 'JSONata',
      TimeoutSeconds: 86_400,
      StartAt: 'Start',
      States: {
        Start: {
          Type: 'Task',
          Resource: `arn:${Stack.of(this).partition}:states:::ecs:runTask`,
          // One JSONata string may give all arguments (States Language, "Using Arguments and Output").
          Arguments: '{% $states.input %}',
          Assign: { failures: '{% $count($states.result.Failures) %}' },
          Output: '{% $states.input %}',
          // 60, 120, 240 and 480 s, and then 141 times 600 s: 23.7 hours.
          Retry: [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 60, MaxAttempts: 145, MaxDelaySeconds: 600 }],
          Next: 'IsStarted',
        },
        IsStarted: {
          Type: 'Choice',
          Choices: [{ Condition: '{% $failures = 0 %}', Next: 'Started' }],
          Default: 'Wait',
        },
        Wait: { Type: 'Wait', Seconds: 120, Next: 'Start' },
        Started: { Type: 'Succeed' },
      },
    }
    const machine = this.keep(
      new sfn.CfnStateMachine(this, 'StateMachine', { roleArn: role.attrArn, definition }),
      KEPT,
    )
    return sfn.StateMachine.fromStateMachineArn(this, 'Machine', machine.ref)
  }

  private makeTopic({ alarmEmail }: LedgerProps): sns.ITopic {
    const subscription = alarmEmail === undefined ? [] : [{ protocol: 'email', endpoint: alarmEmail }]
    // Alarms of batches name the topic until they are deployed again, so it stays when it is replaced, and its policy, too.
    const topic = this.keep(new sns.CfnTopic(this, 'Alarms', subscription.length === 0 ? {} : { subscription }), KEPT)
    const publish = (sid: string, service: string, conditions = {}) => ({
      ...{ sid, actions: ['sns:Publish'], principals: [new iam.ServicePrincipal(service)], resources: [topic.ref] },
      conditions,
    })
    // This policy replaces the default one, which lets only the account itself publish. The statement of EventBridge must not
    // have a condition, because EventBridge does not support one for a topic: its messages would never arrive.
    const policyDocument = documentOf([
      publish('Alarms', 'cloudwatch.amazonaws.com', { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } }),
      publish('TaskStopped', 'events.amazonaws.com'),
    ])
    this.keep(new sns.CfnTopicPolicy(this, 'AlarmsPolicy', { topics: [topic.ref], policyDocument }), KEPT)
    return sns.Topic.fromTopicArn(this, 'Topic', topic.ref)
  }

  private makeAlarms(queue: string, { mailEachTask }: LedgerProps): readonly CfnResource[] {
    const check = `AWS_REGION=${Stack.of(this).region} cronledger check --store ${storeOf(this.table)}`
    const alarm = (id: string, alarmDescription: string, metric: Partial<cloudwatch.CfnAlarmProps>) =>
      this.keep(
        new cloudwatch.CfnAlarm(this, id, {
          alarmDescription: `cronledger: ${alarmDescription}: ${check}`,
          period: 300,
          evaluationPeriods: 1,
          comparisonOperator: 'GreaterThanOrEqualToThreshold',
          threshold: 1,
          treatMissingData: 'notBreaching',
          alarmActions: [arnOf(this.alarmTopic, this.alarmTopic.topicArn)],
          ...metric,
        }),
      )
    const alarms = [
      this.makeRule(check, mailEachTask),
      alarm(
        'DeadLetterAlarm',
        `EventBridge Scheduler could not start a task, and gave up after its last retry, at most a day later. The message in the dead-letter queue ${queue} has the schedule, the reason and the scheduled time. Find the missed slots`,
        {
          namespace: 'AWS/SQS',
          metricName: 'ApproximateNumberOfMessagesVisible',
          dimensions: [{ name: 'QueueName', value: queue }],
          statistic: 'Maximum',
        },
      ),
      alarm('DroppedAlarm', 'EventBridge Scheduler dropped a trigger after its last retry. Find the missed slots', {
        namespace: 'AWS/Scheduler',
        metricName: 'InvocationDroppedCount',
        dimensions: [{ name: 'ScheduleGroup', value: this.scheduleGroup.scheduleGroupName }],
        statistic: 'Sum',
      }),
    ]
    if (this.stateMachine === undefined) return alarms
    const machine = this.stateMachine.stateMachineArn
    const ofMachine = (metricName: string) => ({
      ...{ namespace: 'AWS/States', metricName, statistic: 'Sum' },
      dimensions: [{ name: 'StateMachineArn', value: machine }],
    })
    alarm(
      'StartFailedAlarm',
      `Step Functions could not start a task, and gave up after a day of tries. The failed execution of ${machine} has the reason. Find the missed slots`,
      ofMachine('ExecutionsFailed'),
    )
    alarm(
      'StartTimedOutAlarm',
      'Fargate had no capacity for a task for a day, and Step Functions gave up. Find the missed slots',
      ofMachine('ExecutionsTimedOut'),
    )
    return alarms
  }

  /**
   * The alarms of batches on missing runs have no action of their own: a new one is in the state ALARM until the first run, and
   * forty new ones would ring at once. An alarm that was OK before is sent.
   */
  private makeRuleOfMissingRuns(): events.CfnRule {
    const arn = arnOf(this.alarmTopic, this.alarmTopic.topicArn)
    return this.keep(
      new events.CfnRule(this, 'NoRun', {
        description: 'cronledger: no run of a batch has completed for some time.',
        eventPattern: {
          source: ['aws.cloudwatch'],
          'detail-type': ['CloudWatch Alarm State Change'],
          detail: {
            alarmName: [{ wildcard: `${this.familyPrefix}*-no-run` }],
            state: { value: ['ALARM'] },
            previousState: { value: ['OK'] },
          },
        },
        targets: [{ id: 'alarms', arn, inputPath: '$.detail.configuration.description' }],
      }),
    )
  }

  /**
   * Any exit code but 0, none at all, and any task that did not start: the batch failed, a trigger was refused, the ledger could
   * not be reached, the check found something, the image could not be pulled, and so on.
   */
  private makeRule(check: string, mailEachTask = true): events.CfnRule {
    const prefix = Stack.of(this).formatArn({
      ...{
        service: 'ecs',
        resource: 'task-definition',
        resourceName: `${this.familyPrefix}${mailEachTask ? '' : '-check:'}`,
      },
    })
    const inputPathsMap = {
      task: '$.detail.taskArn',
      definition: '$.detail.taskDefinitionArn',
      name: '$.detail.containers[0].name',
      exitCode: '$.detail.containers[0].exitCode',
      otherName: '$.detail.containers[1].name',
      otherExitCode: '$.detail.containers[1].exitCode',
      stopCode: '$.detail.stopCode',
      reason: '$.detail.stoppedReason',
    }
    // EventBridge leaves out what the event does not have: the exit code of a task that did not start, a second container.
    const lines = [
      'cronledger: an ECS task exited with another code than 0 or without one, or did not start.',
      'Task definition: <definition>',
      'Exit codes: <name> <exitCode>, <otherName> <otherExitCode>',
      'Stopped because: <stopCode> <reason>',
      'Task: <task>',
      'If the exit code is 74 and the log says that the batch SUCCEEDED, do not run it again. Record the success with the command in the log.',
      `See which slots need attention (one that did not start: 15 minutes after it was due), and how to read their logs: ${check}`,
    ]
    const inputTemplate = lines.map((line) => `"${line}"`).join('\n')
    return this.keep(
      new events.CfnRule(this, 'TaskStopped', {
        // A second ledger with the same prefix fails here, in place of getting the mails of this one.
        name: `${this.familyPrefix}-stopped`,
        description: 'cronledger: a task of a batch exited with another code than 0 or without one, or did not start.',
        eventPattern: {
          source: ['aws.ecs'],
          'detail-type': ['ECS Task State Change'],
          detail: {
            lastStatus: ['STOPPED'],
            taskDefinitionArn: [{ prefix }],
            $or: [
              // Both fields must be those of one container. GuardDuty adds a container of its own.
              { containers: { name: [this.container], exitCode: [{ 'anything-but': 0 }] } },
              // It did not start, its host was lost, Spot took it, or a person stopped it.
              { stopCode: [{ 'anything-but': ['EssentialContainerExited'] }] },
              // exists: false asks whether no container of the task has an exit code.
              { containers: { name: [this.container], exitCode: [{ exists: false }] } },
            ],
          },
        },
        targets: [
          {
            id: 'alarms',
            arn: arnOf(this.alarmTopic, this.alarmTopic.topicArn),
            inputTransformer: { inputPathsMap, inputTemplate },
          },
        ],
      }),
    )
  }

  /** RunTask can answer without an error and without a task. No task stops then, and only CloudTrail records it. */
  private makeRuleOfFailedStarts(): void {
    const prefix = Stack.of(this).formatArn({
      ...{ service: 'ecs', resource: 'task-definition', resourceName: this.familyPrefix },
    })
    const check = `AWS_REGION=${Stack.of(this).region} cronledger check --store ${storeOf(this.table)}`
    const lines = [
      'cronledger: RunTask started no task at <time>.',
      'Task definition: <definition>',
      'Reason: <reason>',
      'With StartAgain, Step Functions tries again for a day. Otherwise nothing does.',
      `Find the missed slots, 15 minutes after they were due: ${check}`,
    ]
    this.keep(
      new events.CfnRule(this, 'NotStarted', {
        description: 'cronledger: RunTask started no task for a batch.',
        eventPattern: {
          source: ['aws.ecs'],
          'detail-type': ['AWS API Call via CloudTrail'],
          detail: {
            eventSource: ['ecs.amazonaws.com'],
            eventName: ['RunTask'],
            requestParameters: { taskDefinition: [{ prefix }, { prefix: this.familyPrefix }] },
            responseElements: { failures: { reason: [{ exists: true }] } },
          },
        },
        targets: [
          {
            id: 'alarms',
            arn: arnOf(this.alarmTopic, this.alarmTopic.topicArn),
            inputTransformer: {
              inputPathsMap: {
                definition: '$.detail.requestParameters.taskDefinition',
                reason: '$.detail.responseElements.failures[0].reason',
                time: '$.detail.eventTime',
              },
              inputTemplate: lines.map((line) => `"${line}"`).join('\n'),
            },
          },
        ],
      }),
    )
  }

  private makeDashboard(): void {
    const { region } = Stack.of(this)
    const widget = (title: string, names: string) => ({
      type: 'metric',
      width: 24,
      height: 8,
      properties: {
        ...{ region, title, stat: 'Sum', period: 3600 },
        metrics: [[{ expression: `SEARCH('{cronledger,Task} MetricName=${names}', 'Sum', 3600)` }]],
      },
    })
    const widgets = [widget('Failed and refused', '(Failed OR Refused)'), widget('Completed', 'Completed')]
    const dashboardBody = Stack.of(this).toJsonString({ widgets })
    this.keep(new cloudwatch.CfnDashboard(this, 'BatchDashboard', { dashboardBody }))
  }

  /** `cronledger check` of all tasks. A batch never has this name, because the name of a task begins with a letter or a digit. */
  private makeCheck(check: CheckProps, { permissionsBoundary }: LedgerProps): void {
    const stack = Stack.of(this)
    const { architecture = ecs.CpuArchitecture.X86_64, cpu = 256, memoryLimitMiB = 512, logKey } = check
    const executionRole = 'service-role/AmazonECSTaskExecutionRolePolicy'
    // It is the execution role, too, which ECS assumes without the key aws:SourceAccount.
    const told = {
      sid: 'Told',
      actions: dynamodbActions('PutItem'),
      resources: [arnOf(this.table, this.table.tableArn)],
      conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['#told/*'] } },
    }
    const role = this.makeRole('CheckRole', 'ecs-tasks.amazonaws.com', {
      path: '/cronledger/',
      managedPolicyArns: [
        this.auditorPolicy.managedPolicyArn,
        `arn:${stack.partition}:iam::aws:policy/${executionRole}`,
      ],
      policies: [{ policyName: 'told', policyDocument: documentOf([told, ...keyStatement(this, KEY_ACTIONS)]) }],
      ...boundaryOf(permissionsBoundary),
    })
    const id = Fn.select(0, Fn.split('-', Fn.select(2, Fn.split('/', stack.stackId))))
    const group = this.keep(
      new logs.CfnLogGroup(this, 'CheckLogGroup', {
        logGroupName: `/ecs/${this.familyPrefix}-check/${id}`,
        retentionInDays: 90,
        ...(logKey !== undefined && { kmsKeyId: arnOf(logKey, logKey.keyArn) }),
      }),
      KEPT,
    )
    const family = `${this.familyPrefix}-check`
    const own = iam.Role.fromRoleArn(this, 'CheckRoleOfTask', role.attrArn, { mutable: false })
    const definition = new ecs.FargateTaskDefinition(this, 'Check', {
      ...{ family, cpu, memoryLimitMiB, taskRole: own, executionRole: own },
      runtimePlatform: { cpuArchitecture: architecture, operatingSystemFamily: ecs.OperatingSystemFamily.LINUX },
    })
    definition.addContainer(this.container, {
      image: check.image,
      entryPoint: ['cronledger'],
      // It remembers in the table what it has told, in an item of its own.
      command: ['check', '--once', 'daily'],
      environment: { CRONLEDGER_STORE: storeOf(this.table) },
      logging: ecs.LogDrivers.awsLogs({
        streamPrefix: 'check',
        logGroup: logs.LogGroup.fromLogGroupName(this, 'CheckLog', group.ref),
      }),
    })
    const task = definition.node.defaultChild as ecs.CfnTaskDefinition
    task.overrideLogicalId('CheckDefinition')
    const { expression = 'cron(0 6 * * ? *)', timezone = 'UTC' } = check
    const schedule = new scheduler.CfnSchedule(this, 'CheckSchedule', {
      name: family,
      groupName: this.scheduleGroup.scheduleGroupName,
      scheduleExpression: expression,
      scheduleExpressionTimezone: timezone,
      flexibleTimeWindow: { mode: 'OFF' },
      target: targetOf(this, this, { ...check, taskDefinitionArn: task.ref }),
    })
    this.keep(schedule)
  }

  /** The same as table.json, which `cronledger setup` creates. The rows reject duplicates, so the table outlives the stack. */
  private makeTable(tableName: string): dynamodb.CfnTable {
    const { tableKey } = this
    const text = (attributeName: string) => ({ attributeName, attributeType: 'S' })
    const keys = (hash: string) => [
      { attributeName: hash, keyType: 'HASH' },
      { attributeName: 'slot', keyType: 'RANGE' },
    ]
    return this.keep(
      new dynamodb.CfnTable(this, 'LedgerTable', {
        tableName,
        billingMode: 'PAY_PER_REQUEST',
        deletionProtectionEnabled: true,
        pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
        ...(tableKey !== undefined && {
          sseSpecification: { sseEnabled: true, sseType: 'KMS', kmsMasterKeyId: arnOf(tableKey, tableKey.keyArn) },
        }),
        attributeDefinitions: ['task', 'slot', 'day'].map(text),
        keySchema: keys('task'),
        globalSecondaryIndexes: [
          { indexName: 'by-day', keySchema: keys('day'), projection: { projectionType: 'KEYS_ONLY' } },
        ],
        timeToLiveSpecification: { attributeName: 'expiresAt', enabled: true },
      }),
      RemovalPolicy.RETAIN,
    )
  }
}

/** Returns the value. Throws an error for a token: a name is made of it, or it is checked, so it must be known. */
export function known<Value>(scope: Construct, name: string, value: Value): Value {
  if (!Token.isUnresolved(value)) return value
  throw new Error(`${scope.node.path}: ${name} is a token. Give a value that is known, or for a table the object.`)
}

const dynamodbActions = (names: string) => names.split(' ').map((name) => `dynamodb:${name}`)

export const KEY_ACTIONS = ['Encrypt', 'Decrypt', 'ReEncrypt*', 'GenerateDataKey*', 'DescribeKey']

/** DynamoDB uses a customer managed key in the name of the caller, in the Region of the table. */
export function keyStatement(
  { table, tableKey }: Pick<LedgerParts, 'table' | 'tableKey'>,
  actions: readonly string[],
): iam.PolicyStatementProps[] {
  if (tableKey === undefined) return []
  const region = isNamed(table) ? table.env.region : Fn.select(3, Fn.split(':', arnOf(table, table.tableArn)))
  return [
    {
      sid: 'Key',
      actions: actions.map((action) => `kms:${action}`),
      resources: [arnOf(tableKey, tableKey.keyArn)],
      conditions: { StringEquals: { 'kms:ViaService': `dynamodb.${region}.amazonaws.com` } },
    },
  ]
}

/** Whether the table is known by its name, which is then one of this account and Region. */
function isNamed(table: dynamodb.ITable): boolean {
  return Token.isUnresolved(table.tableArn) && !Token.isUnresolved(table.tableName)
}

/** The option --store of cronledger. */
export function storeOf(table: dynamodb.ITable): string {
  return `dynamodb:${isNamed(table) ? table.tableName : arnOf(table, table.tableArn)}`
}

/**
 * Returns the ARN of a resource, by a weak reference if it is of this app: a strong one would keep it until no stack uses it,
 * and what all batches share is deployed before them.
 */
export function arnOf({ node: { defaultChild } }: IConstruct, arn: string): string {
  if (!CfnResource.isCfnResource(defaultChild)) {
    // An ARN from Parameter Store is a parameter of the stack that looks it up.
    const [token, more] = Tokenization.reverseString(arn).tokens
    const isReference = more === undefined && Reference.isReference(token)
    return isReference ? Stack.consumeReference(arn, ReferenceStrength.WEAK) : arn
  }
  const isItsRef = ['AWS::SNS::Topic', 'AWS::IAM::ManagedPolicy'].includes(defaultChild.cfnResourceType)
  const attribute = isItsRef ? defaultChild.ref : Token.asString(defaultChild.getAtt('Arn'))
  return Stack.consumeReference(attribute, ReferenceStrength.WEAK)
}

function documentOf(statements: readonly iam.PolicyStatementProps[]): iam.PolicyDocument {
  return new iam.PolicyDocument({ statements: statements.map((one) => new iam.PolicyStatement(one)) })
}

function boundaryOf(boundary: iam.IManagedPolicy | undefined) {
  return boundary === undefined ? {} : { permissionsBoundary: arnOf(boundary, boundary.managedPolicyArn) }
}

/** A task that EventBridge Scheduler starts. */
export interface TaskStart {
  readonly cluster: ecs.ICluster
  readonly taskDefinitionArn: string
  readonly subnetSelection?: ec2.SubnetSelection
  readonly securityGroups?: readonly ec2.ISecurityGroup[]
  readonly assignPublicIp?: boolean
  readonly capacityProvider?: string
  readonly platformVersion?: string
  readonly overrides?: object
}

export function networkOf({
  cluster,
  subnetSelection,
  securityGroups = [],
  assignPublicIp = false,
}: Omit<TaskStart, 'taskDefinitionArn'>) {
  return {
    subnets: cluster.vpc.selectSubnets(subnetSelection).subnetIds,
    ...(securityGroups.length > 0 && { securityGroups: securityGroups.map((group) => group.securityGroupId) }),
    assignPublicIp: assignPublicIp ? 'ENABLED' : 'DISABLED',
  }
}

/** Returns the target of a schedule: the task itself, or the state machine that starts it. */
export function targetOf(scope: Construct, parts: LedgerParts, start: TaskStart): scheduler.CfnSchedule.TargetProperty {
  const stack = Stack.of(scope)
  const { taskDefinitionArn, capacityProvider, platformVersion = 'LATEST', overrides } = start
  // The ARN is made of the name, so that a batch needs the same of its cluster with a state machine and without.
  const { clusterName } = start.cluster
  const place = {
    ...(capacityProvider === undefined
      ? { launchType: 'FARGATE' }
      : { capacityProviderStrategy: [{ capacityProvider, weight: 1 }] }),
    platformVersion,
    propagateTags: 'TASK_DEFINITION',
    networkConfiguration: { awsvpcConfiguration: networkOf(start) },
  }
  const request = { cluster: clusterName, taskDefinition: taskDefinitionArn, ...place, overrides }
  return {
    ...(parts.stateMachine === undefined
      ? {
          arn: stack.formatArn({ service: 'ecs', resource: 'cluster', resourceName: clusterName }),
          ecsParameters: { taskDefinitionArn, taskCount: 1, ...place },
          ...(overrides !== undefined && { input: JSON.stringify(overrides) }),
        }
      : { arn: parts.stateMachine.stateMachineArn, input: stack.toJsonString(capitals(request)) }),
    roleArn: parts.schedulerRole.roleArn,
    retryPolicy: RETRY_POLICY,
    deadLetterConfig: { arn: parts.deadLetters.queueArn },
  }
}

/** Step Functions names the members of a request with a capital letter. */
function capitals(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(capitals)
  if (typeof part !== 'object' || part === null) return part
  const named = Object.entries(part).map(([name, value]) => [
    name.replace(/^./, (letter) => letter.toUpperCase()),
    value,
  ])
  return Object.fromEntries(named.map(([name, value]) => [name, capitals(value)]))
}
