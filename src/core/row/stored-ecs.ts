import { parseTaskArn } from '../ecs.ts'
import { defined } from '../objects.ts'
import type { EcsFacts } from '../types.ts'
import { flag, formOf, type Member, maybe, object, optional, type StoredDocument, TEXT, text } from './stored-fields.ts'

export const ECS = formOf<EcsFacts>({
  region: TEXT,
  cluster: TEXT,
  taskDefinition: TEXT,
  container: TEXT,
  launchType: maybe(TEXT),
  logGroup: maybe(TEXT),
  logStream: maybe(TEXT),
  awsvpc: flag('networkMode', 'awsvpc'),
  network: maybe(TEXT),
})

/** A row must stay small, so this leaves out the network, and what the launch type or the ARN of the task says. */
export function encodeShortEcs(facts: EcsFacts, ecsTask = ''): StoredDocument {
  const task = parseTaskArn(ecsTask)
  const { network: _, ...all } = ECS.encode(facts)
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

export const ECS_OF_ATTEMPT: Member<EcsFacts> = {
  encode: (facts, attempt) => encodeShortEcs(facts, 'ecsTask' in attempt ? String(attempt.ecsTask) : ''),
  decode(fields, name) {
    const task = parseTaskArn(optional(fields, 'ecsTask', text) ?? '')
    const stored = object(fields, name)
    const { launchType, logStream } = stored.values
    return ECS.decode({
      ...stored,
      values: {
        ...defined({ region: task?.region, cluster: task?.cluster }),
        ...(isOnFargate(launchType) && { networkMode: 'awsvpc' }),
        ...stored.values,
        // No log stream of ECS ends with a slash, so the id follows it.
        ...(String(logStream).endsWith('/') && { logStream: `${logStream}${task?.id ?? ''}` }),
      },
    })
  },
}

/** Every task on Fargate has a network interface of its own. */
export function isOnFargate(launchType: unknown): boolean {
  return launchType === 'FARGATE'
}
