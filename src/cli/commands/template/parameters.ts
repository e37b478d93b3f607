import { createHash } from 'node:crypto'
import { quote, usageError } from '../../../core/errors.ts'
import { formatInstant } from '../../../core/instant.ts'
import type { OptionTable } from '../../../core/option.ts'
import { awsExpression } from '../../../core/schedule/aws-expression.ts'
import { readSchedule } from '../../../core/schedule/schedule-options.ts'
import { longestGapMs, type Schedule } from '../../../core/schedule/slot.ts'
import { scheduleWarnings } from '../../../core/schedule/warnings.ts'
import { spelledZone } from '../../../core/schedule/zone.ts'
import { USUAL_GRACE_MS } from '../../../core/task/task-record.ts'
import type { Instant } from '../../../core/types.ts'
import { checkTaskName } from '../../../core/user-text.ts'
import { listed } from '../../../format/text.ts'
import { ZONE_DATA } from '../../../process/clock.ts'
import { readLedgerAddress } from '../../../store/open.ts'
import { readSchema } from '../../../store/schema.ts'
import type { Values } from '../../options/arguments.ts'
import { COMMON } from '../../options/options.ts'
import {
  type Given,
  OUTPUTS,
  type Parameter,
  type ParameterValues,
  readParameters,
  readTemplate,
} from './read-parameters.ts'
import { checkBatch, LEFT_OUT, type Pair, variableOf } from './rules.ts'

export const BATCH_OPTIONS = {
  store: COMMON.store,
  task: COMMON.task,
  schedule: COMMON.schedule,
  timezone: { ...COMMON.timezone, group: 'Options' },
  anchor: { ...COMMON.anchor, group: 'Options' },
  parameters: {
    kind: 'text',
    value: 'NAME=VALUE…',
    spaces: true,
    help: "Image, Cluster, Subnets and others, such as 'Memory=1024'",
    details: 'The file has all parameters, so a later deployment without one of these sets it back to its default.',
  },
  outputs: {
    kind: 'text',
    value: 'FILE',
    help: 'Outputs of the stack of the ledger, as aws cloudformation describe-stacks prints them',
  },
} as const satisfies OptionTable

export type BatchOptions = Values<typeof BATCH_OPTIONS>

/** The template has this number of variables, and of secrets. */
const MAX_PAIRS = 5
/** An alarm of CloudWatch looks back over at most seven days. */
const MAX_NO_RUN_HOURS = 168
/** The time for the batch and for the delivery of its log, before the alarm calls an operator. */
const EXTRA_HOURS = 2
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const MAX_NAME_LENGTH = 64
/** The hexadecimal digits of the hash: four billion values, and an account has some hundred batches. */
const HASH_LENGTH = 8

/** A file for `--parameter-overrides`. A deployment keeps the previous value of each parameter that is not given. */
export function stackParameters(options: BatchOptions, now: Instant) {
  checkTaskName(options.task)
  const schedule = readSchedule(options)
  const { expression, startDate } = awsExpression(schedule, now)
  const template = readSchema('batch.yaml')
  const known = readTemplate(template)
  const { values: given, pairs } = readParameters(options.parameters ?? '', known)
  const outputs = readOutputs(options.outputs)
  const output = OUTPUTS.find((name) => name in given)
  if (output !== undefined)
    throw usageError(
      `--parameters ${quote(`${output}=${given[output]}`)}: ${output} follows from --outputs. Leave it out.`,
    )
  const flexible = Number(given['FlexibleMinutes'] ?? 0)
  const missing = whenNoneRuns(schedule, now, flexible)
  const computed: ParameterValues = {
    Container: 'batch',
    ...outputs,
    Table: tableOf(options.store),
    Task: options.task,
    Family: familyOf(options.task, outputs['FamilyPrefix'] ?? 'cronledger-'),
    Schedule: schedule.spec.expression,
    Timezone: spelledZone(schedule.spec.zone),
    Anchor: options.anchor ?? '',
    ScheduleExpression: expression,
    StartDate: startDate === null ? '' : formatInstant(startDate),
    SecurityGroups: '',
    NoRunHours: missing.hours,
    // Until the window is over, EventBridge Scheduler may still start the batch.
    ...(flexible > 0 && { Grace: `${USUAL_GRACE_MS / MINUTE_MS + flexible}m` }),
    ...pairParameters(pairs),
  }
  const finalOf = (name: string) => given[name] ?? computed[name] ?? known.get(name)?.otherwise
  const open = [...known.keys()].filter((name) => finalOf(name) === null)
  requireValues(open, known, options)
  const values = Object.fromEntries([...known.keys()].map((name) => [name, finalOf(name) ?? '']))
  const reserved = [...template.matchAll(/Name: (CRONLEDGER_\w+)/g)].map(([, name = '']) => name)
  checkBatch({
    store: options.store,
    task: options.task,
    schedule: options.schedule,
    values,
    variables: pairs.Variables,
    secrets: pairs.Secrets,
    reserved,
    longestGapHours: missing.gapHours,
  })
  const notes = [
    ...scheduleWarnings(schedule, now, ZONE_DATA),
    ...(startDate === null ? [] : [startText(startDate)]),
    ...('NoRunHours' in given ? [] : missing.notes),
  ]
  if (given['EnvironmentFile'])
    notes.push(
      `ECS lets a variable of the stack take precedence over the same one in EnvironmentFile. So the file cannot set ${listed(setIn(reserved, values), 'or')}`,
    )
  return { text: JSON.stringify({ Parameters: values }, null, 2), notes }
}

