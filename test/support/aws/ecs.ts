import type { EcsFacts, Host } from '../../../src/core/types.ts'

interface EcsTask {
  readonly region?: string
  readonly cluster?: string
  readonly id?: string
  readonly family?: string
  readonly revision?: number
  readonly container?: string
  readonly host?: string
}

/** The facts of ECS in tests come from here, so that a test names only the fact that it is about. */
export function fargateTask({
  region = 'ap-northeast-1',
  cluster = 'batch',
  id = '158d1c8083dd49d6b527399fd6414f5c',
  family = 'nightly',
  revision = 7,
  container = 'batch',
  host = 'ip-10-0-2-106',
}: EcsTask = {}) {
  return {
    host: { host, ecsTask: `arn:aws:ecs:${region}:123456789012:task/${cluster}/${id}` },
    place: {
      kind: 'ecs' as const,
      region,
      cluster,
      container,
      taskDefinition: `${family}:${revision}`,
      launchType: 'FARGATE',
      awsvpc: true as const,
      logGroup: `/ecs/${family}`,
      logStream: `cronledger/${container}/${id}`,
    },
  } satisfies { readonly host: Host; readonly place: EcsFacts }
}

export const FARGATE = fargateTask()
