import { defined } from '../objects.ts'
import { parseTaskArn, readNetwork } from '../place.ts'
import type { EcsFacts, KubernetesFacts, Place } from '../types.ts'
import {
  type Fields,
  flag,
  formOf,
  LOG_NAME,
  type Maybe,
  type Member,
  maybe,
  nested,
  object,
  optional,
  PLACE_NAME,
  type StoredDocument,
  text,
  textOf,
} from './stored-fields.ts'

/** The name of the member in which a place is stored says what it is. */
function kind<const Kind extends Place['kind']>(own: Kind): Member<Kind> {
  return { encode: () => null, decode: () => own }
}

const NETWORK = textOf((value) => readNetwork(value) === value, 'the network of a task, as run-task takes it')

const ECS = formOf<EcsFacts>({
  kind: kind('ecs'),
  region: PLACE_NAME,
  cluster: PLACE_NAME,
  taskDefinition: PLACE_NAME,
  container: PLACE_NAME,
  launchType: maybe(PLACE_NAME),
  logGroup: maybe(LOG_NAME),
  logStream: maybe(LOG_NAME),
  awsvpc: flag('networkMode', 'awsvpc'),
  network: maybe(NETWORK),
})

const KUBERNETES = formOf<KubernetesFacts>({
  kind: kind('kubernetes'),
  clusterId: maybe(PLACE_NAME),
  namespace: PLACE_NAME,
  cronJob: PLACE_NAME,
  job: maybe(PLACE_NAME),
  pod: maybe(PLACE_NAME),
  container: maybe(PLACE_NAME),
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

const ECS_OF_ATTEMPT = {
  encode: (facts: EcsFacts, attempt: object) =>
    encodeShortEcs(facts, 'ecsTask' in attempt ? String(attempt.ecsTask) : ''),
  decode(fields: Fields, name: string) {
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

/** Returns the member with all facts of a place, which has the name of its kind. */
export function placeJson(place: Place | null | undefined): StoredDocument | null {
  if (place == null) return null
  return { [place.kind]: place.kind === 'ecs' ? ECS.encode(place) : KUBERNETES.encode(place) }
}

/** An older version ignores a member of a kind that it does not know. */
function placeMember(ecs: Pick<Member<EcsFacts>, 'decode'>): Maybe<Place> {
  const kubernetes = nested(KUBERNETES)
  return {
    encode: placeJson,
    decode: (fields) =>
      optional<Place>(fields, 'ecs', ecs.decode) ?? optional<Place>(fields, 'kubernetes', kubernetes.decode),
    isFlat: true,
    isOptional: true,
  }
}

export const PLACE = placeMember(nested(ECS))
export const PLACE_OF_ATTEMPT: Maybe<Place> = {
  ...placeMember(ECS_OF_ATTEMPT),
  encode: (place, attempt) =>
    place.kind === 'ecs' ? { ecs: ECS_OF_ATTEMPT.encode(place, attempt) } : placeJson(place),
}
