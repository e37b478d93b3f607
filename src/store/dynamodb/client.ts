import type { Agent } from 'node:https'
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import type { CallOptions } from '../store.ts'
import { toLedgerError } from './errors.ts'

/** Inside of a region a connection takes milliseconds; what takes this long is lost. The SDK's own default: no limit. */
const CONNECT_TIMEOUT_MS = 2_000

/** DynamoDB itself gives a request up after about 5 s; three tries stay inside of the default `--ledger-timeout`. */
const REQUEST_TIMEOUT_MS = 5_000

/**
 * A connection that was idle for longer is not used again: it may have gone dead without a word, and a finish that finds
 * that out by a request's timeout has used up what a short stop leaves. A new one costs some milliseconds.
 */
const IDLE_TIMEOUT_MS = 4_000

/** Bears a lost packet and a throttle without help; longer outages are the caller's to wait for. */
const MAX_TRIES = 3

/**
 * The SDK makes an agent for TLS in any case, and loading TLS takes milliseconds: this one is for an endpoint without, as
 * servers for development have it.
 */
const NO_TLS = { destroy() {} } as unknown as Agent

/**
 * The SDK warns through the console, which would turn the child's pipe non-blocking; all it says here comes as errors. For
 * what it has no method for (`info`, `error`: each request and its answer), it does not put anything together either.
 */
const SILENT = { trace() {}, debug() {}, warn() {} } as unknown as NonNullable<DynamoDBClientConfig['logger']>

export interface DynamoOptions {
  /** Name or ARN of the table. */
  readonly table: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Instead of the standard chain. */
  readonly config?: Pick<DynamoDBClientConfig, 'endpoint' | 'region' | 'credentials'>
}

export interface Dynamo {
  readonly table: string
  readonly client: DynamoDBClient
  /** Sends one request, named as IAM names its action; ends by itself or with the signal. Throws `LedgerError`. */
  ask<T>(action: string, send: Send<T>, call: CallOptions): Promise<T>
  close(): void
}

type Send<T> = (client: DynamoDBClient, options: { readonly abortSignal: AbortSignal }) => Promise<T>

/** Errors that are answers to the one who asked. */
const ANSWERS = new Set(['ConditionalCheckFailedException', 'ResourceInUseException', 'UnknownOperationException'])

export function connect({ table, env, config }: DynamoOptions): Dynamo {
  // An ARN names its region, and a request anywhere else would be refused.
  const region = /^arn:[^:]*:dynamodb:([^:]+):/.exec(table)?.[1]
  const endpoint = config?.endpoint ?? (env['AWS_ENDPOINT_URL_DYNAMODB'] || env['AWS_ENDPOINT_URL'])
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
      // Without it the limit above only logs. The other one is for an answer that stops half-way.
      throwOnRequestTimeout: true,
      socketTimeout: REQUEST_TIMEOUT_MS,
      // Of an agent, the timeout of the sockets that wait in it.
      httpAgent: { timeout: IDLE_TIMEOUT_MS },
      httpsAgent: isPlain ? NO_TLS : { timeout: IDLE_TIMEOUT_MS },
      logger: SILENT,
    },
  })

  /** Host of the endpoint where one was given, else the region: what a person checks first. */
  async function place(): Promise<string> {
    if (typeof endpoint === 'string') {
      return URL.canParse(endpoint) ? new URL(endpoint).host : 'AWS_ENDPOINT_URL_DYNAMODB'
    }
    return client.config.region().catch(() => 'no region')
  }

  return {
    table,
    client,
    async ask(action, send, { signal }) {
      try {
        if (signal.aborted) throw notInTime()
        // The SDK does not watch the signal while it looks for credentials or waits between tries.
        return await untilAborted(send(client, { abortSignal: signal }), signal)
      } catch (error) {
        if (error instanceof Error && ANSWERS.has(error.name)) throw error
        throw toLedgerError(error, { action: `dynamodb:${action}`, table, place: await place() })
      }
    },
    close: () => client.destroy(),
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
