import { get } from 'node:http'
import { hostname, userInfo } from 'node:os'
import { bytesOf, MAX_PERSON_BYTES } from '../core/person.ts'
import type { Host } from '../core/types.ts'

/** ECS answers from the same machine within milliseconds; a run must not wait for one that does not. */
const METADATA_TIMEOUT_MS = 1_000
/** The longest names of a cluster give an ARN of about 350 characters; whatever is longer is something else. */
const MAX_ARN_LENGTH = 400
/** A task's metadata is a few KB; whatever is longer is something else. */
const MAX_METADATA_BYTES = 1_048_576

/**
 * Where this process runs. Under ECS (`ECS_CONTAINER_METADATA_URI_V4`) the task's ARN is asked for, within a second;
 * without an answer the host's name has to do.
 *
 * Source: Amazon ECS Developer Guide, "Amazon ECS task metadata endpoint version 4".
 */
export async function findHost(env: Readonly<Record<string, string | undefined>>): Promise<Host> {
  const host = hostname()
  const endpoint = env['ECS_CONTAINER_METADATA_URI_V4']
  if (endpoint === undefined || endpoint === '') return { host }
  const ecsTask = await readJson(`${endpoint}/task`).then(taskArn, () => undefined)
  return ecsTask === undefined ? { host } : { host, ecsTask }
}

/** Who acts here, when nobody says so: the ECS task, or user and host. A container's user may have no name. */
export function operatorOf({ host, ecsTask }: Host): string {
  // Where the names are long, the task's id tells it from others.
  if (ecsTask !== undefined) return bytesOf(ecsTask) <= MAX_PERSON_BYTES ? ecsTask : ecsTask.slice(-32)
  try {
    return `${userInfo().username}@${host}`
  } catch {
    return `uid ${process.getuid?.()}@${host}`
  }
}

function taskArn(metadata: unknown): string | undefined {
  const arn = typeof metadata === 'object' && metadata !== null && 'TaskARN' in metadata ? metadata.TaskARN : undefined
  return typeof arn === 'string' && bytesOf(arn) <= MAX_ARN_LENGTH ? arn : undefined
}

function readJson(url: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = get(url, { signal: AbortSignal.timeout(METADATA_TIMEOUT_MS) }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
        if (body.length > MAX_METADATA_BYTES) request.destroy(new Error('too long'))
      })
      response.on('end', () => {
        try {
          resolve(JSON.parse(body))
        } catch (error) {
          reject(error)
        }
      })
      response.on('error', reject)
    })
    request.on('error', reject)
  })
}
