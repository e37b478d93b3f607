import { listAt, textAt, valueAt } from '../../core/objects.ts'
import { parseOrNull } from '../../core/row/report.ts'
import type { EcsFacts } from '../../core/types.ts'
import {
  type Blank,
  lastLine,
  type PlaceCommands,
  program,
  refusal,
  type TextVariables,
  type Variables,
  type Word,
} from '../command.ts'

/** Where a batch runs on ECS. The ARN of its task has only the Region and the cluster. */
export type EcsPlace = Pick<EcsFacts, 'kind' | 'region' | 'cluster'> & Partial<EcsFacts>

/**
 * The launch types that a command must name. With `EC2`, a cluster with capacity providers would not get the instances that the
 * task needs, and AWS accepts no name for managed instances. Without a name, AWS takes what the cluster has as its default.
 * Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
 */
const NAMED: ReadonlySet<string> = new Set(['FARGATE', 'EXTERNAL'])

export const ECS_COMMANDS: PlaceCommands<EcsPlace> = {
  start: runTaskCommand,
  log({ region, logGroup, logStream }, since) {
    if (logGroup === undefined || logStream === undefined) return null
    return program(['aws', 'logs', 'tail', logGroup], { region, 'log-stream-names': logStream, since })
  },
  state({ region, cluster }, { ecsTask }) {
    if (ecsTask === undefined) return null
    const query = 'tasks[0].lastStatus'
    return program(['aws', 'ecs', 'describe-tasks'], { region, cluster, tasks: ecsTask, query, output: 'text' })
  },
  tool: 'aws',
  name: ({ cluster, taskDefinition = '' }) => `ECS ${cluster}/${taskDefinition.replace(/:\d+$/, '')}`,
  problem(place, variables) {
    const { taskDefinition, container, awsvpc, network } = place
    if (taskDefinition === undefined || container === undefined)
      return 'the ledger knows only its cluster, and not its task definition'
    if (awsvpc && network === undefined)
      return 'the ledger does not know its network: set CRONLEDGER_ECS_NETWORK in its task definition'
    const length = overridesOf(place, variables).length
    return length > MAX_OVERRIDES
      ? `its overrides have ${length} characters, and AWS allows ${MAX_OVERRIDES}: give a shorter reason`
      : null
  },
  async begin(ask, place, variables, token) {
    const { region, cluster, taskDefinition = '', launchType, network } = place
    const asked = await ask([
      'aws',
      'ecs',
      'run-task',
      `--region=${region}`,
      `--cluster=${cluster}`,
      `--task-definition=${taskDefinition}`,
      ...(launchType !== undefined && NAMED.has(launchType) ? [`--launch-type=${launchType}`] : []),
      ...(network === undefined ? [] : [`--network-configuration=${network}`]),
      `--overrides=${overridesOf(place, variables)}`,
      `--client-token=${token}`,
      '--output=json',
    ])
    if (asked.code !== 0) return refusal(asked, PASSING)
    const answer = parseOrNull(asked.stdout)
    const [arn, failure] = [textAt(answer, 'tasks', 0, 'taskArn'), textAt(answer, 'failures', 0, 'reason')]
    if (arn !== undefined) return { kind: 'started', name: arn }
    const why = `ECS started nothing: ${failure ?? 'it said no reason'}`
    return failure !== undefined && NO_CAPACITY.test(failure)
      ? { kind: 'again', why, isNew: true }
      : { kind: 'refused', why }
  },
  async look(ask, { region, cluster, container }, name) {
    const words = ['aws', 'ecs', 'describe-tasks', `--region=${region}`, `--cluster=${cluster}`, `--tasks=${name}`]
    const { code, stdout, stderr } = await ask([...words, '--output=json'])
    const answer = code === 0 ? parseOrNull(stdout) : null
    const status = textAt(answer, 'tasks', 0, 'lastStatus')
    if (status === undefined)
      return textAt(answer, 'failures', 0, 'reason') === 'MISSING'
        ? { kind: 'gone' }
        : { kind: 'unanswered', why: lastLine(stderr) }
    // A task may have other containers, such as one of GuardDuty.
    const own = listAt(answer, 'tasks', 0, 'containers').find((one) => textAt(one, 'name') === container)
    const exitCode = valueAt(own, 'exitCode')
    const why = textAt(own, 'reason') ?? textAt(answer, 'tasks', 0, 'stoppedReason') ?? `it is ${status}`
    if (status === 'STOPPED') return { kind: 'ended', exitCode: typeof exitCode === 'number' ? exitCode : null, why }
    return /^(?:PROVISIONING|PENDING|ACTIVATING)$/.test(status) ? { kind: 'pending', why } : { kind: 'running' }
  },
  isOwn: ({ ecsTask }, name) => ecsTask === name,
}

/** Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html */
const MAX_OVERRIDES = 8_192
/** The request may have been applied, or will be accepted later. */
const PASSING =
  /Throttl|TooManyRequests|Rate exceeded|RequestLimitExceeded|ServerException|Internal(?:Failure|Error)|Unavailable|Could not connect|[Tt]ime(?:d )?out|Connection (?:was closed|reset)/
/** The reasons for which ECS starts nothing now, and may a minute later. */
const NO_CAPACITY = /^(?:RESOURCE:|AGENT$)|capacity/i

function overridesOf({ container }: EcsPlace, variables: TextVariables): string {
  const environment = Object.entries(variables).map(([name, value]) => ({ name, value }))
  return JSON.stringify({ containerOverrides: [{ name: container, environment }] })
}

/** The container has all other options of the run, so only these variables are given. */
function runTaskCommand(
  { region, cluster, taskDefinition, container, launchType, awsvpc, network }: EcsPlace,
  variables: Variables,
) {
  const environment = Object.entries(variables).flatMap(([name, value], index) => [
    `${index === 0 ? '' : ','}{"name":"${name}","value":`,
    ...jsonText(value),
    '}',
  ])
  const name = jsonText(container ?? { blank: 'container', inQuotes: true })
  return program(['aws', 'ecs', 'run-task'], {
    region,
    cluster,
    'task-definition': taskDefinition ?? [{ blank: 'taskDefinition' }],
    'launch-type': launchType !== undefined && NAMED.has(launchType) ? launchType : undefined,
    'network-configuration': network ?? (awsvpc ? networkWord(launchType) : undefined),
    overrides: ['{"containerOverrides":[{"name":', ...name, ',"environment":[', ...environment, ']}]}'],
    // The ARN of the task that was started, or why none was: AWS answers both with success.
    query: '[tasks[].taskArn,failures[].reason][]',
    output: 'text',
  })
}

function jsonText(value: string | Blank): Exclude<Word, string> {
  return typeof value === 'string' ? [JSON.stringify(value)] : ['"', value, '"']
}

/** On Fargate, a task in a public subnet needs a public IP address to pull its image. On EC2, AWS refuses it. */
function networkWord(launchType: string | undefined): Word {
  const publicIp: Word = launchType === 'FARGATE' ? ['],assignPublicIp=', { blank: 'publicIp' }, '}'] : [']}']
  return [
    'awsvpcConfiguration={subnets=[',
    { blank: 'subnets' },
    '],securityGroups=[',
    { blank: 'securityGroups' },
    ...publicIp,
  ]
}
