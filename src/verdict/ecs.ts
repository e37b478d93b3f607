import { formatInstant } from '../core/instant.ts'
import type { AttemptRecord } from '../core/types.ts'
import { type Blank, type CommandWords, program, type Word } from './command.ts'
import type { EcsPlace, StepTarget } from './target.ts'

/** Returns the command that runs a slot again where its batch runs, with the force in the environment of the container. */
export function forceTaskCommand(
  ecs: EcsPlace,
  { slot, only, otherSchedule }: Pick<StepTarget, 'slot' | 'only' | 'otherSchedule'>,
  more: Readonly<Record<string, string>> = {},
): CommandWords {
  return runTaskCommand(ecs, {
    CRONLEDGER_FORCE_SLOT: formatInstant(slot),
    ...more,
    ...(otherSchedule && {
      CRONLEDGER_SCHEDULE: otherSchedule.expression,
      CRONLEDGER_TIMEZONE: otherSchedule.zone,
      // The schedule of the container may have an anchor. An empty variable counts as unset.
      CRONLEDGER_ANCHOR: otherSchedule.anchor === undefined ? '' : formatInstant(otherSchedule.anchor),
    }),
    ...(only !== undefined && { CRONLEDGER_FORCE_ONLY: only.join(',') }),
    CRONLEDGER_REASON: { blank: 'reason', inJson: true },
    CRONLEDGER_BY: { blank: 'name', inJson: true },
  })
}

/**
 * The launch types that a command must name. With `EC2`, a cluster with capacity providers would not get the instances that the
 * task needs, and AWS accepts no name for managed instances. Without a name, AWS takes what the cluster has as its default.
 * Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
 */
const NAMED: ReadonlySet<string> = new Set(['FARGATE', 'EXTERNAL'])

/** The container has all other options of the run, so only these variables are given. */
export function runTaskCommand(
  { region, cluster, taskDefinition, container, launchType, awsvpc, network }: EcsPlace,
  variables: Readonly<Record<string, string | Blank>>,
): CommandWords {
  const environment = Object.entries(variables).flatMap(([name, value], index) => [
    `${index === 0 ? '' : ','}{"name":"${name}","value":`,
    ...jsonText(value),
    '}',
  ])
  const name = jsonText(container ?? { blank: 'container', inJson: true })
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

/** Returns the query that finds the exit code of the batch in the answer of `describe-tasks`: a task may have other containers. */
export function exitCodeQuery({ container }: EcsPlace): string {
  const which = container === undefined ? '0' : `?name=='${container.replace(/[\\']/g, '\\$&')}'`
  return `tasks[0].containers[${which}].exitCode${container === undefined ? '' : ' | [0]'}`
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

/** Returns the command that prints the log of an attempt, or null if its log is not in CloudWatch. */
export function logsTailCommand(attempt: AttemptRecord): CommandWords | null {
  const { region, logGroup, logStream } = attempt.ecs ?? {}
  if (logGroup === undefined || logStream === undefined) return null
  // The claim comes before the first line of the log. The command takes whole seconds.
  const claimedAt = (attempt.phase === 'waiting' ? undefined : attempt.claimedAt) ?? attempt.startedAt
  const since = formatInstant(claimedAt - (claimedAt % 1_000))
  return program(['aws', 'logs', 'tail', logGroup], { region, 'log-stream-names': logStream, since })
}
