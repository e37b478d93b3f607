import { once } from 'node:events'
import { get } from 'node:http'
import { json } from 'node:stream/consumers'
import { isRecord } from '../core/objects.ts'
import { parseTaskArn } from '../core/place.ts'
import { encodeShortEcs, isOnFargate } from '../core/row/stored-place.ts'
import type { EcsFacts } from '../core/types.ts'
import { bytesOf } from '../core/user-text.ts'

/** ECS answers from the same machine within milliseconds, but a small task has little CPU to read the answer. */
const METADATA_TIMEOUT_MS = 5_000
/** The longest names of a cluster give an ARN of about 350 characters. A longer text is not an ARN. */
const MAX_ARN_BYTES = 400
/** Those of a usual task have 50 to 150 bytes. A row may hold them 110 times, and must stay below 400 KB. */
const MAX_FACTS_BYTES = 320

/** The most that AWS allows, 16 subnets and 5 security groups, have about 600. */
const MAX_NETWORK_BYTES = 1_000

/** The variable of the container with its network, which no metadata has. */
export const NETWORK_VARIABLE = 'CRONLEDGER_ECS_NETWORK'

interface EcsMetadata {
  readonly ecsTask?: string
  /** Left out if an answer is missing or incomplete, or if its names are too long to be stored. */
  readonly ecs?: EcsFacts
}

/**
 * Asks ECS about the container of this process and about its task, for up to 5 s in all. Never throws: the batch
 * does not need the answers.
 *
 * Source: Amazon ECS Developer Guide, "Amazon ECS task metadata endpoint version 4".
 */
export async function readEcsMetadata(endpoint: string): Promise<EcsMetadata> {
  const signal = AbortSignal.timeout(METADATA_TIMEOUT_MS)
  const ask = (url: string) => readJson(url, signal).catch(() => undefined)
  const [container, task] = await Promise.all([ask(endpoint), ask(`${endpoint}/task`)])
  const ecsTask = textIn(task, 'TaskARN')
  if (ecsTask === undefined || bytesOf(ecsTask) > MAX_ARN_BYTES) return {}
  const ecs = ecsFactsOf(container, task, ecsTask)
  if (ecs === null || bytesOf(Object.values(encodeShortEcs(ecs, ecsTask)).join('')) > MAX_FACTS_BYTES)
    return { ecsTask }
  return { ecsTask, ecs }
}

function ecsFactsOf(container: unknown, task: unknown, ecsTask: string): EcsFacts | null {
  const arn = parseTaskArn(ecsTask)
  // The cluster is a short name or an ARN, which ends with the name.
  const cluster = textIn(task, 'Cluster')?.split('/').at(-1) ?? arn?.cluster
  const family = textIn(task, 'Family')
  const revision = textIn(task, 'Revision')
  const name = textIn(container, 'Name')
  if (arn === null || !cluster || !family || !revision || !name) return null
  const launchType = textIn(task, 'LaunchType')
  return {
    kind: 'ecs',
    region: arn.region,
    cluster,
    taskDefinition: `${family}:${revision}`,
    container: name,
    ...(launchType !== undefined && { launchType }),
    ...((isOnFargate(launchType) || hasOwnNetwork(container)) && { awsvpc: true }),
    ...logOf(container, arn.region),
  }
}

function hasOwnNetwork(container: unknown): boolean {
  const networks = isRecord(container) ? container['Networks'] : undefined
  return Array.isArray(networks) && networks.some((one) => textIn(one, 'NetworkMode') === 'awsvpc')
}

/** Returns where CloudWatch has the log. One in another Region is left out: a command would look in the wrong one. */
function logOf(container: unknown, region: string): Pick<EcsFacts, 'logGroup' | 'logStream'> {
  const options = isRecord(container) ? container['LogOptions'] : undefined
  const logGroup = textIn(options, 'awslogs-group')
  const logRegion = textIn(options, 'awslogs-region') ?? region
  if (textIn(container, 'LogDriver') !== 'awslogs' || logGroup === undefined || logRegion !== region) return {}
  const logStream = textIn(options, 'awslogs-stream')
  // A name of ECS ends with the id of the task or the container. One with a slash at its end would be stored wrongly.
  return { logGroup, ...(logStream !== undefined && !logStream.endsWith('/') && { logStream }) }
}

function textIn(value: unknown, name: string): string | undefined {
  const found = isRecord(value) ? value[name] : undefined
  return typeof found === 'string' && found !== '' ? found : undefined
}

/** Returns the JSON for `run-task --network-configuration`, or null. A template may have empty items. */
export function readNetwork(text: string): string | null {
  const found = parsed(text)
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
  const isTexts = Array.isArray(value) && value.every((one) => typeof one === 'string')
  return isTexts ? value.filter((one) => one !== '') : null
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function readJson(url: string, signal: AbortSignal): Promise<unknown> {
  // The request may fail after its response has begun, too.
  const request = get(url, { signal }).on('error', () => undefined)
  const [response] = await once(request, 'response')
  return json(response)
}
