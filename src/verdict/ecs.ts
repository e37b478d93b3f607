import { formatInstant } from '../core/instant.ts'
import type { AttemptRecord, ScheduleSpec } from '../core/types.ts'
import { type Blank, type CommandWords, program, type Word } from './command.ts'
import type { EcsPlace, StepTarget } from './target.ts'

/** Returns the command that runs a slot again where its batch runs, with the force in the environment of the container. */
export function forceTaskCommand(
  ecs: EcsPlace,
  { slot, only, otherSchedule }: Pick<StepTarget, 'slot' | 'only' | 'otherSchedule'>,
): CommandWords {
  return runTaskCommand(ecs, {
    CRONLEDGER_FORCE_SLOT: formatInstant(slot),
    ...(otherSchedule && scheduleVariables(otherSchedule)),
    ...(only !== undefined && { CRONLEDGER_FORCE_ONLY: only.join(',') }),
    CRONLEDGER_REASON: { blank: 'reason', inJson: true },
    CRONLEDGER_BY: { blank: 'name', inJson: true },
  })
}

function scheduleVariables({ expression, zone, anchor }: ScheduleSpec): Readonly<Record<string, string>> {
  return {
    CRONLEDGER_SCHEDULE: expression,
    CRONLEDGER_TIMEZONE: zone,
    // The schedule of the container may have an anchor, which must not apply to this one. An empty variable counts as unset.
    CRONLEDGER_ANCHOR: anchor === undefined ? '' : formatInstant(anchor),
  }
}

/** The container has all other options of the run, so only these variables are given. */
export function runTaskCommand(
  { region, cluster, taskDefinition, container, launchType, awsvpc }: EcsPlace,
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
    'launch-type': launchType,
    'network-configuration': awsvpc ? networkWord(launchType) : undefined,
    overrides: ['{"containerOverrides":[{"name":', ...name, ',"environment":[', ...environment, ']}]}'],
  })
}

function jsonText(value: string | Blank): Exclude<Word, string> {
  return typeof value === 'string' ? [JSON.stringify(value)] : ['"', value, '"']
}

/**
 * No metadata has the network of a task. AWS refuses each of these placeholders, so none can be left by mistake. On
 * Fargate, a task in a public subnet cannot pull its image without a public IP address. On EC2, AWS refuses the setting.
 */
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
  const since = formatInstant(claimedAtOf(attempt))
  return program(['aws', 'logs', 'tail', logGroup], { region, 'log-stream-names': logStream, since })
}

/** Returns when the attempt was claimed, which is before its first line of the log, in whole seconds. */
function claimedAtOf(attempt: AttemptRecord): number {
  const at = (attempt.phase === 'waiting' ? undefined : attempt.claimedAt) ?? attempt.startedAt
  return at - (at % 1_000)
}
