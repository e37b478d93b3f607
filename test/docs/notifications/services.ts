import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Loose } from '../../support/cli.ts'
import { listen } from '../../support/servers.ts'

/*
 * Servers that answer as the services document it, and keep what they accept. Each refuses a request that the service
 * would refuse, so that the script fails.
 */

interface Request {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly type: string
  readonly authorization: string | undefined
  readonly body: string
}

interface Reply {
  readonly status: number
  readonly body: string
}

export interface Service<T> {
  readonly url: string
  readonly accepted: readonly T[]
  stop(): Promise<void>
}

/** Starts a server. `accept` returns what it keeps of a request, or why it refuses the request. */
async function startService<T>(path: string, ok: Reply, accept: (request: Request) => T | Reply): Promise<Service<T>> {
  const accepted: T[] = []
  const server = createServer(async (incoming, outgoing) => {
    const url = new URL(incoming.url ?? '', 'http://localhost')
    const { method = '', headers } = incoming
    const body = await text(incoming)
    const type = headers['content-type'] ?? ''
    const { authorization } = headers
    const result = accept({ authorization, method, path: url.pathname, query: url.searchParams, type, body })
    const reply = isReply(result) ? result : ok
    if (!isReply(result)) accepted.push(result)
    outgoing.writeHead(reply.status).end(reply.body)
  })
  const { endpoint, stop } = await listen(server)
  return { url: `${endpoint}${path}`, accepted, stop }
}

function isReply(result: unknown): result is Reply {
  return typeof result === 'object' && result !== null && 'status' in result && typeof result.status === 'number'
}

const NOT_FOUND: Reply = { status: 404, body: 'not found' }
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * An incoming webhook: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/ It cuts a longer text:
 * https://docs.slack.dev/changelog/2018-truncating-really-long-messages/
 */
export function startSlack(): Promise<Service<{ readonly text: string }>> {
  const path = '/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX'
  return startService(path, { status: 200, body: 'ok' }, (request) => {
    if (request.path !== path || request.method !== 'POST') return NOT_FOUND
    const { text: message } = asObject(parsed(request))
    if (request.type !== 'application/json') return { status: 400, body: 'invalid_payload' }
    return isText(message, 40_000) ? { text: message } : { status: 400, body: 'no_text' }
  })
}

function parsed({ body }: Request): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}

export interface Alert {
  readonly action: 'open' | 'close'
  readonly key: unknown
  readonly title?: unknown
}

const asObject = (value: unknown): Loose => (typeof value === 'object' && value !== null ? (value as Loose) : {})
const isText = (value: unknown, most: number): value is string =>
  typeof value === 'string' && value !== '' && [...value].length <= most
const json = (status: number, body: object): Reply => ({ status, body: JSON.stringify(body) })

/**
 * The Events API v2: https://developer.pagerduty.com/docs/send-alert-event Its schema is in
 * https://github.com/PagerDuty/api-schema/blob/main/reference/events-v2/openapiv3.json
 */
export function startPagerDuty(): Promise<Service<Alert>> {
  const path = '/v2/enqueue'
  const accepted = json(202, { status: 'success', message: 'Event processed', dedup_key: '' })
  return startService<Alert>(path, accepted, (request) => {
    if (request.path !== path || request.method !== 'POST') return NOT_FOUND
    const { routing_key: routing, event_action: action, dedup_key: key, payload } = asObject(parsed(request))
    const invalid = (error: string) =>
      json(400, { status: 'invalid event', message: 'Event object is invalid', errors: [error] })
    if (request.type !== 'application/json') return invalid('content type')
    if (!isText(routing, 32) || routing.length !== 32) return invalid("Length of 'routing_key' is incorrect")
    if (!isText(key, 255)) return invalid("'dedup_key'")
    if (action === 'resolve') return { action: 'close', key }
    const { summary, source, severity } = asObject(payload)
    if (action !== 'trigger') return invalid("'event_action'")
    if (!isText(summary, 1024) || !isText(source, 1024)) return invalid("'payload' is missing or has no valid text")
    if (!['critical', 'error', 'warning', 'info'].includes(severity)) return invalid("'payload.severity'")
    return { action: 'open', key, title: summary }
  })
}

/**
 * The Alert API: https://docs.opsgenie.com/docs/alert-api Its answers: https://docs.opsgenie.com/docs/response It handles a request
 * later, so an alert that does not exist is no error.
 */
