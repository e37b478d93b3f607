import { parseTaskArn } from '../ecs.ts'
import { defined } from '../objects.ts'
import type { EcsFacts } from '../types.ts'
import { type Fields, oneOfField, optional, type StoredDocument, text } from './stored-fields.ts'

/** Encodes all facts. The stores have no booleans, so `awsvpc` is the network mode. */
export function encodeEcs({ awsvpc, ...texts }: EcsFacts): StoredDocument {
  return { ...texts, ...(awsvpc && { networkMode: 'awsvpc' }) }
}

/** Reads facts that have all their members. */
export function decodeEcs(fields: Fields): EcsFacts {
  return decodeEcsBeside(fields, undefined)
}

/**
 * Encodes the facts of an attempt for the ledger. A row must stay small, so what the ARN of the task says too is left
 * out: the region, the cluster, and the id of the task at the end of the log stream. So is the network mode on Fargate.
 */
export function encodeEcsBeside(facts: EcsFacts, ecsTask: string | undefined): StoredDocument {
  const task = parseTaskArn(ecsTask ?? '')
  const all = encodeEcs(facts)
  if (task === null) return all
  const { region, cluster, networkMode, logStream, ...others } = all
  const shortStream = facts.logStream?.endsWith(`/${task.id}`) ? facts.logStream.slice(0, -task.id.length) : logStream
  return {
    ...defined({
      region: facts.region === task.region ? null : region,
      cluster: facts.cluster === task.cluster ? null : cluster,
      networkMode: isOnFargate(facts.launchType) ? null : networkMode,
      logStream: shortStream,
    }),
    ...others,
  }
}

/** Reads the facts that are stored beside the ARN of the task. */
export function decodeEcsBeside(fields: Fields, ecsTask: string | undefined): EcsFacts {
  const task = parseTaskArn(ecsTask ?? '')
  const mode = optional(fields, 'networkMode', (own, name) => oneOfField(own, name, ['awsvpc']))
  const launchType = optional(fields, 'launchType', text)
  const stream = optional(fields, 'logStream', text)
  return {
    region: optional(fields, 'region', text) ?? task?.region ?? text(fields, 'region'),
    cluster: optional(fields, 'cluster', text) ?? task?.cluster ?? text(fields, 'cluster'),
    taskDefinition: text(fields, 'taskDefinition'),
    container: text(fields, 'container'),
    ...defined({
      launchType,
      awsvpc: mode === undefined && !isOnFargate(launchType) ? null : (true as const),
      logGroup: optional(fields, 'logGroup', text),
      // No log stream of ECS ends with a slash, so the id follows it.
      logStream: stream?.endsWith('/') ? stream + (task?.id ?? '') : stream,
    }),
  }
}

/** Every task on Fargate has a network interface of its own. */
export function isOnFargate(launchType: string | undefined): boolean {
  return launchType === 'FARGATE'
}
