import { createHash } from 'node:crypto'
import { quote, usageError } from '../../../core/errors.ts'
import { formatInstant } from '../../../core/instant.ts'
import { suggestion } from '../../../core/near.ts'
import { defined, isKeyOf } from '../../../core/objects.ts'
import type { OptionTable } from '../../../core/option.ts'
import { awsExpression } from '../../../core/schedule/aws-expression.ts'
import { readSchedule } from '../../../core/schedule/schedule-options.ts'
import { longestGapMs, type Schedule } from '../../../core/schedule/slot.ts'
import { scheduleWarnings } from '../../../core/schedule/warnings.ts'
import { spelledZone } from '../../../core/schedule/zone.ts'
import type { Instant } from '../../../core/types.ts'
import { checkTaskName } from '../../../core/user-text.ts'
import { listed } from '../../../format/text.ts'
import { ZONE_DATA } from '../../../process/clock.ts'
import { readSettings } from '../../../run/settings.ts'
import { readLedgerAddress } from '../../../store/open.ts'
import { readSchema } from '../../../store/schema.ts'
import { readOptions, type Values } from '../../options/arguments.ts'
import { COMMON } from '../../options/options.ts'
import { RUN_OPTIONS } from '../../options/run-options.ts'

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
  computed: { kind: 'switch', help: 'Only what follows from the schedule, for the CDK and Terraform' },
} as const satisfies OptionTable

/** `outputs` is the content of the file. */
export type BatchOptions = Values<typeof BATCH_OPTIONS>

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

/** The template cannot split NAME=VALUE. It has this number of variables, and of secrets. */
const MAX_PAIRS = 5
const PAIRS = {
  Variables: { parameters: ['VariableNames', 'VariableValues'], form: 'NAME=VALUE', value: '[^,]*' },
  Secrets: {
    parameters: ['SecretNames', 'SecretArns', 'SecretResources'],
    form: 'VARIABLE=ARN',
    value: 'arn:[^:,=]+:(?:secretsmanager|ssm):[^,=]+',
  },
} as const
const PAIR_PARAMETERS: readonly string[] = Object.values(PAIRS).flatMap(({ parameters }) => parameters)

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
    ...pairParameters(given),
  }
  const names = options.computed === true ? [...Object.keys(OPTION_OF), 'NoRunHours'] : [...known.keys()]
  const finalOf = (name: string) => given[name] ?? computed[name] ?? known.get(name)?.otherwise
  const open = names.filter((name) => finalOf(name) === null)
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
  const values: ParameterValues = Object.fromEntries(names.map((name) => [name, finalOf(name) ?? '']))
  if (options.computed !== true) {
    checkTogether(values, options.task, readSchema('batch.yaml'))
    checkRunOptions(values, options)
  }
  const notes = [...scheduleWarnings(schedule, now, ZONE_DATA)]
  if (startDate !== null) {
    notes.push(
      `EventBridge Scheduler counts from ${formatInstant(startDate)}. Deploy the stack before that time, and print the parameters again before each later deployment`,
    )
  }
  if (!('NoRunHours' in given)) notes.push(...missing.notes)
  return { text: JSON.stringify({ Parameters: values }, null, 2), notes }
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

function pairParameters(given: ParameterValues): ParameterValues {
  const [variables, secrets] = [pairsOf('Variables', given), pairsOf('Secrets', given)]
  // After the name of a secret, an ARN may have a key of its JSON, a stage and a version, which a policy does not have.
  const resources = secrets.values.map((arn) => arn.split(':').slice(0, 7).join(':'))
  return {
    VariableNames: variables.names.join(','),
    VariableValues: variables.values.join(','),
    SecretNames: secrets.names.join(','),
    SecretArns: secrets.values.join(','),
    SecretResources: [...new Set(resources)].join(','),
  }
}

function pairsOf(kind: keyof typeof PAIRS, given: ParameterValues) {
  const pairs = (given[kind] ?? '').split(/ *, */).filter(Boolean)
  if (pairs.length > MAX_PAIRS) {
    const other = kind === 'Secrets' ? 'Let the batch read the others itself.' : 'Put the others into EnvironmentFile.'
    throw usageError(`${kind} has ${pairs.length} items. At most ${MAX_PAIRS} are possible. ${other}`)
  }
  return {
    names: pairs.map((pair) => pair.replace(/=.*/s, '')),
    values: pairs.map((pair) => pair.replace(/^.*?=/s, '')),
  }
}

/** The parameters that are options of `run`. With a wrong value, each run would end with 64. */
const RUN_PARAMETERS = 'CatchUp SinceLastSuccess Timeout DoneBy Owner MaxAttempts RetryDelay Expect'.split(' ')

function checkRunOptions(given: ParameterValues, { store, task, schedule }: BatchOptions): void {
  const variable = (name: string) => `CRONLEDGER_${name.replace(/(?!^)[A-Z]/g, '_$&').toUpperCase()}`
  const values = given['VariableValues']?.split(',') ?? []
  const env = Object.fromEntries([
    ...RUN_PARAMETERS.map((name) => [variable(name), given[name]]),
    ...(given['VariableNames']?.split(',') ?? []).map((name, index) => [name, values[index]]),
  ])
  const argv = ['--store', store, '--task', task, '--schedule', schedule]
  const help = { name: 'run', summary: '', examples: [], options: RUN_OPTIONS, takesTask: true } as const
  readSettings(defined(readOptions(help, argv, env)))
}

