import { createHash } from 'node:crypto'
import { quote, usageError } from '../../../core/errors.ts'
import { formatInstant } from '../../../core/instant.ts'
import { suggestion } from '../../../core/near.ts'
import { isKeyOf } from '../../../core/objects.ts'
import { awsExpression } from '../../../core/schedule/aws-expression.ts'
import { longestGapMs } from '../../../core/schedule/gaps.ts'
import { readSchedule } from '../../../core/schedule/schedule-options.ts'
import type { Schedule } from '../../../core/schedule/slot.ts'
import { scheduleWarnings } from '../../../core/schedule/warnings.ts'
import { spelledZone } from '../../../core/schedule/zone.ts'
import type { Instant } from '../../../core/types.ts'
import { checkTaskName } from '../../../core/user-text.ts'
import { listed } from '../../../format/text.ts'
import { ZONE_DATA } from '../../../process/clock.ts'
import { readLedgerAddress } from '../../../store/open.ts'
import { readSchema } from '../../../store/schema.ts'

export interface BatchOptions {
  readonly store: string
  readonly task: string
  readonly schedule: string
  readonly timezone: string | undefined
  readonly anchor: string | undefined
  readonly parameters: string | undefined
  /** What `aws cloudformation describe-stacks` printed for the stack of the ledger. */
  readonly outputs: string | undefined
  /** Only the parameters that follow from the schedule and the task. */
  readonly computed?: boolean | undefined
}

type ParameterValues = Readonly<Record<string, string>>

/** The parameters that follow from an option, and the option. */
const OPTION_OF: ParameterValues = {
  Table: 'store',
  Task: 'task',
  Family: 'task',
  Schedule: 'schedule',
  ScheduleExpression: 'schedule',
  StartDate: 'schedule',
  Timezone: 'timezone',
  Anchor: 'anchor',
}

/** The parameters that are outputs of the stack of the ledger, and have no default. */
const OUTPUTS = ['ScheduleGroup', 'SchedulerRole', 'DeadLetters', 'AlarmTopic']

/** The template cannot split VARIABLE=ARN, and each of its lists has this number of items. */
const SECRETS = { max: 5, parameters: ['SecretNames', 'SecretArns', 'SecretResources'] }

/** An alarm of CloudWatch looks back over at most seven days. */
const MAX_NO_RUN_HOURS = 168
/** The time for the batch and for the delivery of its log, before the alarm calls an operator. */
const EXTRA_HOURS = 2
const HOUR_MS = 3_600_000
const MAX_NAME_LENGTH = 64
/** The hexadecimal digits of the hash: four billion values, and an account has some hundred batches. */
const HASH_LENGTH = 8

