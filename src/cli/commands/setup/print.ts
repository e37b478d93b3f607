import { createHash } from 'node:crypto'
import { quote, usageError } from '../../../core/errors.ts'
import { formatInstant } from '../../../core/instant.ts'
import { awsExpression } from '../../../core/schedule/aws-expression.ts'
import type { Schedule } from '../../../core/schedule/schedule.ts'
import { readSchedule } from '../../../core/schedule/schedule-options.ts'
import { scheduleWarnings } from '../../../core/schedule/warnings.ts'
import { spelledZone } from '../../../core/schedule/zone.ts'
import type { Environment, Instant } from '../../../core/types.ts'
import { checkTaskName } from '../../../core/user-text.ts'
import { ZONE_DATA } from '../../../process/clock.ts'
import { parseStoreName } from '../../../store/open.ts'
import { readSchema } from '../../../store/schema.ts'
import type { BatchOptions } from './check-run.ts'
import { type StackOptions, stackParameters } from './parameters.ts'
import { fillJson, openNames, type Printed, type TemplateValues } from './template.ts'

export const PRINTABLE = ['cloudformation', 'parameters', 'iam', 'eventbridge', 'task-definition'] as const

/** The options that a template is made from. */
export interface PrintOptions extends BatchOptions, StackOptions {
  readonly print: string
  readonly role: string | undefined
  readonly store: string
  readonly container: string | undefined
}

/** The container names that ECS allows. */
const CONTAINER = /^[A-Za-z0-9_-]{1,255}$/
/** The limit for the name of an EventBridge rule or schedule. */
const MAX_NAME_LENGTH = 64
/** The hexadecimal digits of the hash: four billion values, and an account has some hundred batches. */
const HASH_LENGTH = 8

/** Returns the CloudFormation template, which is the same file for all batches. */
export function printStack(): string {
  return readSchema('cloudformation.yaml').trimEnd()
}

/**
 * Returns the parameters of the CloudFormation template, or another template of `schema/` with all known values filled
 * in. Throws a usage error if the store is not a DynamoDB table, or if an option is missing or not valid.
 */
export function printTemplate(options: PrintOptions, env: Environment, now: Instant): Printed {
  const parsed = parseStoreName(options.store)
  if (parsed.kind !== 'dynamodb')
    throw usageError(
      `--print cannot be used with --store ${quote(options.store)}. Use dynamodb:TABLE, because the templates are for AWS.`,
    )
  const { table } = parsed
  if (options.print === 'iam') return policies(options, locationOf(table, env))
  const batch = readBatch(options)
  const values = {
    ...locationOf(table, env),
    Store: options.store,
    Task: batch.task,
    Family: familyOf(batch.task),
    Schedule: batch.schedule.spec.expression,
    Timezone: spelledZone(batch.schedule.spec.zone),
    Anchor: options.anchor ?? '',
    Container: batch.container,
    ...(options.image === undefined ? {} : { Image: options.image }),
  }
  const { text, notes } = templateOf(options, batch.schedule, table, values, now)
  return { text, notes: [...scheduleWarnings(batch.schedule, now, ZONE_DATA), ...notes] }
}

function templateOf(
  options: PrintOptions,
  schedule: Schedule,
  table: string,
  values: TemplateValues & { readonly Family: string },
  now: Instant,
): Printed {
  switch (options.print) {
    case 'task-definition':
      return taskDefinition(values)
    case 'eventbridge':
      return eventBridge(schedule, values, now)
    default:
      return stackParameters(options, schedule, table, values, now)
  }
}

/**
 * Returns the name of the batch in ECS and EventBridge. A task name may be longer than those allow, and contain other
 * characters. Such a name is changed and gets a hash, otherwise two tasks could get the same name.
 */
function familyOf(task: string): string {
  const whole = `cronledger-${task}`
  const name = whole.replace(/[^A-Za-z0-9_-]/g, '-')
  if (name === whole && name.length <= MAX_NAME_LENGTH) return name
  const hash = createHash('sha256').update(task).digest('hex').slice(0, HASH_LENGTH)
  return `${name.slice(0, MAX_NAME_LENGTH - HASH_LENGTH - 1)}-${hash}`
}

