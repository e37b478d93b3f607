import { readFileSync } from 'node:fs'
import { quote } from '../../core/errors.ts'
import type { Environment } from '../../core/types.ts'

export interface MissingCredentials {
  /** Whether there is a source of credentials that gave none this time. The same request may succeed later. */
  readonly isUnreachable: boolean
  readonly hint: string
}

/** In the order of the SDK's chain, with what to check. The chain keeps only its last error. Some values are secrets. */
const SOURCE_VARIABLES: readonly (readonly [variable: string, check: string])[] = [
  ['AWS_WEB_IDENTITY_TOKEN_FILE', 'Check that the file can be read, and AWS_ROLE_ARN.'],
  ['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', 'Check that the container can reach its credentials endpoint.'],
  ['AWS_CONTAINER_CREDENTIALS_FULL_URI', 'Check that the container can reach its credentials endpoint.'],
]

const KEY_VARIABLES = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']

/** How the SDK says that a login is missing or has expired. Only the first one names a profile, such as that of `source_profile`. */
const NO_SSO_LOGIN = /token associated with profile=(\S+) was|aws sso login|Session token not found or invalid/
const NO_LOGIN = /Please re-?authenticate|^Failed to load token from/i

/**
 * A profile is not unreachable: most of them fail because they do not exist, or because a sign-in has expired. `error` is what
 * the SDK said.
 */
export async function missingCredentials(
  env: Environment,
  signal: AbortSignal,
  error: unknown,
): Promise<MissingCredentials> {
  const profile = env['AWS_PROFILE']
  const said = error instanceof Error ? error.message : ''
  const noSsoLogin = NO_SSO_LOGIN.exec(said)
  if (noSsoLogin !== null || NO_LOGIN.test(said)) {
    const name = withoutSecrets(noSsoLogin?.[1] ?? (profile || 'default'))
    const shown = /^[\w.@+-]+$/.test(name) ? name : quote(name)
    const [login, command] = noSsoLogin === null ? ['login', 'aws login'] : ['SSO login', 'aws sso login']
    return { isUnreachable: false, hint: `The ${login} is missing or has expired: ${command} --profile ${shown}` }
  }
  if (profile) {
    return {
      isUnreachable: false,
      hint: `AWS_PROFILE is ${shownProfile(profile)}. Check that ~/.aws has this profile (aws configure list-profiles), and that its keys are a pair and have not expired.`,
    }
  }
  const [set, ...others] = KEY_VARIABLES.filter((variable) => env[variable])
  if (set !== undefined && others.length === 0) {
    const other = KEY_VARIABLES.find((variable) => variable !== set)
    return { isUnreachable: false, hint: `${set} is set, but ${other} is not. Set both, or unset ${set}.` }
  }
  const source = SOURCE_VARIABLES.find(([variable]) => env[variable])
  if (source !== undefined) {
    const [variable, check] = source
    // Without the role, the SDK does not even read the token.
    const isComplete = variable !== 'AWS_WEB_IDENTITY_TOKEN_FILE' || Boolean(env['AWS_ROLE_ARN'])
    return { isUnreachable: isComplete, hint: `${variable} is set, but gave none. ${check}` }
  }
  if (mayHaveInstanceRole(env) && (await hasInstanceRole(env, signal))) {
    return {
      isUnreachable: true,
      hint: 'The metadata service of the EC2 instance gave none. Check the role of the instance.',
    }
  }
  return {
    isUnreachable: false,
    hint: 'Give the ECS task a role (taskRoleArn), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. A profile in ~/.aws needs both keys, too.',
  }
}

/** Returns whether the credentials are those of a role that a container was given, which may be seconds old. */
export function areOfRole(env: Environment): boolean {
  if (env['AWS_PROFILE'] || KEY_VARIABLES.every((variable) => env[variable])) return false
  return SOURCE_VARIABLES.some(([variable]) => env[variable])
}

export function shownProfile(profile: string): string {
  return quote(withoutSecrets(profile))
}

/** Removes the ids of access keys, and headers that AWS or a proxy may quote, because many people read a log. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/\b(AKIA|ASIA)[A-Z0-9]{12,}/g, '$1…')
    .replace(/\b(security-token|signature|credential|secret[\w-]*)(\s*[:=]\s*)[^\s,;]+/gi, '$1$2…')
}

/** As in the SDK. If an answer is late, the run asks for credentials again. */
const METADATA_TIMEOUT_MS = 1_000

/** The role of an instance is not that of an ECS task or of a pod on it. */
function mayHaveInstanceRole(env: Environment): boolean {
  if (env['AWS_EC2_METADATA_DISABLED'] === 'true') return false
  if (env['AWS_EC2_METADATA_SERVICE_ENDPOINT']) return true
  if (env['ECS_CONTAINER_METADATA_URI_V4'] || env['KUBERNETES_SERVICE_HOST']) return false
  try {
    return readFileSync('/sys/class/dmi/id/sys_vendor', 'utf8').trim() === 'Amazon EC2'
  } catch {
    return false
  }
}

/**
 * Returns false if the instance says that it has no role. No answer, or an error, counts as unreachable.
 *
 * Source: Amazon EC2 User Guide, "Retrieve security credentials from instance metadata".
 */
async function hasInstanceRole(env: Environment, signal: AbortSignal): Promise<boolean> {
  const endpoint = env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] || 'http://169.254.169.254'
  const ask = (path: string, method: string, headers: Record<string, string>) => {
    signal.throwIfAborted()
    // Not together with `signal`: on Node 20, `AbortSignal.any` loses a timeout to the garbage collector.
    return fetch(new URL(path, endpoint), { method, headers, signal: AbortSignal.timeout(METADATA_TIMEOUT_MS) })
  }
  try {
    const token = await ask('/latest/api/token', 'PUT', { 'x-aws-ec2-metadata-token-ttl-seconds': '60' })
    const headers = token.ok ? { 'x-aws-ec2-metadata-token': await token.text() } : {}
    return (await ask('/latest/meta-data/iam/security-credentials/', 'GET', headers)).status !== 404
  } catch {
    return true
  }
}
