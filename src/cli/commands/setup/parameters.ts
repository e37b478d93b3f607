import { quote, usageError } from '../../../core/errors.ts'
import { formatInstant } from '../../../core/instant.ts'
import { suggestion } from '../../../core/near.ts'
import { optionName } from '../../../core/option.ts'
import { awsExpression } from '../../../core/schedule/aws-expression.ts'
import { longestGapMs } from '../../../core/schedule/gaps.ts'
import { readSchedule } from '../../../core/schedule/schedule-options.ts'
import { type Schedule, slotAfter, slotBefore } from '../../../core/schedule/slot.ts'
import { openZone } from '../../../core/schedule/zone.ts'
import type { Instant } from '../../../core/types.ts'
import { readSchema } from '../../../store/schema.ts'
import { variableOf } from '../../options/options.ts'
import type { Printed, TemplateValues } from './template.ts'

/** The options that only the parameters of the stack need. */
export interface StackOptions {
  readonly image: string | undefined
  readonly cluster: string | undefined
  readonly subnets: string | undefined
  readonly securityGroups: string | undefined
  readonly existingTable: boolean | undefined
  readonly parameters: string | undefined
}

/** An alarm of CloudWatch looks back over at most seven days. */
const MAX_NO_RUN_HOURS = 168
/** The time for the batch and for the delivery of its log, before the alarm or the check calls an operator. */
const EXTRA_HOURS = 2
const HOUR_MS = 3_600_000
const LONGEST_DAY_MS = 25 * HOUR_MS

/** The parameters that have an option of their own, or follow from one. */
const OPTION_OF: Readonly<Record<string, string>> = {
  TableName: 'store',
  CreateTable: 'existingTable',
  Task: 'task',
  Family: 'task',
  Schedule: 'schedule',
  ScheduleExpression: 'schedule',
  StartDate: 'schedule',
  Timezone: 'timezone',
  Anchor: 'anchor',
  Container: 'container',
  Image: 'image',
  Cluster: 'cluster',
  Subnets: 'subnets',
  SecurityGroups: 'securityGroups',
}

/**
 * Returns all parameters of the stack as a file for `--parameter-overrides`. They include those with a default, because a
 * deployment keeps the previous value of a parameter that is not given. Throws a usage error if an option is missing or
 * not valid, or if AWS cannot express the schedule.
 */
export function stackParameters(
  options: StackOptions,
  schedule: Schedule,
  table: string,
  values: TemplateValues,
  now: Instant,
): Printed {
  if (table.includes(':')) {
    throw usageError(
      `--store ${quote(`dynamodb:${table}`)} is an ARN, but a stack uses the table of its own account and Region. Use the name of the table: dynamodb:${table.replace(/^.*\//, '')}`,
    )
  }
  const { expression, startDate } = awsExpression(schedule, now)
  const missing = whenNoneRuns(schedule, now)
  const own: TemplateValues = {
    TableName: table,
    CreateTable: options.existingTable ? 'false' : 'true',
    ...Object.fromEntries(
      ['Task', 'Family', 'Schedule', 'Timezone', 'Anchor', 'Container'].map((name) => [name, values[name] ?? '']),
    ),
    ScheduleExpression: expression,
    StartDate: startDate === null ? '' : formatInstant(startDate),
    Image: required('image', 'IMAGE', options.image),
    Cluster: clusterName(required('cluster', 'NAME', options.cluster)),
    Subnets: idList('subnets', 'subnet', required('subnets', 'IDS', options.subnets)),
    SecurityGroups: options.securityGroups === undefined ? '' : idList('securityGroups', 'sg', options.securityGroups),
    ...missing.values,
  }
  const defaults = readDefaults(readSchema('cloudformation.yaml'))
  const more = readMore(options.parameters ?? '', Object.keys(defaults))
  const all = Object.fromEntries(
    Object.entries(defaults).map(([name, otherwise]) => {
      const value = more[name] ?? own[name] ?? otherwise
      if (value === null) throw new Error(`the parameter ${name} of the template has no value`)
      return [name, value]
    }),
  )
  const isOwnChoice = Object.keys(missing.values).some((name) => name in more)
  const notes = [...startNotes(startDate), ...(isOwnChoice ? [] : missing.notes)]
  return { text: JSON.stringify({ Parameters: all }, null, 2), notes }
}

