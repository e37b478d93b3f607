import fc from 'fast-check'
import type { EcsFacts } from '../../src/core/types.ts'
import { FARGATE } from './aws/ecs.ts'

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })

export const ecsFacts: fc.Arbitrary<EcsFacts> = fc.record(
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
