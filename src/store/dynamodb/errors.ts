import type { DynamoDBServiceException as ServiceException, ThrottlingReason } from '@aws-sdk/client-dynamodb'
import { errorCode, firstLine, LedgerError, quote } from '../../core/errors.ts'
import type { Environment } from '../../core/types.ts'
import { type MissingCredentials, shownProfile, withoutSecrets } from './credentials.ts'

export interface DynamoRequest {
  readonly action: string
  readonly table: string
  readonly place: string
  readonly env: Environment
  /** The variable that sends requests to another endpoint than that of the region, or null. */
  readonly endpointVariable: string | null
  readonly missing: MissingCredentials | null
  readonly changedNothing: boolean
}

/** Credentials are missing, wrong, or do not allow the action. `AccessDenied…` has many endings. */
const DENIED_NAMES =
  /AccessDenied|UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken|ExpiredToken|InvalidClientTokenId|RequestExpired|OptInRequired|NotAuthorized|TokenProvider/

/** The SDK corrects the time of its signatures by the server's clock. What is left are a wrong answer, and the dates of a certificate. */
const WRONG_TIME = /^Signature (expired|not yet current)|^CERT_(NOT_YET_VALID|HAS_EXPIRED)$/
const CHECK_CLOCK = 'Check the clock of this host (NTP).'

const THROTTLED_NAMES = /Throttl|ThroughputExceeded|RequestLimitExceeded/

/** A request that failed with one of these errors, or with a timeout of the connection, was never sent. */
const NOT_CONNECTED = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/
const NOT_CONNECTED_IN_TIME = /did not establish a connection/

export function isNotConnected(error: unknown): boolean {
  return NOT_CONNECTED.test(errorCode(error) ?? '') || NOT_CONNECTED_IN_TIME.test(firstLine(error))
}

/** Before the first try, such an error can only be about credentials: none were found, or their source failed. */
export function isAboutCredentials(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const isOfFile = 'path' in error && errorCode(error) !== undefined
  return error.name === 'CredentialsProviderError' || isOfFile || '$fault' in error || isNotConnected(error)
}

/** The kind is `unreachable` if the request may have been applied. Only messages that hold no secrets are shown. */
export function dynamoError(error: unknown, asked: DynamoRequest): LedgerError {
  if (error instanceof LedgerError) return error
  const { action, table, place, env, endpointVariable, missing, changedNothing } = asked
  const request = `${action} on table ${quote(table)}`
  const { name, message } = nameAndMessage(error)
  const make = (kind: LedgerError['kind'], text: string) =>
    new LedgerError(kind, text, { cause: error, changedNothing })

  if (message.startsWith('Region is missing')) return make('usage', noRegion(env))
  if (message.startsWith('Region not accepted')) {
    return make(
      'usage',
      `the AWS region is not valid: ${message.replace(/^Region not accepted: /, '')} Correct AWS_REGION.`,
    )
  }
  // The place is empty for a URL without a scheme, such as localhost:8000.
  if (message === 'Invalid URL' || place === '') {
    return make(
      'usage',
      'the endpoint of DynamoDB is not a valid URL. Correct AWS_ENDPOINT_URL_DYNAMODB or AWS_ENDPOINT_URL, which begins with https:// or http://, or unset it.',
    )
  }
  if (name === 'ResourceNotFoundException') {
    const create = `cronledger setup --store dynamodb:${table}`
    return make(
      'shape',
      `table ${quote(table)} does not exist in ${place}. Check the table name and AWS_REGION, or create the table: ${create}`,
    )
  }
  if (missing !== null) {
    const isKnown = name === 'CredentialsProviderError'
    const isDenied = isKnown ? !missing.isUnreachable : DENIED_NAMES.test(name)
    const why = message === NOT_IN_TIME ? ` ${NOT_IN_TIME}` : ''
    const answer = isKnown || why !== '' ? '' : ` (${message || name})`
    return make(
      isDenied ? 'denied' : 'unreachable',
      `no AWS credentials${why} for ${request} in ${place}${answer}. ${missing.hint}`,
    )
  }
  if (DENIED_NAMES.test(name)) {
    const why = name.startsWith('AccessDenied') ? `${name}: ${message}` : name
    const check = WRONG_TIME.test(message) ? CHECK_CLOCK : 'Check the credentials and the policy.'
    return make('denied', `${request} in ${place} was denied (${why}). ${check}`)
  }
  if (name === 'ValidationException') {
    const check = `cronledger setup --store dynamodb:${table} --check`
    return make(
      'shape',
      `table ${quote(table)} in ${place} rejects ${action} (${message}). See what is wrong: ${check}`,
    )
  }
  if (THROTTLED_NAMES.test(name)) {
    const reasons = throttlingReasons(error)
    const hint = reasons.some((reason) => reason.includes('KeyRange'))
      ? 'One key of the table or of its index gets too many requests, and more capacity does not change that. Start fewer runs at once.'
      : 'Start fewer runs at once, or give the table more capacity (on-demand, or a higher limit).'
    return make('unreachable', `DynamoDB in ${place} throttled ${request} (${[name, ...reasons].join(': ')}). ${hint}`)
  }
  if (isNotConnected(error)) {
    const check = endpointVariable ?? 'AWS_REGION and the network'
    const why = NOT_CONNECTED_IN_TIME.test(message) ? 'the connection timed out' : message
    return make('unreachable', `cannot connect to DynamoDB (${place}) for ${request}: ${why}. Check ${check}.`)
  }
  const why = message === NOT_IN_TIME ? ` ${NOT_IN_TIME}` : `: ${message || name}`
  const hint = WRONG_TIME.test(errorCode(error) ?? '') ? `. ${CHECK_CLOCK}` : ''
  return make('unreachable', `no answer from DynamoDB (${place}) to ${request}${why}${hint}`)
}

