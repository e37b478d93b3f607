import fc from 'fast-check'
import type { EcsFacts } from '../../../src/core/types.ts'
import { FARGATE } from './ecs.ts'

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })

export const ecsFacts: fc.Arbitrary<EcsFacts> = fc.record(
  {
    region: fc.oneof(text, fc.constant(FARGATE.ecs.region)),
    cluster: fc.oneof(text, fc.constant(FARGATE.ecs.cluster)),
    taskDefinition: text,
    container: text,
    launchType: text,
    awsvpc: fc.constant(true as const),
    logGroup: text,
    // Stored without the id of the task. ECS has no stream that ends with a slash.
    logStream: fc.oneof(
      text.filter((name) => !name.endsWith('/')),
      fc.constant(FARGATE.ecs.logStream),
    ),
  },
  { requiredKeys: ['region', 'cluster', 'taskDefinition', 'container'] },
)
