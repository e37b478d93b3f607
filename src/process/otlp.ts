import { asError, firstLine } from '../core/errors.ts'
import { tracesUrl } from '../core/trace.ts'
import type { Environment } from '../core/types.ts'
import { onAbort } from './clock.ts'

/** Returns what sends spans by OTLP/HTTP, or null if the environment does not say where to. */
export function openSpanSender(env: Environment) {
  const address = tracesUrl(env)
  if (address === null) return null
  const given = keyValues(env['OTEL_EXPORTER_OTLP_TRACES_HEADERS'] || env['OTEL_EXPORTER_OTLP_HEADERS'])
  const over = new AbortController()
  const sent: Promise<string | null>[] = []
  return {
    send: (body: string) => sent.push(post(address, given, { method: 'POST', body, signal: over.signal })),
    async end(signal: AbortSignal) {
      onAbort(signal, () => over.abort(new Error('no answer in time')))
      const failures = (await Promise.all(sent)).filter((failure) => failure !== null)
      return failures.length === 0 ? null : `${failures.length} of ${sent.length} spans were not sent: ${failures[0]}`
    },
  }
}

export function resourceOf(env: Environment): Readonly<Record<string, string>> {
  const given = keyValues(env['OTEL_RESOURCE_ATTRIBUTES'])
  return { ...given, 'service.name': env['OTEL_SERVICE_NAME'] || given['service.name'] || 'cronledger' }
}

/** Reads `key=value,key=value`. A value may be percent-encoded. */
function keyValues(text = ''): Record<string, string> {
  const pairs = text.split(',').flatMap((pair) => {
    const [, key, value = ''] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? []
    return key === undefined ? [] : [[key, percentDecoded(value)] as const]
  })
  return Object.fromEntries(pairs)
}

function percentDecoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/**
 * Returns why the request failed, or null. It is not repeated, because a span is not worth a wait. An address and a header can
 * have a secret anywhere, so only the origin is named, and a redirect, which would take the headers along, is not followed.
 */
async function post(address: string, given: Record<string, string>, request: RequestInit): Promise<string | null> {
  const url = URL.canParse(address) ? new URL(address) : null
  const isHttp = url !== null && /^https?:$/.test(url.protocol)
  // After a /, ? or # in a password, the rest of it and the @ before the host are read as a path.
  if (!isHttp || `${url.pathname}${url.search}${url.hash}`.includes('@'))
    return 'the endpoint is not a valid address. It begins with http:// or https://, and a special character in its password is written as % and two hexadecimal digits.'
  const headers = headersOf(url, given)
  if (headers === null) return 'a header that is set for the collector has a character that HTTP does not allow.'
  url.username = ''
  url.password = ''
  try {
    const response = await fetch(url, { ...request, headers, redirect: 'manual' })
    await response.body?.cancel()
    return response.ok ? null : `${url.origin} answered ${response.status}`
  } catch (error) {
    // The error of `fetch` only says that it failed.
    const { cause } = asError(error)
    return `${url.origin}: ${firstLine(cause ?? error)}`
  }
}

function headersOf({ username, password }: URL, given: Record<string, string>): Headers | null {
  const user = [username, password].map(percentDecoded).join(':')
  const basic = user === ':' ? {} : { authorization: `Basic ${Buffer.from(user).toString('base64')}` }
  try {
    return new Headers({ ...basic, ...given, 'content-type': 'application/json' })
  } catch {
    return null
  }
}