/** Returns what tells an operator that no run came: an alarm, or a daily check if the alarm cannot look back far enough. */
function whenNoneRuns(schedule: Schedule, now: Instant) {
  const gapMs = longestGapMs(schedule, now)
  const hours = gapMs === null ? null : Math.ceil(gapMs / HOUR_MS) + EXTRA_HOURS
  if (hours !== null && hours <= MAX_NO_RUN_HOURS) {
    return { values: { NoRunHours: String(hours), CheckExpression: '' }, notes: [] }
  }
  const why =
    hours === null
      ? 'the schedule ends'
      : `it would have to wait for ${hours} hours (the longest time between two slots, and ${EXTRA_HOURS} more), and CloudWatch looks back at most 7 days (${MAX_NO_RUN_HOURS} hours)`
  return {
    values: { NoRunHours: '0', CheckExpression: dailyCheck(schedule, now) },
    notes: [`the stack has no alarm for a missing run, because ${why}. Instead, it runs cronledger check once a day`],
  }
}

/**
 * Returns the expression of a check each day, some time after the slots of the schedule in its own time zone. The check
 * is an hour later where the clocks skip its time on one day of the year, because it would not run on that day.
 */
function dailyCheck(schedule: Schedule, now: Instant): string {
  const { zone } = schedule.spec
  const slot = slotAfter(schedule, now) ?? slotBefore(schedule, now) ?? now
  const { offset } = openZone(zone).pieceAt(slot / 1000)
  const timeAfter = (hours: number) => {
    const local = new Date(slot + offset * 1000 + hours * HOUR_MS)
    return `${local.getUTCMinutes()} ${local.getUTCHours()}`
  }
  const first = timeAfter(EXTRA_HOURS)
  const gapMs = longestGapMs(readSchedule({ schedule: `${first} * * *`, timezone: zone }), now)
  const isSkipped = gapMs !== null && gapMs > LONGEST_DAY_MS
  return `cron(${isSkipped ? timeAfter(EXTRA_HOURS + 1) : first} * * ? *)`
}

function startNotes(startDate: Instant | null): readonly string[] {
  if (startDate === null) return []
  return [
    `EventBridge Scheduler counts from ${formatInstant(startDate)}. Deploy the stack before that time, and print the parameters again before each later deployment`,
  ]
}

function required(name: string, value: string, given: string | undefined): string {
  if (given !== undefined) return given
  const flag = optionName(name)
  throw usageError(`--print parameters requires --${flag}. Give --${flag} ${value}, or set ${variableOf(flag)}.`)
}

function clusterName(given: string): string {
  if (/^[A-Za-z0-9_-]{1,255}$/.test(given)) return given
  throw usageError(`--cluster ${quote(given)} is not the name of an ECS cluster. Use the name, not the ARN.`)
}

function idList(name: string, kind: string, given: string): string {
  const ids = given.split(',').map((id) => id.trim())
  if (ids.every((id) => new RegExp(`^${kind}-[0-9a-z]+$`).test(id))) return ids.join(',')
  throw usageError(
    `--${optionName(name)} ${quote(given)} is not a list of ids. Use ids such as ${kind}-0a1b2c3d, separated by commas.`,
  )
}

/** Returns the names of the parameters of a template with their defaults, or with null where there is none. */
function readDefaults(template: string): Readonly<Record<string, string | null>> {
  const [, section = ''] = /^Parameters:\n((?: .*\n|\n)+)/m.exec(template) ?? []
  const blocks = section.matchAll(/^ {2}(\w+):\n((?: {4}.*\n)+)/gm)
  return Object.fromEntries(
    [...blocks].map(([, name, block = '']) => {
      const [, value] = /^ {4}Default: "?(.*?)"?$/m.exec(block) ?? []
      return [name, value ?? null]
    }),
  )
}

/**
 * Reads `Memory=1024 AlarmEmail=ops@example.org`. A value may contain spaces. Throws a usage error for a parameter that
 * does not exist, or that has an option of its own.
 */
function readMore(text: string, names: readonly string[]): TemplateValues {
  const words = text.trim() === '' ? [] : text.trim().split(/\s+(?=\w+=)/)
  return Object.fromEntries(
    words.map((word) => {
      const [, name = '', value] = /^(\w+)=(.*)$/s.exec(word) ?? []
      if (value === undefined)
        throw usageError(`--parameters ${quote(text)} is not valid. Use NAME=VALUE NAME=VALUE ….`)
      const option = OPTION_OF[name]
      if (option !== undefined) {
        const flag = optionName(option)
        throw usageError(`--parameters ${quote(word)} cannot be used, because --${flag} gives ${name}. Use --${flag}.`)
      }
      if (names.includes(name)) return [name, value]
      const free = names.filter((known) => OPTION_OF[known] === undefined)
      throw usageError(
        `--parameters ${quote(word)}: the template has no parameter ${name}.${suggestion(name, free)} Use ${free.join(', ')}.`,
      )
    }),
  )
}
