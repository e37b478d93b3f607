import { hostname, userInfo } from 'node:os'
import { quote } from '../core/errors.ts'
import type { KnownPlace } from '../core/place.ts'
import type { EcsFacts, Environment, Host } from '../core/types.ts'
import { bytesOf, MAX_PERSON_BYTES } from '../core/user-text.ts'
import { NETWORK_VARIABLE, readEcsMetadata, readNetwork } from './ecs-metadata.ts'
import { readPod } from './pod.ts'

export interface HostFacts {
  readonly host: Host
  readonly place: KnownPlace
  /** What is wrong with the variable that says the network, or the Pod. Left out: nothing. */
  readonly warning?: string
}

/** Returns where this process runs. Under ECS, it asks ECS. Under Kubernetes, it reads its own variables and files. */
export async function findHost(env: Environment, host = hostname()): Promise<HostFacts> {
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