function startText(startDate: Instant): string {
  return `EventBridge Scheduler counts from ${formatInstant(startDate)}. Deploy the stack before that time, and print the parameters again before each later deployment`
}

/** Returns the variables that the stack sets: all but the options that have no value, which the template leaves out. */
function setIn(reserved: readonly string[], values: ParameterValues): readonly string[] {
  const isLeftOut = (name: string) => LEFT_OUT.some((one) => variableOf(one) === name && values[one] === '')
  return reserved.filter((name) => !isLeftOut(name))
}

function requireValues(open: readonly string[], known: ReadonlyMap<string, Parameter>, options: BatchOptions): void {
  if (open.length === 0) return
  if (open.some((name) => OUTPUTS.includes(name))) {
    if (options.outputs !== undefined)
      throw usageError(
        `the file of --outputs has no ${listed(
          open.filter((name) => OUTPUTS.includes(name)),
          'and',
        )}. Give the outputs of the stack of the ledger.`,
      )
    throw usageError(
      '--outputs is missing. Give the outputs of the stack of the ledger: aws cloudformation describe-stacks --stack-name STACK >outputs.json',
    )
  }
  const what = open.map((name) => `${name} (${known.get(name)?.what.replace(/\.$/, '')})`)
  throw usageError(
    `${listed(what, 'and')} ${open.length === 1 ? 'has' : 'have'} no value. Give --parameters '${open.map((name) => `${name}=…`).join(' ')}'.`,
  )
}

function tableOf(store: string): string {
  const { kind, place } = readLedgerAddress(store)
  if (kind !== 'dynamodb') {
    throw usageError(`--store ${quote(store)} is not on AWS. The stack is for a ledger in DynamoDB: dynamodb:TABLE`)
  }
  return place
}

function readOutputs(text: string | undefined): ParameterValues {
  if (text === undefined) return {}
  try {
    const [{ Outputs }] = JSON.parse(text).Stacks
    return Object.fromEntries(Outputs.map(({ OutputKey, OutputValue }: ParameterValues) => [OutputKey, OutputValue]))
  } catch {
    throw usageError(
      'the file of --outputs is not valid. Make it with: aws cloudformation describe-stacks --stack-name STACK >outputs.json',
    )
  }
}

function pairParameters({ Variables, Secrets }: Given['pairs']): ParameterValues {
  const list = (pairs: readonly Pair[], index: 0 | 1) => pairs.map((pair) => pair[index]).join(',')
  for (const [kind, { length }] of Object.entries({ Variables, Secrets })) {
    if (length <= MAX_PAIRS) continue
    const other = kind === 'Secrets' ? 'Let the batch read the others itself.' : 'Put the others into EnvironmentFile.'
    throw usageError(`${kind} has ${length} items. At most ${MAX_PAIRS} are possible. ${other}`)
  }
  // After the name of a secret, an ARN may have a key of its JSON, a stage and a version, which a policy does not have.
  const resources = Secrets.map(([, arn]) => arn.split(':').slice(0, 7).join(':'))
  return {
    VariableNames: list(Variables, 0),
    VariableValues: list(Variables, 1),
    SecretNames: list(Secrets, 0),
    SecretArns: list(Secrets, 1),
    SecretResources: [...new Set(resources)].join(','),
  }
}

/** A name that AWS does not allow is changed and gets a hash, otherwise two tasks could get the same name. */
function familyOf(task: string, prefix: string): string {
  const whole = prefix + task
  const name = whole.replace(/[^A-Za-z0-9_-]/g, '-')
  if (name === whole && name.length <= MAX_NAME_LENGTH) return name
  const hash = createHash('sha256').update(task).digest('hex').slice(0, HASH_LENGTH)
  return `${name.slice(0, MAX_NAME_LENGTH - HASH_LENGTH - 1)}-${hash}`
}

/** Returns the hours of the alarm that tells an operator that no run came. CloudWatch cannot look back far enough for all schedules. */
function whenNoneRuns(schedule: Schedule, now: Instant, flexibleMinutes: number) {
  const gapMs = longestGapMs(schedule, now)
  const gapHours = gapMs === null ? null : Math.ceil(gapMs / HOUR_MS + flexibleMinutes / 60)
  const hours = gapHours === null ? null : gapHours + EXTRA_HOURS
  if (hours !== null && hours <= MAX_NO_RUN_HOURS) return { gapHours, hours: String(hours), notes: [] }
  const why =
    hours === null
      ? 'the schedule ends'
      : `it would have to wait for ${hours} hours (the longest time between two slots, and ${EXTRA_HOURS} more), and CloudWatch looks back at most 7 days (${MAX_NO_RUN_HOURS} hours)`
  return {
    gapHours,
    hours: '0',
    notes: [
      `the stack has no alarm for a missing run, because ${why}. Let the daily check find it: CheckImage in the stack of the ledger`,
    ],
  }
}
