import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { parseTaskArn } from '../../core/ecs.ts'
import { isRecord } from '../../core/objects.ts'
import type { Environment } from '../../core/types.ts'

/** ECS answers from the same machine within milliseconds, but a small task has little CPU, and without a region it does not run. */
const METADATA_TIMEOUT_MS = 5_000

/**
 * Returns how to find the region of this ECS task, or null if it is not needed: outside of ECS, and where `AWS_REGION` is
 * set. ECS sets it for its tasks, but does not document that for each launch type. The ARN of the task has the region, too.
 *
 * Sources: Amazon ECS Developer Guide, "Amazon ECS environment variables" and "Amazon ECS task metadata endpoint version 4".
 */
export function taskRegion(env: Environment) {
  const endpoint = env['ECS_CONTAINER_METADATA_URI_V4']
  if (env['AWS_REGION'] || !endpoint) return null
  let found: { readonly region: string; readonly isOfTask: boolean } | null = null
  return {
    /** Returns the region of the SDK's own chain, or else that of the ECS task. The SDK asks for it with each request. */
    async find(): Promise<string> {
      found ??= await sdkRegion().then(
        (region) => ({ region, isOfTask: false }),
        async (error: unknown) => {
          const region = await regionOfTask(endpoint).catch(() => null)
          if (region === null) throw error
          return { region, isOfTask: true }
        },
      )
      return found.region
    },
    isUsed: () => found?.isOfTask ?? false,
  }
}

/** Returns the region of the SDK's own chain, which also reads the shared files. Only a client gives access to it. */
async function sdkRegion(): Promise<string> {
  const client = new DynamoDBClient({})
  try {
    return await client.config.region()
  } finally {
    client.destroy()
  }
}

async function regionOfTask(endpoint: string): Promise<string | null> {
  const reply = await fetch(`${endpoint}/task`, { signal: AbortSignal.timeout(METADATA_TIMEOUT_MS) })
  const metadata: unknown = await reply.json()
  const arn = isRecord(metadata) ? metadata['TaskARN'] : undefined
  return parseTaskArn(String(arn))?.region ?? null
}