export function startOpsgenie(): Promise<Service<Alert>> {
  const ids = { took: 0.3, requestId: '43a29c5c-3dbf-4fa4-9c26-f4f71023e120' }
  const accepted = json(202, { result: 'Request will be processed', ...ids })
  return startService<Alert>('', accepted, (request) => {
    const refuse = (status: number, message: string) => json(status, { message, ...ids })
    if (request.authorization !== 'GenieKey 0123') return refuse(401, 'Could not authenticate')
    if (request.method !== 'POST') return refuse(405, 'Method not allowed')
    if (request.type !== 'application/json') return refuse(415, 'Unsupported media type')
    const body = parsed(request)
    if (body === null) return refuse(400, 'Could not parse the request body')
    const { message, alias, description, source, note = ' ' } = asObject(body)
    const [, closed] = /^\/v2\/alerts\/([^/]+)\/close$/.exec(request.path) ?? []
    const isClose = closed !== undefined && request.query.get('identifierType') === 'alias'
    if (!isClose && request.path !== '/v2/alerts') return refuse(404, 'Not found')
    if (!isText(source, 100)) return refuse(422, 'source')
    if (isClose) {
      return isText(note, 25_000) ? { action: 'close', key: decodeURIComponent(closed) } : refuse(422, 'note')
    }
    if (!isText(message, 130) || !isText(alias, 512) || !isText(description, 15_000)) return refuse(422, 'message')
    return { action: 'open', key: alias, title: message }
  })
}

/**
 * A workflow that posts what a webhook gets, a card in the form of an incoming webhook with its limit of 28 KB:
 * https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using and `add-incoming-webhook`
 */
export function startTeams(): Promise<Service<readonly unknown[]>> {
  const path = '/workflows/0123/triggers/manual/paths/invoke'
  return startService<readonly unknown[]>(path, { status: 202, body: '' }, (request) => {
    if (request.path !== path || request.method !== 'POST') return NOT_FOUND
    if (request.type !== 'application/json') return { status: 400, body: '' }
    if (Buffer.byteLength(request.body) > 28 * 1024) return { status: 413, body: '' }
    const { type, attachments } = asObject(parsed(request))
    const { contentType, content } = asObject(Array.isArray(attachments) ? attachments[0] : null)
    const { type: card, version, body } = asObject(content)
    const isCard = contentType === 'application/vnd.microsoft.card.adaptive' && card === 'AdaptiveCard'
    if (type !== 'message' || !isCard || version !== '1.4' || !Array.isArray(body)) return { status: 400, body: '' }
    return body.map((block) => asObject(asObject(block)['inlines']?.[0])['text'])
  })
}

export interface Ping {
  readonly action: 'start' | 'success' | 'fail' | 'log'
  readonly rid: string | null
  readonly body: string
}

/** The pinging API: https://healthchecks.io/docs/http_api/ */
export function startHealthchecks(): Promise<Service<Ping>> {
  const path = '/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278'
  return startService<Ping>(path, { status: 200, body: 'OK' }, ({ method, path: asked, query, body }) => {
    const [, action = 'success'] = /^\/[0-9a-f-]{36}(?:\/(start|fail|log))?$/.exec(asked) ?? [null, null]
    if (action === null || !asked.startsWith(path)) return NOT_FOUND
    if (!['HEAD', 'GET', 'POST'].includes(method)) return { status: 405, body: '' }
    const rid = query.get('rid')
    if (rid !== null && !UUID.test(rid)) return { status: 400, body: 'invalid uuid format' }
    return { action: action as Ping['action'], rid, body }
  })
}

export type CheckInStatus = 'in_progress' | 'ok' | 'error'

/** Check-ins by HTTP: https://docs.sentry.io/product/monitors-and-alerts/monitors/crons/getting-started/http/ */
export function startSentry(): Promise<Service<{ readonly id: string; readonly status: CheckInStatus }>> {
  const path = '/api/4500000000000000/cron/nightly/0123456789abcdef0123456789abcdef/'
  const statuses = new Map<string, CheckInStatus>()
  return startService(path, { status: 202, body: '' }, ({ method, path: asked, query }) => {
    if (asked !== path) return NOT_FOUND
    if (method !== 'GET' && method !== 'POST') return { status: 405, body: '' }
    const id = query.get('check_in_id') ?? ''
    const status = query.get('status')
    if (status !== 'in_progress' && status !== 'ok' && status !== 'error') return { status: 400, body: 'status' }
    if (!UUID.test(id)) return { status: 400, body: 'check_in_id' }
    // Sentry accepts this request and changes nothing. Here it must fail, so that the test sees it.
    if ((statuses.get(id) ?? 'in_progress') !== 'in_progress') return { status: 400, body: 'the check-in has ended' }
    statuses.set(id, status)
    return { id, status }
  })
}