/** Returns what AWS says is throttled. The name of the member begins with a small letter in one of the exceptions. */
function throttlingReasons(error: unknown): readonly string[] {
  const members = error as Partial<Record<string, readonly ThrottlingReason[]>>
  const reasons = members['ThrottlingReasons'] ?? members['throttlingReasons'] ?? []
  return reasons.flatMap(({ reason }) => (reason === undefined ? [] : [withoutSecrets(reason)]))
}

const NOT_IN_TIME = 'in time'

function noRegion(env: Environment): string {
  const profile = env['AWS_PROFILE']
  return !profile
    ? 'no AWS region is set. Set AWS_REGION.'
    : `no AWS region is set, and profile ${shownProfile(profile)} (AWS_PROFILE) has none. Set AWS_REGION, or check the profile: aws configure list-profiles`
}

/**
 * The SDK reports only the last of its tries, and an earlier one may have been applied. `answer` is the error that ended the
 * tries of the write, if `error` comes from a read after it.
 */
export function errorOfWrite(error: unknown, answer = error instanceof LedgerError ? error.cause : error): unknown {
  if (!(error instanceof LedgerError) || (metadataOf(answer)?.attempts ?? 1) === 1) return error
  if (error.cause === answer && error.changedNothing) return error
  return new LedgerError('unreachable', error.message, { cause: error.cause })
}

export function nameOfCause(error: unknown): string | null {
  return error instanceof LedgerError && error.cause instanceof Error ? error.cause.name : null
}

/** The other denials reject the credentials for all actions. */
export function isByPolicy(error: unknown): boolean {
  return nameOfCause(error)?.startsWith('AccessDenied') ?? false
}

/** Returns whether AWS does not know the credentials, which may be too new. */
export function isUnknownClient(error: unknown): boolean {
  return /UnrecognizedClient|InvalidClientTokenId/.test(nameOfCause(error) ?? '')
}

/** The SDK adds its metadata to every error, also to one that is not of its own class. */
function metadataOf(error: unknown): ServiceException['$metadata'] | undefined {
  return (error as Partial<ServiceException> | undefined)?.$metadata
}

function nameAndMessage(error: unknown): { readonly name: string; readonly message: string } {
  if (!(error instanceof Error)) return { name: 'unknown', message: 'given up' }
  // The text of an abort, "This operation was aborted", does not help the operator.
  if (error.name === 'AbortError') return { name: error.name, message: NOT_IN_TIME }
  const message = firstLine(error)
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