function readBatch({ print, task, schedule, timezone, anchor, container = 'batch' }: PrintOptions) {
  if (task === undefined)
    throw usageError(`--print ${print} requires --task. Give --task NAME, or set CRONLEDGER_TASK.`)
  if (schedule === undefined)
    throw usageError(`--print ${print} requires --schedule. Give --schedule EXPR, or set CRONLEDGER_SCHEDULE.`)
  checkTaskName(task)
  if (!CONTAINER.test(container))
    throw usageError(`--container ${quote(container)} is not valid. Use 1 to 255 of the characters A-Z a-z 0-9 _ -.`)
  return { task, schedule: readSchedule({ schedule, timezone, anchor }), container }
}

/**
 * Returns the ARN of the table, and the parts of it that the table name or the environment gives. The names of
 * CloudFormation (`AWS::Region`) stand for the other parts.
 */
function locationOf(table: string, env: Environment): TemplateValues {
  const [, partition, region, account] = /^arn:([^:]+):dynamodb:([^:]+):(\d+):/.exec(table) ?? []
  if (partition !== undefined && region !== undefined && account !== undefined) {
    return { TableArn: table, 'AWS::Partition': partition, 'AWS::Region': region, 'AWS::AccountId': account }
  }
  const here = env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || undefined
  const place: TemplateValues = {
    ...(here === undefined ? {} : { 'AWS::Region': here }),
    // The names of regions in other partitions have one more part, or begin with `cn-`.
    ...(here !== undefined && /^(?!cn-)[a-z]{2}-[a-z]+-\d$/.test(here) ? { 'AWS::Partition': 'aws' } : {}),
  }
  const part = (name: string) => place[name] ?? `\${${name}}`
  const arn = `arn:${part('AWS::Partition')}:dynamodb:${part('AWS::Region')}:${part('AWS::AccountId')}:table/${table}`
  return { ...place, TableArn: arn }
}

/**
 * Returns the policy of the role, or all policies. The runner's policy allows only the partition of one task. Without a
 * task, its name stays a placeholder.
 */
function policies({ role, task }: PrintOptions, place: TemplateValues): Printed {
  if (task !== undefined) checkTaskName(task)
  const all = fillJson(readSchema('iam.json'), { ...place, ...(task !== undefined && { Task: task }) })
  if (role !== undefined) return printed(all[role])
  const { text, notes } = printed(all)
  const choice =
    'this is one policy for each role. For one policy alone, as aws iam create-policy takes it, use --role runner|auditor|operator'
  return { text, notes: [choice, ...notes] }
}

function taskDefinition(values: TemplateValues & { readonly Family: string }): Printed {
  const { text, notes } = printed(fillJson(readSchema('task-definition.json'), values))
  const group = `create its log group, if it does not exist: aws logs create-log-group --log-group-name /ecs/${values.Family}`
  return { text, notes: [group, ...notes] }
}

function printed(filled: unknown): Printed {
  const text = JSON.stringify(filled, null, 2)
  const open = openNames(text)
  return { text, notes: open.length === 0 ? [] : [`still to be filled in: ${open.join(', ')}`] }
}

function eventBridge(schedule: Schedule, values: TemplateValues, now: Instant): Printed {
  const { expression, startDate, notForRules } = awsExpression(schedule, now)
  const StartDate = startDate === null ? '' : formatInstant(startDate)
  const files = [...(notForRules === null ? ['eventbridge/rule.json'] : []), 'eventbridge/scheduler.json']
  const filled = files.map((file) => fillJson(readSchema(file), { ...values, Expression: expression, StartDate }))
  const { text, notes } = printed(Object.assign({}, ...filled))
  const choice =
    notForRules === null
      ? 'create a rule (putRule, putTargets) or a schedule of EventBridge Scheduler (createSchedule), not both'
      : `use EventBridge Scheduler. An EventBridge rule does not work here: ${notForRules}`
  return { text, notes: [choice, ...notes] }
}
