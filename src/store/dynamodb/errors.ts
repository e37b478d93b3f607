import type { DynamoDBServiceException as ServiceException } from '@aws-sdk/client-dynamodb'
import { firstLine, LedgerError, quote } from '../../core/errors.ts'

/** The request to DynamoDB, for a message that the operator can act on. */
export interface Asked {
  /** The action as IAM names it: `dynamodb:UpdateItem`. */
  readonly action: string
  readonly table: string
  /** The host of the endpoint, or the region. */
  readonly place: string
}

/**
 * The names of the errors that say that credentials are missing, wrong, or do not allow the action. `AccessDenied…` has
 * many endings.
 */
const DENIED_NAMES =
  /AccessDenied|UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken|ExpiredToken|InvalidClientTokenId|RequestExpired|OptInRequired|NotAuthorized|TokenProvider/

/**
 * Turns an error of the SDK into a `LedgerError`. If its meaning is uncertain, the kind is `unreachable`, because the
 * request may have been applied. Only messages that hold no secrets are shown. The message of a wrong signature, for
 * example, quotes the session token.
 */
export function toLedgerError(error: unknown, asked: Asked): LedgerError {
  if (error instanceof LedgerError) return error
  const { action, table, place } = asked
  const { name, message } = nameAndMessage(error)
  const make = (kind: LedgerError['kind'], text: string) => new LedgerError(kind, text, { cause: error })

  if (message.startsWith('Region is missing')) return make('usage', 'no AWS region: set AWS_REGION')
  if (message.startsWith('Region not accepted')) return make('usage', `${message} Correct AWS_REGION`)
  if (message === 'Invalid URL') {
    return make('usage', 'the endpoint of DynamoDB is no URL: correct AWS_ENDPOINT_URL_DYNAMODB, or unset it')
  }
  if (name === 'ResourceNotFoundException') {
    const run = `run: cronledger setup --store dynamodb:${table}`
    return make('shape', `table ${quote(table)} does not exist in ${place}: correct the name, or ${run}`)
  }
  if (name === 'CredentialsProviderError') {
    const give = 'give the task a role, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'
    return make('denied', `no AWS credentials for ${action} on table ${quote(table)} in ${place}: ${give}`)
  }
  if (DENIED_NAMES.test(name)) {
    const why = name.startsWith('AccessDenied') ? `${name}: ${message}` : name
    return make(
      'denied',
      `${action} on table ${quote(table)} in ${place} was denied: ${why}; check credentials and policy`,
    )
  }
  if (name === 'ValidationException') {
    const run = `cronledger setup --store dynamodb:${table}`
    return make(
      'shape',
      `table ${quote(table)} in ${place} refuses ${action}: ${message}; to see what differs, run: ${run}`,
    )
  }
  return make(
    'unreachable',
    `no answer from DynamoDB (${place}) to ${action} on table ${quote(table)}: ${message || name}`,
  )
}

/**
 * Returns the error of a write as its caller must treat it. The SDK reports only the last of its tries. An earlier try
 * may have been applied, even if the answer to the last try is clear. `answer` is the error that ended the tries of the
 * write, if `error` comes from a read after the write.
 */
export function errorOfWrite(error: unknown, answer = error instanceof LedgerError ? error.cause : error): unknown {
  if (!(error instanceof LedgerError) || triesOf(answer) === 1) return error
  return new LedgerError('unreachable', error.message, { cause: error.cause })
}

/** Returns the name that the SDK gives to the error behind a `LedgerError`, or null if there is none. */
export function nameOfCause(error: unknown): string | null {
  return error instanceof LedgerError && error.cause instanceof Error ? error.cause.name : null
}

function triesOf(error: unknown): number {
  return metadataOf(error)?.attempts ?? 1
}

/** The SDK adds its metadata to every error, also to one that is not of its own class. */
function metadataOf(error: unknown): ServiceException['$metadata'] | undefined {
  return (error as Partial<ServiceException> | undefined)?.$metadata
}

function nameAndMessage(error: unknown): { readonly name: string; readonly message: string } {
  if (!(error instanceof Error)) return { name: 'unknown', message: 'given up' }
  // The text of an abort, "This operation was aborted", does not help the operator.
  if (error.name === 'AbortError') return { name: error.name, message: 'not in time' }
  // A failed connection to a name with several addresses is an AggregateError, which has no message.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined
  const message = error.message === '' && first !== undefined ? firstLine(first) : firstLine(error)
  const status = metadataOf(error)?.httpStatusCode
  // The SDK makes such an error from an answer that is not one of DynamoDB's, for example the page of a proxy.
  if (message === 'UnknownError' || (error instanceof SyntaxError && status !== undefined)) {
    return { name: error.name, message: `an answer with HTTP status ${status} that is not DynamoDB's` }
  }
  return {
    name: error.name,
    message: withoutSecrets(message.replace(/^@smithy\/node-http-handler - (\[ERROR\] )?/, '')),
  }
}

/**
 * Removes the ids of access keys, and the headers of a request that AWS or a proxy may quote, because many people read
 * a log.
 */
function withoutSecrets(text: string): string {
  return text
    .replace(/\b(AKIA|ASIA)[A-Z0-9]{12,}/g, '$1…')
    .replace(/\b(security-token|signature|credential|secret[\w-]*)(\s*[:=]\s*)[^\s,;]+/gi, '$1$2…')
}
