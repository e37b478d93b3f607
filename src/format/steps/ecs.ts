import { formatInstant } from '../../core/instant.ts'
import {
  NAME_PLACEHOLDER,
  PUBLIC_IP_PLACEHOLDER,
  REASON_PLACEHOLDER,
  SECURITY_GROUPS_PLACEHOLDER,
  SUBNETS_PLACEHOLDER,
} from '../../core/placeholder.ts'
import type { AttemptRecord, EcsFacts, ScheduleSpec } from '../../core/types.ts'
import { programLine } from '../command-line.ts'
import type { StepTarget } from './step.ts'

/** Returns the command that runs a slot again where its batch runs, with the force in the environment of the container. */
export function forceTaskCommand(
  ecs: EcsFacts,
  { slot, only, otherSchedule }: Pick<StepTarget, 'slot' | 'only' | 'otherSchedule'>,
): string {
  return runTaskCommand(ecs, {
    CRONLEDGER_FORCE_SLOT: formatInstant(slot),
    ...(otherSchedule && scheduleVariables(otherSchedule)),
    ...(only !== undefined && { CRONLEDGER_FORCE_ONLY: only.join(',') }),
    CRONLEDGER_REASON: REASON_PLACEHOLDER,
    CRONLEDGER_BY: NAME_PLACEHOLDER,
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

/**
 * Returns the command that starts the recorded task definition, with these variables besides those of the container. The
 * container has all other options of the run.
 */
export function runTaskCommand(
  { region, cluster, taskDefinition, container, launchType, awsvpc }: EcsFacts,
  variables: Readonly<Record<string, string>>,
): string {
  const environment = Object.entries(variables).map(([name, value]) => ({ name, value }))
  return programLine(['aws', 'ecs', 'run-task'], {
    region,
    cluster,
    'task-definition': taskDefinition,
    'launch-type': launchType,
    'network-configuration': awsvpc ? networkPlaceholders(launchType) : undefined,
    overrides: JSON.stringify({ containerOverrides: [{ name: container, environment }] }),
  })
}

/**
 * No metadata has the network of a task. AWS refuses each of these placeholders, so none can be left by mistake. On
 * Fargate, a task in a public subnet cannot pull its image without a public IP address. On EC2, AWS refuses the setting.
 */
function networkPlaceholders(launchType: string | undefined): string {
  const publicIp = launchType === 'FARGATE' ? `,assignPublicIp=${PUBLIC_IP_PLACEHOLDER}` : ''
  return `awsvpcConfiguration={subnets=[${SUBNETS_PLACEHOLDER}],securityGroups=[${SECURITY_GROUPS_PLACEHOLDER}]${publicIp}}`
}

/** Returns the command that prints the log of an attempt, or null if its log is not in CloudWatch. */
export function logsTailCommand(attempt: AttemptRecord): string | null {
  const { region, logGroup, logStream } = attempt.ecs ?? {}
  if (logGroup === undefined || logStream === undefined) return null
  const since = formatInstant(claimedAtOf(attempt))
  return programLine(['aws', 'logs', 'tail', logGroup], { region, 'log-stream-names': logStream, since })
}

/** Returns when the attempt was claimed, which is before its first line of the log, in whole seconds. */
function claimedAtOf(attempt: AttemptRecord): number {
  const at = (attempt.phase === 'waiting' ? undefined : attempt.claimedAt) ?? attempt.startedAt
  return at - (at % 1_000)
}
