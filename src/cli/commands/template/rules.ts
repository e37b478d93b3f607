import { quote, usageError } from '../../../core/errors.ts'
import { EXIT } from '../../../core/exit.ts'
import { defined } from '../../../core/objects.ts'
import { readSettings } from '../../../run/settings.ts'
import { readOptions } from '../../options/arguments.ts'
import { RUN_OPTIONS } from '../../options/run-options.ts'

export type Pair = readonly [name: string, value: string]

/** What is known of a batch, by the names of the parameters of batch.yaml. */
export interface BatchSettings {
  readonly store: string
  readonly task: string
  readonly schedule: string
  readonly values: Readonly<Record<string, string>>
  readonly variables: readonly Pair[]
  readonly secrets: readonly Pair[]
  /** The variables that the template sets, and that cannot be given. */
  readonly reserved: readonly string[]
  /** The longest time between two slots. Null if the schedule ends. */
  readonly longestGapHours: number | null
}

/** Parameters that are options of `run`, and that the template leaves out if they are empty. */
export const LEFT_OUT = ['CatchUp', 'SinceLastSuccess', 'Timeout', 'MaxAttempts', 'RetryDelay', 'Overlap']
/** With those that stay, because `declare` takes an empty expectation as one to remove from the record. */
const RUN_PARAMETERS = [...LEFT_OUT, 'Grace', 'DoneBy', 'Owner', 'Expect']
export const variableOf = (parameter: string) => `CRONLEDGER_${parameter.replace(/(?!^)[A-Z]/g, '_$&').toUpperCase()}`

/** Variables of one trigger, or of the batch that cronledger starts. */
const OF_TRIGGER =
  /^CRONLEDGER_(?:EVENT_TIME|FORCE_SLOT|STATUS|REASON|BY|FRESH|IGNORE_AFTER|PART_OF_REPAIR|PLAN|DELIVERY_ATTEMPT|RUN_\w+)$/
const SET_BY_ECS = '^(?:PATH|HOSTNAME|AWS_REGION|AWS_DEFAULT_REGION|AWS_EXECUTION_ENV|AWS_CONTAINER_.+|ECS_.+)$'

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

/** The limits of AWS: of a task, of a role without a raised quota, and of a parameter in bytes. */
const MOST_ITEMS = { Subnets: 16, SecurityGroups: 5, TaskPolicies: 10 } as const
const MOST_BYTES = 4_096

const itemsOf = (list: string | undefined) => (list ?? '').split(/ *, */).filter(Boolean)
const partOf = (arn: string | undefined, index: number) => arn?.split(':')[index]
const isTwice = (item: string, index: number, all: readonly string[]) => all.indexOf(item) < index

type Rule = (settings: BatchSettings) => string | undefined

