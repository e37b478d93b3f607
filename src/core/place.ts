import { isRecord } from './objects.ts'
import { parseOrNull } from './row/report.ts'
import { bytesOf, isPlaceName } from './user-text.ts'

/** The facts of Amazon ECS about the container of a process: enough to start its task again and to find its log. */
export interface EcsFacts {
  readonly kind: 'ecs'
  readonly region: string
  readonly cluster: string
  readonly taskDefinition: string
  readonly container: string
  /** For example `FARGATE`, `EC2` or `EXTERNAL`. Left out if the metadata does not have it. */
  readonly launchType?: string
  /** True if the task has a network interface of its own, so that `run-task` needs a network configuration. */
  readonly awsvpc?: true
  /** The JSON for `run-task --network-configuration`, if a variable says it. Only the task record keeps it. */
  readonly network?: string
  /** The log group in CloudWatch, in the same Region. Left out if the log of the container goes elsewhere. */
  readonly logGroup?: string
  readonly logStream?: string
}

/** The facts of a Pod of a CronJob: enough to make a Job of it again, and to find the log of the Pod. */
export interface KubernetesFacts {
  readonly kind: 'kubernetes'
  /** The start of the SHA-256 of the certificate authority of the cluster. Left out: the Pod has no service account. */
  readonly clusterId?: string
  readonly namespace: string
  readonly cronJob: string
  readonly job?: string
  readonly pod?: string
  /** Left out: no variable says it. */
  readonly container?: string
}

/** Distinguishes two batches of one name: a task definition or a CronJob, and where that is. */
export interface PlaceParts extends Partial<Pick<KubernetesFacts, 'clusterId' | 'namespace' | 'cronJob'>> {
  readonly family?: string
}

export function placeParts(place: Place | undefined): PlaceParts {
  if (place === undefined) return {}
  if (place.kind === 'ecs') return { family: place.taskDefinition.replace(/:\d+$/, '') }
  const { clusterId, namespace, cronJob } = place
  return { ...(clusterId !== undefined && { clusterId }), namespace, cronJob }
}

/** Where a batch runs, if an operator can start it there again. */
export type Place = EcsFacts | KubernetesFacts

/** The place of a process. Null: it has none. Unknown: it runs on ECS, and ECS did not say enough. */
export type KnownPlace = Place | null | 'unknown'

const TASK_ARN = /^arn:[^:]+:ecs:([^:]+):([^:]*):task\/(?:([^/]+)\/)?([^/]+)$/

/** Reads the ARN of an ECS task, `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID`. One from before 2018 has no cluster. */
export function parseTaskArn(arn: string) {
  const [, region, account, cluster, id] = TASK_ARN.exec(arn) ?? []
  if (region === undefined || id === undefined) return null
  return { region, ...(account && { account }), ...(cluster !== undefined && { cluster }), id }
}

/** Returns the place as it is for each run there: without what only this container has, such as its log. */
export function lastingPlace(place: Place): Place {
  if (place.kind === 'ecs') {
    const { logStream: _, ...lasting } = place
    return lasting
  }
  const { job: _, pod: __, ...lasting } = place
  return lasting
}

/** The most that AWS allows, 16 subnets and 5 security groups, have about 600. */
const MAX_NETWORK_BYTES = 1_000

/** Returns the JSON for `run-task --network-configuration`, or null. A template may have empty items. */
export function readNetwork(text: string): string | null {
  const found = parseOrNull(text)
  const given = isRecord(found) ? found['awsvpcConfiguration'] : undefined
  if (!isRecord(given)) return null
  const [subnets, securityGroups] = ['subnets', 'securityGroups'].map((name) => textsOf(given[name] ?? []))
  const { assignPublicIp = 'DISABLED' } = given
  if (!subnets?.length || !securityGroups || (assignPublicIp !== 'ENABLED' && assignPublicIp !== 'DISABLED'))
    return null
  const groups = securityGroups.length > 0 && { securityGroups }
  const network = JSON.stringify({ awsvpcConfiguration: { subnets, ...groups, assignPublicIp } })
  return bytesOf(network) <= MAX_NETWORK_BYTES ? network : null
}

function textsOf(value: unknown): readonly string[] | null {
  const isTexts =
    Array.isArray(value) && value.every((one) => typeof one === 'string' && (one === '' || isPlaceName(one)))
  return isTexts ? value.filter((one) => one !== '') : null
}