/** The memory that Fargate has for each number of CPU units, in MiB: the least, the most, and the step. */
const MEMORY: Readonly<Record<string, readonly [least: number, most: number, step: number]>> = {
  256: [512, 2_048, 512],
  512: [1_024, 4_096, 1_024],
  1024: [2_048, 8_192, 1_024],
  2048: [4_096, 16_384, 1_024],
  4096: [8_192, 30_720, 1_024],
  8192: [16_384, 61_440, 4_096],
  16384: [32_768, 122_880, 8_192],
}

/** Refuses what AWS would refuse in the middle of a deployment, or what a batch could never do. */
function checkTogether(values: ParameterValues, task: string, template: string): void {
  const { Cpu = '', Memory = '', After = '', CapacityProvider, AssignPublicIp, StateMachine } = values
  const [least, most, step] = MEMORY[Cpu] ?? [0, Number.POSITIVE_INFINITY, 1]
  const memory = Number(Memory)
  const isOdd = Cpu === '256' && memory === 1_536
  if (!(memory >= least && memory <= most && memory % step === 0) || isOdd) {
    const sizes = Cpu === '256' ? '512, 1024 or 2048' : `${least} to ${most} in steps of ${step}`
    throw usageError(`Memory is ${quote(Memory)}, and Fargate does not have it with Cpu=${Cpu}. Use ${sizes}.`)
  }
  if (CapacityProvider && AssignPublicIp === 'ENABLED' && !StateMachine) {
    throw usageError(
      'EventBridge Scheduler allows AssignPublicIp=ENABLED only for the launch type FARGATE, so not with CapacityProvider. Leave one of them out, or set StartAgain=true in the stack of the ledger.',
    )
  }
  if (After.split(',').includes(task)) {
    throw usageError(`After has ${quote(task)}, the task itself. Use After=self for the slot before.`)
  }
  if (values['Command']?.startsWith(',') || values['Command'] === '') {
    throw usageError('Command has no first word. Give the words of the command, separated by commas.')
  }
  for (const [name, most] of Object.entries({ Subnets: 16, SecurityGroups: 5 })) {
    const count = values[name]?.split(',').length ?? 0
    if (count > most) throw usageError(`${name} has ${count} items. A task can have at most ${most}.`)
  }
  if (values['TaskRole'] && values['TaskPolicies']) {
    throw usageError('TaskPolicies are for the role that the stack makes. Attach them to TaskRole yourself.')
  }
  const set = [...template.matchAll(/Name: (CRONLEDGER_\w+)/g)].map(([, name = '']) => name)
  const names = [values['VariableNames'], values['SecretNames']].flatMap((list) => list?.split(',') ?? [])
  for (const [index, name] of names.entries()) {
    if (name === '') continue
    if (set.includes(name)) throw usageError(`The stack itself sets the variable ${quote(name)}. Leave it out.`)
    if (names.indexOf(name) < index) throw usageError(`The variable ${quote(name)} is given twice. Leave one out.`)
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

function readTemplate(template: string): Map<string, Parameter> {
  const [, section = ''] = /^Parameters:\n((?: .*\n|\n)+)/m.exec(template) ?? []
  const blocks = section.matchAll(/^ {2}(\w+):\n((?: {4}.*\n)+)/gm)
  return new Map([...blocks].map(([, name = '', block = '']) => [name, readParameter(block)]))
}

type Parameter = ReturnType<typeof readParameter>

function readParameter(block: string) {
  const member = (key: string) => {
    const [, quoted, plain] = new RegExp(`^ {4}${key}: (?:"(.*)"|(.*))$`, 'm').exec(block) ?? []
    return quoted ?? plain
  }
  const [, list] = /^ {4}AllowedValues:\s+\[(.*?)\]/ms.exec(block) ?? []
  const choices = list?.split(/,\s*/).map((choice) => choice.replaceAll('"', '')) ?? []
  const otherPattern = member('Type') === 'Number' ? '\\d+' : '.*'
  const pattern = member('AllowedPattern')?.replaceAll('\\\\', '\\') ?? (choices.join('|') || otherPattern)
  return {
    what: member('Description') ?? '',
    /** Null: the template has no default. */
    otherwise: member('Default') ?? null,
    choices,
    /** In a list, each item must match it. */
    allowed: new RegExp(`^(?:${pattern})$`, 's'),
    least: Number(member('MinValue') ?? Number.NEGATIVE_INFINITY),
    most: Number(member('MaxValue') ?? Number.POSITIVE_INFINITY),
  }
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
      if (isKeyOf(name, PAIRS)) {
        const { form, value: item } = PAIRS[name]
        if (new RegExp(`^(?:[A-Za-z_]\\w*=${item}(?: *, *|$))*$`, 's').test(value)) return [name, value]
        throw wrong(` is not allowed. Use ${name}=${form},${form}.`)
      }
      const parameter = PAIR_PARAMETERS.includes(name) ? undefined : known.get(name)
      if (parameter === undefined) {
        const isOpen = (one: string) => !isKeyOf(one, OPTION_OF) && !PAIR_PARAMETERS.includes(one)
        const names = [...known.keys(), ...Object.keys(PAIRS)].filter(isOpen)
        throw wrong(`: the template has no parameter ${name}.${suggestion(name, names)} Use ${names.join(', ')}.`)
      }
      const { what, allowed, choices, least, most } = parameter
      const use = choices.length > 0 ? ` Use ${listed(choices.filter(Boolean), 'or')}.` : ''
      const items = what.includes('separated by commas') ? value.split(/ *, */) : [value]
      if (!items.every((one) => allowed.test(one))) throw wrong(` is not allowed. ${what}${use}`)
      if (Number(value) < least || Number(value) > most)
        throw wrong(` is not allowed. ${what} At least ${least}, at most ${most}.`)
      return [name, value]
    }),
  )
}