/** The rules for the settings of a batch that one value alone does not show. Each returns what is wrong, or nothing. */
export const RULES = {
  memory({ values: { Cpu, Memory } }) {
    if (Cpu === undefined || Memory === undefined) return
    const [least, most, step] = MEMORY[Cpu] ?? [0, Number.POSITIVE_INFINITY, 1]
    const memory = Number(Memory)
    const isOdd = Cpu === '256' && memory === 1_536
    if (memory >= least && memory <= most && memory % step === 0 && !isOdd) return
    const sizes = Cpu === '256' ? '512, 1024 or 2048' : `${least} to ${most} in steps of ${step}`
    return `Memory is ${quote(Memory)}, and Fargate does not have it with Cpu=${Cpu}. Use ${sizes}.`
  },
  publicIp({ values: { CapacityProvider, AssignPublicIp, StateMachine } }) {
    if (!CapacityProvider || AssignPublicIp !== 'ENABLED' || StateMachine) return
    return 'EventBridge Scheduler allows AssignPublicIp=ENABLED only for the launch type FARGATE, so not with CapacityProvider. Leave one of them out, or set StartAgain=true in the stack of the ledger.'
  },
  taskSelf({ task }) {
    return task === 'self' ? 'A task cannot have the name self, which After uses for the slot before.' : undefined
  },
  after({ task, values: { After } }) {
    if (!itemsOf(After).includes(task)) return
    return `After has ${quote(task)}, the task itself. Use After=self for the slot before.`
  },
  command({ values: { Command } }) {
    if (Command === undefined || /^[^,]/.test(Command)) return
    return 'Command has no first word. Give the words of the command, separated by commas.'
  },
  items({ values }): string | undefined {
    for (const [name, most] of Object.entries(MOST_ITEMS)) {
      const items = itemsOf(values[name])
      if (items.length > most) return `${name} has ${items.length} items. AWS allows at most ${most}.`
      const twice = items.find(isTwice)
      if (twice !== undefined) return `${name} has ${quote(twice)} twice. Leave one out.`
    }
    return undefined
  },
  taskPolicies({ values: { TaskRole, TaskPolicies } }) {
    if (!TaskRole || !TaskPolicies) return
    return 'TaskPolicies are for the role that is made. Attach them to TaskRole yourself.'
  },
  account({ values }) {
    const account = partOf(values['SchedulerRole'], 4)
    const isFar = (name: string) => values[name] && account && partOf(values[name], 4) !== account
    const far = ['TaskRole', 'ExecutionRole'].find(isFar)
    if (far === undefined) return
    return `${far} is a role of another account. ECS takes roles of the account of the task only.`
  },
  region({ values: { LogKey, DeadLetters } }) {
    if (!LogKey || !DeadLetters || partOf(LogKey, 3) === partOf(DeadLetters, 3)) return
    return 'LogKey is a key of another Region. CloudWatch Logs needs a key of the Region of the log group.'
  },
  secret({ secrets }) {
    const isShort = ([, arn]: Pair) => partOf(arn, 2) === 'secretsmanager' && ![7, 10].includes(arn.split(':').length)
    const [name] = secrets.find(isShort) ?? []
    if (name === undefined) return
    return `The ARN of the secret ${quote(name)} is not complete. After the name of the secret, use nothing or :KEY::, with both colons.`
  },
  variables({ variables, secrets, reserved }): string | undefined {
    const names = [...variables, ...secrets].map(([name]) => name)
    for (const [index, name] of names.entries()) {
      if (OF_TRIGGER.test(name))
        return `The variable ${quote(name)} is for one trigger only, and each run would end with ${EXIT.usage}. Leave it out.`
      if (new RegExp(SET_BY_ECS).test(name)) return `ECS or the image sets the variable ${quote(name)}. Leave it out.`
      if (reserved.includes(name)) {
        const parameter = RUN_PARAMETERS.find((one) => variableOf(one) === name)
        return parameter === undefined
          ? `The stack itself sets the variable ${quote(name)}. Leave it out.`
          : `The stack itself sets the variable ${quote(name)}. Give the parameter ${parameter}.`
      }
      if (isTwice(name, index, names)) return `The variable ${quote(name)} is given twice. Leave one out.`
    }
    return undefined
  },
  metrics({ values: { Metrics, AlarmOnDuplicates } }) {
    if (Metrics !== 'false' || AlarmOnDuplicates !== 'true') return
    return 'AlarmOnDuplicates is an alarm on the metrics, and Metrics is false. Leave one of them out.'
  },
  noRunHours({ values: { NoRunHours }, longestGapHours }) {
    const hours = Number(NoRunHours ?? 0)
    if (hours === 0 || longestGapHours === null || hours > longestGapHours) return
    return `NoRunHours is ${hours}, and the longest time between two slots is ${longestGapHours} hours: each of them would send an alarm. Use more hours, or 0 for no alarm.`
  },
  length({ values }) {
    const [name] = Object.entries(values).find(([, value]) => Buffer.byteLength(value) > MOST_BYTES) ?? []
    if (name === undefined) return
    return `${name} is longer than ${MOST_BYTES} bytes, and CloudFormation does not take it. Make it shorter.`
  },
  /** With a wrong option, each run would be a usage error. Throws what a run says. */
  options({ store, task, schedule, values, variables }) {
    const env = {
      ...Object.fromEntries(RUN_PARAMETERS.map((name) => [variableOf(name), values[name]])),
      ...Object.fromEntries(variables),
    }
    const argv = ['--store', store, '--task', task, '--schedule', schedule]
    const help = { name: 'run', summary: '', examples: [], options: RUN_OPTIONS, takesTask: true } as const
    readSettings(defined(readOptions(help, argv, env)))
    return undefined
  },
} as const satisfies Readonly<Record<string, Rule>>

export function checkBatch(settings: BatchSettings): void {
  for (const rule of Object.values<Rule>(RULES)) {
    const wrong = rule(settings)
    if (wrong !== undefined) throw usageError(wrong)
  }
}