/** A file for `--parameter-overrides`. A deployment keeps the previous value of each parameter that is not given. */
export function stackParameters(options: BatchOptions, now: Instant) {
  checkTaskName(options.task)
  const schedule = readSchedule(options)
  const { expression, startDate } = awsExpression(schedule, now)
  const missing = whenNoneRuns(schedule, now)
  const known = readTemplate(readSchema('batch.yaml'))
  // Without the outputs of a stack, the family needs it.
  const prefix = readTemplate(readSchema('ledger.yaml')).get('FamilyPrefix')
  if (options.computed === true && prefix !== undefined) known.set('FamilyPrefix', prefix)
  const given = readParameters(options.parameters ?? '', known)
  const outputs = readOutputs(options.outputs)
  const computed: ParameterValues = {
    Container: 'batch',
    ...outputs,
    Table: tableOf(options.store),
    Task: options.task,
    Family: familyOf(options.task, given['FamilyPrefix'] ?? outputs['FamilyPrefix'] ?? 'cronledger-'),
    Schedule: schedule.spec.expression,
    Timezone: spelledZone(schedule.spec.zone),
    Anchor: options.anchor ?? '',
    ScheduleExpression: expression,
    StartDate: startDate === null ? '' : formatInstant(startDate),
    SecurityGroups: '',
    NoRunHours: missing.hours,
    ...secretParameters(given['Secrets'] ?? ''),
  }
  const names = options.computed === true ? [...Object.keys(OPTION_OF), 'NoRunHours'] : [...known.keys()]
  const values = names.map((name) => [name, given[name] ?? computed[name] ?? known.get(name)?.otherwise])
  const open = values.flatMap(([name, value]) => (value === null ? [name ?? ''] : []))
  if (open.length > 0) {
    if (open.some((name) => OUTPUTS.includes(name)) && options.outputs === undefined) {
      throw usageError(
        '--outputs is missing. Give the outputs of the stack of the ledger: aws cloudformation describe-stacks --stack-name STACK >outputs.json',
      )
    }
    const what = open.map((name) => `${name} (${known.get(name)?.what.replace(/\.$/, '')})`)
    throw usageError(
      `${listed(what, 'and')} ${open.length === 1 ? 'has' : 'have'} no value. Give --parameters '${open.map((name) => `${name}=…`).join(' ')}'.`,
    )
  }
  return {
    text: JSON.stringify({ Parameters: Object.fromEntries(values) }, null, 2),
    notes: [
      ...scheduleWarnings(schedule, now, ZONE_DATA),
      ...(startDate === null
        ? []
        : [
            `EventBridge Scheduler counts from ${formatInstant(startDate)}. Deploy the stack before that time, and print the parameters again before each later deployment`,
          ]),
      ...('NoRunHours' in given ? [] : missing.notes),
    ],
  }
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

function secretParameters(text: string): ParameterValues {
  const secrets = text.split(/ *, */).filter(Boolean)
  if (secrets.length > SECRETS.max) {
    throw usageError(
      `Secrets has ${secrets.length} secrets. At most ${SECRETS.max} are possible. Let the batch read the others itself.`,
    )
  }
  const names = secrets.map((secret) => secret.replace(/=.*/, ''))
  const arns = secrets.map((secret) => secret.replace(/^.*?=/, ''))
  const fiveOf = (items: readonly string[]) =>
    Array.from({ length: SECRETS.max }, (_, index) => items[index] ?? '').join(',')
  // After the name of a secret, an ARN may have a key of its JSON, a stage and a version, which a policy does not have.
  const resources = arns.map((arn) => arn.split(':').slice(0, 7).join(':'))
  return { SecretNames: fiveOf(names), SecretArns: fiveOf(arns), SecretResources: [...new Set(resources)].join(',') }
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
function whenNoneRuns(schedule: Schedule, now: Instant) {
  const gapMs = longestGapMs(schedule, now)
  const hours = gapMs === null ? null : Math.ceil(gapMs / HOUR_MS) + EXTRA_HOURS
  if (hours !== null && hours <= MAX_NO_RUN_HOURS) return { hours: String(hours), notes: [] }
  const why =
    hours === null
      ? 'the schedule ends'
      : `it would have to wait for ${hours} hours (the longest time between two slots, and ${EXTRA_HOURS} more), and CloudWatch looks back at most 7 days (${MAX_NO_RUN_HOURS} hours)`
  return {
    hours: '0',
    notes: [
      `the stack has no alarm for a missing run, because ${why}. Let the daily check find it: CheckImage in the stack of the ledger`,
    ],
  }
}

interface Parameter {
  readonly what: string
  /** The default of the template, or null if it has none. */
  readonly otherwise: string | null
  /** In a list, each item must match it. */
  readonly allowed: RegExp
}

function readTemplate(template: string): Map<string, Parameter> {
  const [, section = ''] = /^Parameters:\n((?: .*\n|\n)+)/m.exec(template) ?? []
  const blocks = section.matchAll(/^ {2}(\w+):\n((?: {4}.*\n)+)/gm)
  return new Map(
    [...blocks].map(([, name = '', block = '']) => {
      const member = (key: string) =>
        new RegExp(`^ {4}${key}: (?:"(.*)"|(.*))$`, 'm')
          .exec(block)
          ?.slice(1)
          .find((text) => text !== undefined)
      const choices = member('AllowedValues')?.match(/\w+/g)
      const pattern = choices?.join('|') ?? member('AllowedPattern')?.replaceAll('\\\\', '\\') ?? '.*'
      const what = member('Description') ?? ''
      return [name, { what, otherwise: member('Default') ?? null, allowed: new RegExp(`^(?:${pattern})$`, 's') }]
    }),
  )
}

/** Reads `Memory=1024 AlarmEmail=ops@example.org`. A value may contain spaces. */
function readParameters(text: string, known: ReadonlyMap<string, Parameter>): ParameterValues {
  const words = text.trim() === '' ? [] : text.trim().split(/\s+(?=\w+=)/)
  return Object.fromEntries(
    words.map((word) => {
      const wrong = (why: string) => usageError(`--parameters ${quote(word)}${why}`)
      const [, name = '', value] = /^(\w+)=(.*)$/s.exec(word) ?? []
      if (value === undefined) throw wrong(' is not valid. Use NAME=VALUE NAME=VALUE ….')
      if (isKeyOf(name, OPTION_OF)) throw wrong(`: ${name} follows from --${OPTION_OF[name]}. Use that option.`)
      const parameter = SECRETS.parameters.includes(name) ? undefined : known.get(name)
      if (name === 'Secrets' && /^(?:[A-Za-z_]\w*=arn:[^,=]+(?: *, *|$))*$/.test(value)) return [name, value]
      if (name === 'Secrets') throw wrong(' is not allowed. Use Secrets=VARIABLE=ARN,VARIABLE=ARN.')
      if (parameter === undefined) {
        const isOpen = (one: string) => !isKeyOf(one, OPTION_OF) && !SECRETS.parameters.includes(one)
        const names = [...known.keys(), 'Secrets'].filter(isOpen)
        throw wrong(`: the template has no parameter ${name}.${suggestion(name, names)} Use ${names.join(', ')}.`)
      }
      const items = parameter.what.includes('separated by commas') ? value.split(/ *, */) : [value]
      if (!items.every((item) => parameter.allowed.test(item))) throw wrong(` is not allowed. ${parameter.what}`)
      return [name, value]
    }),
  )
}
