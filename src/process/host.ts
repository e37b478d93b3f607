import { get } from 'node:http'
import { hostname, userInfo } from 'node:os'
import { isRecord } from '../core/objects.ts'
import type { Environment, Host } from '../core/types.ts'
import { bytesOf, MAX_PERSON_BYTES } from '../core/user-text.ts'

/** ECS answers from the same machine within milliseconds. A run must not wait longer for it. */
const METADATA_TIMEOUT_MS = 1_000
/** The longest names of a cluster give an ARN of about 350 characters. A longer text is not an ARN. */
const MAX_ARN_LENGTH = 400
/** The metadata of a task is a few KB. A longer answer is not metadata. */
const MAX_METADATA_BYTES = 1_048_576

/**
 * Returns where this process runs. Under ECS (`ECS_CONTAINER_METADATA_URI_V4`), it asks for the ARN of the task, for up
 * to a second. Without an answer, it returns only the host name.
 *
 * Source: Amazon ECS Developer Guide, "Amazon ECS task metadata endpoint version 4".
 */
export async function findHost(env: Environment): Promise<Host> {
  const host = hostname()
  const endpoint = env['ECS_CONTAINER_METADATA_URI_V4']
  if (endpoint === undefined || endpoint === '') return { host }
  const ecsTask = await readJson(`${endpoint}/task`).then(taskArn, () => undefined)
  return ecsTask === undefined ? { host } : { host, ecsTask }
}

/**
 * Returns the default name of the operator: the ECS task, or user and host. The user of a container may have no name.
 */
export function operatorOf({ host, ecsTask }: Host): string {
  // If the ARN is too long, the id of the task at its end is enough to identify it.
  if (ecsTask !== undefined) return bytesOf(ecsTask) <= MAX_PERSON_BYTES ? ecsTask : ecsTask.slice(-32)
  try {
    return `${userInfo().username}@${host}`
  } catch {
    return `uid ${process.getuid?.()}@${host}`
  }
}

function taskArn(metadata: unknown): string | undefined {
  const arn = isRecord(metadata) ? metadata['TaskARN'] : undefined
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
