import fc from 'fast-check'
import type { EcsFacts, KubernetesFacts, Place } from '../../src/core/types.ts'
import { FARGATE } from './aws/ecs.ts'
import { anyName } from './random.ts'

const text = anyName()

const ecsFacts: fc.Arbitrary<EcsFacts> = fc.record(
  {
    kind: fc.constant('ecs' as const),
    region: fc.oneof(text, fc.constant(FARGATE.place.region)),
    cluster: fc.oneof(text, fc.constant(FARGATE.place.cluster)),
    taskDefinition: text,
    container: text,
    launchType: text,
    awsvpc: fc.constant(true as const),
    logGroup: text,
    // Stored without the id of the task. ECS has no stream that ends with a slash.
    logStream: fc.oneof(
      text.filter((name) => !name.endsWith('/')),
      fc.constant(FARGATE.place.logStream),
    ),
  },
  { requiredKeys: ['kind', 'region', 'cluster', 'taskDefinition', 'container'] },
)

const kubernetesFacts: fc.Arbitrary<KubernetesFacts> = fc.record(
  {
    kind: fc.constant('kubernetes' as const),
    clusterId: text,
    namespace: text,
    cronJob: text,
    job: text,
    pod: text,
    container: text,
  },
  { requiredKeys: ['kind', 'namespace', 'cronJob'] },
)

export const places: fc.Arbitrary<Place> = fc.oneof(ecsFacts, kubernetesFacts)

export const ON_KUBERNETES = {
  kind: 'kubernetes',
  clusterId: '3f9a1c20b7de',
  namespace: 'batch',
  cronJob: 'nightly',
  job: 'nightly-29400000',
  pod: 'nightly-29400000-x7k2p',
  container: 'batch',
} as const satisfies KubernetesFacts
