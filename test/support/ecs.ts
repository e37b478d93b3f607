import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import type { EcsFacts, Host } from '../../src/core/types.ts'

const readFixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/aws/${name}`, import.meta.url), 'utf8'))

/** The answers of the metadata endpoint to a container on Fargate. `FARGATE` has what they say. */
export const CONTAINER = readFixture('ecs-container-metadata-v4.json')
export const TASK = readFixture('ecs-task-metadata-v4.json')

/** A task on Fargate, as its host and its attempts have it. */
export const FARGATE = {
  host: {
    host: 'ip-10-0-2-106',
    ecsTask: 'arn:aws:ecs:ap-northeast-1:123456789012:task/batch/158d1c8083dd49d6b527399fd6414f5c',
  },
  ecs: {
    region: 'ap-northeast-1',
    cluster: 'batch',
    taskDefinition: 'nightly:7',
    container: 'batch',
    launchType: 'FARGATE',
    awsvpc: true,
    logGroup: '/ecs/nightly',
    logStream: 'cronledger/batch/158d1c8083dd49d6b527399fd6414f5c',
  },
} as const satisfies { readonly host: Host; readonly ecs: EcsFacts }

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })

/** Facts of any content. */
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
