import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { quote } from '../core/errors.ts'
import { defined, isRecord } from '../core/objects.ts'
import type { KnownPlace } from '../core/place.ts'
import { parseTaskArn, readNetwork } from '../core/place.ts'
import { encodeShortEcs, isOnFargate } from '../core/row/stored-place.ts'
import type { EcsFacts, Environment, Host, KubernetesFacts } from '../core/types.ts'
import { bytesOf, isLogName, isPlaceName, MAX_PERSON_BYTES, UNPRINTABLE } from '../core/user-text.ts'

export interface HostFacts {
  readonly host: Host
  readonly place: KnownPlace
  /** What is wrong with the variable that says the network, or the Pod. Left out: nothing. */
  readonly warning?: string
}

/** Returns where this process runs. Under ECS, it asks ECS. Under Kubernetes, it reads its own variables and files. */
export async function findHost(env: Environment, name = hostname()): Promise<HostFacts> {
  // Linux allows any bytes in it.
  const host = name.replace(UNPRINTABLE, '?')
  const endpoint = env['ECS_CONTAINER_METADATA_URI_V4']
  if (endpoint === undefined || endpoint === '') return { host: { host }, ...readPod(env, host) }
  const { ecsTask, ecs: place = 'unknown' } = await readEcsMetadata(endpoint)
  if (ecsTask === undefined) return { host: { host }, place }
  // The domain of a host of AWS is its Region, which the ARN has too. A row must stay small.
  return { host: { host: host.replace(/\..*/, ''), ecsTask }, ...withNetwork(place, env[NETWORK_VARIABLE]) }
}

function withNetwork(place: EcsFacts | 'unknown', given: string | undefined): Omit<HostFacts, 'host'> {
  if (place === 'unknown' || !given) return { place }
  const network = readNetwork(given)
  if (network !== null) return { place: { ...place, network } }
  const warning = `${NETWORK_VARIABLE} is ${quote(given)}, which is not the network of a task, so the printed commands have blanks for it. Use the JSON of run-task --network-configuration: {"awsvpcConfiguration":{"subnets":["subnet-…"]}}`
  return { place, warning }
}

/** Returns the default name of the operator: the ECS task, or user and host. The user of a container may have no name. */
export function operatorOf({ host, ecsTask }: Host): string {
  // If the ARN is too long, the id of the task at its end is enough to identify it.
  if (ecsTask !== undefined) return bytesOf(ecsTask) <= MAX_PERSON_BYTES ? ecsTask : ecsTask.slice(-32)
  try {
    return `${userInfo().username}@${host}`
  } catch {
    return `uid ${process.getuid?.()}@${host}`
  }
}

/** `NAMESPACE/JOB/POD` or `NAMESPACE/JOB/POD/CONTAINER`, from the downward API. */
const POD_VARIABLE = 'CRONLEDGER_POD'

/** Kubernetes puts these files into each Pod that has a service account. */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/** A CronJob makes Jobs whose names end with the scheduled minute, and the printed commands make some that end with ten digits. */
const JOB = /^(.+)-\d{8}(?:\d\d)?$/
/** As Kubernetes names a Pod of a Job. It shortens long names, which then say no Job. */
const POD_OF_JOB = /^(.+)-[a-z0-9]{5}$/
/** A row must stay small, and no longer name is a label. */
const NAMES = /^[a-z0-9][-a-z0-9.]{0,62}(\/[a-z0-9][-a-z0-9.]{0,62}){2,3}$/

/** Returns the place of this process if it is a Pod of a CronJob, and what is wrong with the variable. Asks no server. */
export function readPod(
  env: Environment,
  host: string,
  folder = ACCOUNT,
): { readonly place: KubernetesFacts | null; readonly warning?: string } {
  const given = env[POD_VARIABLE]
  if (given && !NAMES.test(given)) {
    const warning = `${POD_VARIABLE} is ${quote(given)}, which is not a Pod, so the printed commands are not for Kubernetes. Use NAMESPACE/JOB/POD/CONTAINER, as cronledger template cronjob does.`
    return { place: null, warning }
  }
  if (!given && !env['KUBERNETES_SERVICE_HOST']) return { place: null }
  const own = [fileIn(folder, 'namespace')?.toString().trim(), POD_OF_JOB.exec(host)?.[1], host]
  const [namespace, job, pod, container] = given ? given.split('/') : own
  const cronJob = JOB.exec(job ?? '')?.[1]
  if (!namespace || !cronJob || ![namespace, cronJob, job, pod].every((name) => isPlaceName(name ?? '')))
    return { place: null }
  const authority = fileIn(folder, 'ca.crt')
  const clusterId = authority && createHash('sha256').update(authority).digest('hex').slice(0, 12)
  return { place: { kind: 'kubernetes', namespace, cronJob, ...defined({ clusterId, job, pod, container }) } }
}

function fileIn(folder: string, name: string): Buffer | undefined {
  try {
    return readFileSync(join(folder, name))
  } catch {
    return undefined
  }
}

/** ECS answers from the same machine within milliseconds, but a small task has little CPU to read the answer. */
const METADATA_TIMEOUT_MS = 5_000
/** The longest names of a cluster give an ARN of about 350 characters. A longer text is not an ARN. */
const MAX_ARN_BYTES = 400
/** Those of a usual task have 50 to 150 bytes. A row may hold them 110 times, and must stay below 400 KB. */
const MAX_FACTS_BYTES = 320

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
async function readEcsMetadata(endpoint: string): Promise<EcsMetadata> {
  const signal = AbortSignal.timeout(METADATA_TIMEOUT_MS)
  const ask = (url: string) => readJson(url, signal).catch(() => undefined)
  const [container, task] = await Promise.all([ask(endpoint), ask(`${endpoint}/task`)])
  const ecsTask = textIn(task, 'TaskARN')
  if (ecsTask === undefined || !isPlaceName(ecsTask) || bytesOf(ecsTask) > MAX_ARN_BYTES) return {}
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
  if (![cluster, family, revision, name].every(isPlaceName)) return null
  const launchType = textIn(task, 'LaunchType')
  return {
    kind: 'ecs',
    region: arn.region,
    cluster,
    taskDefinition: `${family}:${revision}`,
    container: name,
    ...(launchType !== undefined && isPlaceName(launchType) && { launchType }),
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
  if (!isLogName(logGroup)) return {}
  const logStream = textIn(options, 'awslogs-stream')
  // A name of ECS ends with the id of the task or the container. One with a slash at its end would be stored wrongly.
  return { logGroup, ...(logStream !== undefined && isLogName(logStream) && !logStream.endsWith('/') && { logStream }) }
}

function textIn(value: unknown, name: string): string | undefined {
  const found = isRecord(value) ? value[name] : undefined
  return typeof found === 'string' && found !== '' ? found : undefined
}

async function readJson(url: string, signal: AbortSignal): Promise<unknown> {
  // The request may fail after its response has begun, too.
  const request = get(url, { signal }).on('error', () => undefined)
  const [response] = await once(request, 'response')
  return json(response)
}
