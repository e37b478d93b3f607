import type { EcsFacts, Host } from '../../src/core/types.ts'

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
