import type { DynamoDBServiceException as ServiceException } from '@aws-sdk/client-dynamodb'
import { firstLine, LedgerError, quote } from '../../core/errors.ts'
import type { Environment } from '../../core/types.ts'

/** The request to DynamoDB, for a message that the operator can act on. */
export interface DynamoRequest {
  /** The action as IAM names it: `dynamodb:UpdateItem`. */
  readonly action: string
  readonly table: string
  /** The host of the endpoint, or the region. */
  readonly place: string
  /** The environment, whose variables choose the region and the credentials. */
  readonly env: Environment
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
export function toLedgerError(error: unknown, asked: DynamoRequest): LedgerError {
  if (error instanceof LedgerError) return error
  const { action, table, place, env } = asked
  const request = `${action} on table ${quote(table)}`
  const { name, message } = nameAndMessage(error)
  const make = (kind: LedgerError['kind'], text: string) => new LedgerError(kind, text, { cause: error })

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
  if (name === 'CredentialsProviderError') {
    return make('denied', `no AWS credentials for ${request} in ${place}. ${credentialsHint(env)}`)
  }
  if (DENIED_NAMES.test(name)) {
    const why = name.startsWith('AccessDenied') ? `${name}: ${message}` : name
    return make('denied', `${request} in ${place} was denied (${why}). Check the credentials and the policy.`)
  }
  if (name === 'ValidationException') {
    const check = `cronledger setup --store dynamodb:${table} --check`
    return make(
      'shape',
      `table ${quote(table)} in ${place} rejects ${action} (${message}). See what is wrong: ${check}`,
    )
  }
  const hint = message.includes('ENOTFOUND') ? '. Check AWS_REGION and the network.' : ''
  const why = message === NOT_IN_TIME ? ` ${NOT_IN_TIME}` : `: ${message || name}`
  return make('unreachable', `no answer from DynamoDB (${place}) to ${request}${why}${hint}`)
}

/** The message of a request that took longer than its caller could wait. It follows `no answer`. */
const NOT_IN_TIME = 'in time'

function noRegion(env: Environment): string {
  const profile = profileOf(env)
  return profile === null
    ? 'no AWS region is set. Set AWS_REGION.'
    : `no AWS region is set, and profile ${profile} (AWS_PROFILE) has none. Set AWS_REGION, or check the profile: aws configure list-profiles`
}

/**
 * The variables that name a source of credentials, in the order of the SDK's chain, and what to check in that source.
 * The chain keeps only the last of its errors, which says that there are no more sources. The values of these variables
 * are not shown, because some are secrets.
 */
const CREDENTIAL_VARIABLES: readonly (readonly [variable: string, check: string])[] = [
  ['AWS_WEB_IDENTITY_TOKEN_FILE', 'Check that the file can be read, and AWS_ROLE_ARN.'],
  ['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', 'Check that the container can reach its credentials endpoint.'],
  ['AWS_CONTAINER_CREDENTIALS_FULL_URI', 'Check that the container can reach its credentials endpoint.'],
]

function credentialsHint(env: Environment): string {
  const profile = profileOf(env)
  if (profile !== null) {
    return `AWS_PROFILE is ${profile}. Check that ~/.aws has this profile (aws configure list-profiles), and that its credentials have not expired.`
  }
  const source = CREDENTIAL_VARIABLES.find(([variable]) => env[variable])
  if (source !== undefined) return `${source[0]} is set, but gave none. ${source[1]}`
  return 'Give the ECS task a role (taskRoleArn), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.'
}

function profileOf(env: Environment): string | null {
  const profile = env['AWS_PROFILE']
  return profile ? quote(withoutSecrets(profile)) : null
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
  if (error.name === 'AbortError') return { name: error.name, message: NOT_IN_TIME }
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
