import type { Agent } from 'node:https'
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { isRecord } from '../../core/objects.ts'
import { parseTaskArn } from '../../core/place.ts'
import type { Environment } from '../../core/types.ts'
import type { CallOptions } from '../store.ts'
import { missingCredentials } from './credentials.ts'
import { dynamoError, isAboutCredentials, isNotConnected } from './errors.ts'

/** Connecting takes milliseconds within a region. The SDK has no limit by default. */
const CONNECT_TIMEOUT_MS = 2_000

/** DynamoDB itself gives up a request after about 5 s. Three tries fit into the default `--ledger-timeout`. */
const REQUEST_TIMEOUT_MS = 5_000

/** An idle connection may be dead. To notice that by a timeout takes the time that a short stop leaves for a finish. */
const IDLE_TIMEOUT_MS = 4_000

/** Enough for a lost packet or a throttled request. The caller waits until the table can be reached again. */
const MAX_TRIES = 3

/** For an endpoint without TLS. Without it, the SDK makes an agent for TLS in any case, which takes milliseconds to load. */
const NO_TLS = { destroy() {} } as Agent

/** The console would make the batch's pipe non-blocking. Everything that the SDK warns of also comes as an error. */
const SILENT = { trace() {}, debug() {}, warn() {} } as NonNullable<DynamoDBClientConfig['logger']>

export interface DynamoOptions {
  readonly table: string
  readonly env: Environment
  readonly config?: Pick<DynamoDBClientConfig, 'endpoint' | 'region' | 'credentials'>
}

export interface Dynamo {
  readonly table: string
  readonly client: DynamoDBClient
  /** Returns whether the region is that of the ECS task, because nothing else names one. */
  isRegionOfTask(): boolean
  /** Sends one request. `action` is the name that IAM has for it. Throws `LedgerError`, or an error that `ANSWERS` names. */
  ask<T>(action: string, send: Send<T>, call: CallOptions): Promise<T>
  close(): void
}

interface SendOptions {
  readonly abortSignal: AbortSignal
  readonly trail: Trail
}

/** The fate of the tries of one request. The SDK reports only the last one. */
interface Trail {
  maybeSent: boolean
  /** A try that was answered with 400 has changed nothing. */
  maybeApplied: boolean
  /** The error of the last try that had no connection, or null. */
  notConnected: unknown
}

type Send<T> = (client: DynamoDBClient, options: SendOptions) => Promise<T>

const ANSWERS = new Set(['ConditionalCheckFailedException', 'ResourceInUseException', 'UnknownOperationException'])

/** Returns whether the error says that the server does not know the request. Development servers lack some. */
export function isUnknownOperation(error: unknown): boolean {
  return error instanceof Error && error.name === 'UnknownOperationException'
}

export function connect({ table, env, config }: DynamoOptions): Dynamo {
  // An ARN names its region. DynamoDB would refuse a request to any other region.
  const ofTable = /^arn:[^:]*:dynamodb:([^:]+):/.exec(table)?.[1]
  const ofTask = ofTable === undefined && config?.region === undefined ? taskRegion(env) : null
  const region = ofTable ?? ofTask?.find
  const endpointVariable = endpointVariableOf(env)
  const endpoint = config?.endpoint ?? (endpointVariable === null ? undefined : env[endpointVariable])
  const isPlain = typeof endpoint === 'string' && endpoint.startsWith('http:')
  const client = new DynamoDBClient({
    ...(region === undefined ? {} : { region }),
    ...config,
    maxAttempts: MAX_TRIES,
    retryMode: 'standard',
    logger: SILENT,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // Without this option, the limit above only logs. The limit below is for an answer that stops half-way.
      throwOnRequestTimeout: true,
      socketTimeout: REQUEST_TIMEOUT_MS,
      // The timeout of an agent limits how long a connection stays in it unused.
      httpAgent: { timeout: IDLE_TIMEOUT_MS },
      httpsAgent: isPlain ? NO_TLS : { timeout: IDLE_TIMEOUT_MS },
      logger: SILENT,
    },
  })

  watchTries(client)

  /** Returns the host of a given endpoint, or else the region: the first thing for the operator to check. */
  async function place(): Promise<string> {
    if (typeof endpoint === 'string') {
      return URL.canParse(endpoint) ? new URL(endpoint).host : String(endpointVariable)
    }
    return client.config.region().catch(() => 'no region')
  }

  return {
    table,
    client,
    isRegionOfTask: () => ofTask?.isUsed() ?? false,
    async ask(action, send, { signal }) {
      const trail: Trail = { maybeSent: false, maybeApplied: false, notConnected: null }
      let isAsked = false
      try {
        if (signal.aborted) throw notInTime()
        isAsked = true
        // The SDK does not watch the signal while it looks for credentials or waits between tries.
        return await untilAborted(send(client, { abortSignal: signal, trail }), signal)
      } catch (error) {
        if (error instanceof Error && ANSWERS.has(error.name)) throw error
        const { maybeSent, maybeApplied, notConnected } = trail
        // Before its first try, the SDK waits only for credentials.
        const isUntried = isAsked && !maybeSent && notConnected === null
        const needsCredentials = isUntried && (signal.aborted || isAboutCredentials(error))
        const missing = needsCredentials ? await missingCredentials(env, signal, error) : null
        const asked = { action: `dynamodb:${action}`, table, place: await place(), env, endpointVariable, missing }
        throw dynamoError((signal.aborted && !maybeSent && notConnected) || error, {
          ...asked,
          changedNothing: !maybeApplied,
        })
      }
    },
    close: () => client.destroy(),
  }
}

export function endpointVariableOf(env: Environment): string | null {
  if (env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true') return null
  return ['AWS_ENDPOINT_URL_DYNAMODB', 'AWS_ENDPOINT_URL'].find((name) => env[name]) ?? null
}

function watchTries({ config: { requestHandler } }: DynamoDBClient): void {
  const handle = requestHandler.handle.bind(requestHandler)
  requestHandler.handle = async (request, options) => {
    const { trail } = options as typeof options & Partial<SendOptions>
    if (trail === undefined) return handle(request, options)
    const before = { ...trail }
    Object.assign(trail, { maybeSent: true, maybeApplied: true })
    try {
      const answer = await handle(request, options)
      if (answer.response.statusCode === 400) trail.maybeApplied = before.maybeApplied
      return answer
    } catch (error) {
      if (isNotConnected(error)) Object.assign(trail, before, { notConnected: error })
      throw error
    }
  }
}

function untilAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(notInTime())
    signal.addEventListener('abort', abort, { once: true })
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

function notInTime(): Error {
  return new DOMException('not in time', 'AbortError')
}

/** ECS answers from the same machine within milliseconds, but a small task has little CPU, and without a region it does not run. */
const METADATA_TIMEOUT_MS = 5_000

/**
 * Returns how to find the region of this ECS task, or null if it is not needed: outside of ECS, and where `AWS_REGION` is
 * set. ECS sets it for its tasks, but does not document that for each launch type. The ARN of the task has the region, too.
 *
 * Sources: Amazon ECS Developer Guide, "Amazon ECS environment variables" and "Amazon ECS task metadata endpoint version 4".
 */
function taskRegion(env: Environment) {
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
