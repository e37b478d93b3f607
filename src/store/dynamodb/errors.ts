import type { DynamoDBServiceException as ServiceException } from '@aws-sdk/client-dynamodb'
import { firstLine, LedgerError } from '../../core/errors.ts'
import { quote } from '../../core/problem.ts'

/** What was asked of DynamoDB, for a message that a person can act on. */
export interface Asked {
  /** As IAM names it: `dynamodb:UpdateItem`. */
  readonly action: string
  readonly table: string
  /** Host of the endpoint, or the region. */
  readonly place: string
}

/** Names of errors that say: these credentials, or none, or not for this. `AccessDenied…` come with many endings. */
const DENIED =
  /AccessDenied|UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken|ExpiredToken|InvalidClientTokenId|RequestExpired|OptInRequired|NotAuthorized|TokenProvider/

/**
 * An error of the SDK as one of ours. What cannot be told for certain is `unreachable`: the request may have been applied.
 * Of messages only those are shown that hold no secrets: that of a wrong signature, for one, quotes the session token.
 */
export function toLedgerError(error: unknown, asked: Asked): LedgerError {
  if (error instanceof LedgerError) return error
  const { action, table, place } = asked
  const { name, message } = describe(error)
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
  if (DENIED.test(name)) {
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
 * The error of a write as its caller must take it. The SDK tells the last of its tries only: where there was one before,
 * that may have been applied, however clear the answer to the last one is. `answer` is what ended the tries of the write
 * itself, where the error is that of a read after it.
 */
export function errorOfWrite(error: unknown, answer = error instanceof LedgerError ? error.cause : error): unknown {
  if (!(error instanceof LedgerError) || triesOf(answer) === 1) return error
  return new LedgerError('unreachable', error.message, { cause: error.cause })
}

/** What the SDK calls the error behind one of ours. */
export function nameOfCause(error: unknown): string | null {
  return error instanceof LedgerError && error.cause instanceof Error ? error.cause.name : null
}

function triesOf(error: unknown): number {
  return (error as Partial<ServiceException> | undefined)?.$metadata?.attempts ?? 1
}

function describe(error: unknown): { readonly name: string; readonly message: string } {
  if (!(error instanceof Error)) return { name: 'unknown', message: 'given up' }
  // An abort has words of its own, "This operation was aborted", which tell a person nothing.
  if (error.name === 'AbortError') return { name: error.name, message: 'not in time' }
  // A failed connection to a name with several addresses is an AggregateError, which has no message.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined
  const message = error.message === '' && first !== undefined ? firstLine(first) : firstLine(error)
  const status = (error as Partial<ServiceException>).$metadata?.httpStatusCode
  // What the SDK makes of an answer that says nothing that DynamoDB would say, or is a page: a proxy's, for one.
  if (message === 'UnknownError' || (error instanceof SyntaxError && status !== undefined)) {
    return { name: error.name, message: `an answer with HTTP status ${status} that is not DynamoDB's` }
  }
  return {
    name: error.name,
    message: withoutSecrets(message.replace(/^@smithy\/node-http-handler - (\[ERROR\] )?/, '')),
  }
}

/** Ids of access keys, and what AWS or a proxy on the way quotes of a request's headers: a log is read by many. */
function withoutSecrets(text: string): string {
  return text
    .replace(/\b(AKIA|ASIA)[A-Z0-9]{12,}/g, '$1…')
    .replace(/\b(security-token|signature|credential|secret[\w-]*)(\s*[:=]\s*)[^\s,;]+/gi, '$1$2…')
}
