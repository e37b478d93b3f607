import type { Treatment } from '../support/proxy.ts'

export interface Fault {
  readonly name: string
  readonly how: Treatment
  /** `lost`: no useful answer, so the request is sent again; `denied`: a retry is useless; `late`: an answer that comes later. */
  readonly is: 'lost' | 'denied' | 'late'
  /** When the request is applied: at once, when the proxy lets it through, or never. */
  readonly applied: 'now' | 'later' | 'never'
}

/** Characters that must not reach a terminal: control characters except the line feed, and those that change the direction of writing. */
export const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is about these
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/

export function awsError(status: number, type: string, message: string, field = 'message'): Treatment {
  return { answer: { status, body: JSON.stringify({ __type: type, [field]: message }) } }
}

const DYNAMODB = 'com.amazonaws.dynamodb.v20120810'
const NOT_ALLOWED =
  'User: arn:aws:sts::123456789012:assumed-role/batch/0123 is not authorized to perform: dynamodb:UpdateItem on resource: arn:aws:dynamodb:eu-west-1:123456789012:table/ledger because no identity-based policy allows the dynamodb:UpdateItem action'

const never = { is: 'lost', applied: 'never' } as const
const throttled = (type: string, message: string): Fault => ({
  ...never,
  name: type.replace(/.*#/, ''),
  how: awsError(400, type, message),
})
const denied = (name: string, message: string, field?: string): Fault => ({
  name,
  how: awsError(400, `com.amazon.coral.service#${name}`, message, field),
  is: 'denied',
  applied: 'never',
})

export const FAULTS: readonly Fault[] = [
  { ...never, name: 'cut before the server sees it', how: 'cutRequest' },
  { ...never, name: 'cut before the answer', how: 'cutAnswer', applied: 'now' },
  { ...never, name: 'cut in the answer', how: 'cutInAnswer', applied: 'now' },
  { ...never, name: 'held, and let through after later ones', how: 'cutAndHold', applied: 'later' },
  { ...never, name: 'never answered', how: 'stall' },
  { ...never, name: 'applied, never answered', how: 'stallAnswer', applied: 'now' },
  { name: 'delayed', how: { delayMs: 250 }, is: 'late', applied: 'now' },
  throttled(`${DYNAMODB}#ProvisionedThroughputExceededException`, 'The level of configured throughput was exceeded.'),
  throttled('com.amazon.coral.availability#ThrottlingException', 'Rate of requests exceeds the allowed throughput.'),
  throttled(`${DYNAMODB}#RequestLimitExceeded`, 'Throughput exceeds the current limit for your account.'),
  {
    ...never,
    name: 'InternalServerError',
    how: awsError(500, `${DYNAMODB}#InternalServerError`, 'The request processing has failed'),
  },
  {
    ...never,
    name: 'a 503 that is not JSON',
    how: { answer: { status: 503, body: '<html><h1>503 Service Temporarily Unavailable</h1></html>' } },
  },
  denied('ExpiredTokenException', 'The security token included is expired'),
  // This one has its text under a capital M.
  denied('AccessDeniedException', NOT_ALLOWED, 'Message'),
  denied('UnrecognizedClientException', 'The security token is invalid.'),
]
