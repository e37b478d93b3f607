import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { listen, type Server } from '../../support/servers.ts'

interface Saved {
  readonly parameters: string
  readonly body: string
}

/**
 * Starts a server with the part of Stripe's API that the guides use: payment intents, made under an idempotency key. As
 * Stripe documents it, a known key returns the saved answer, or an error if the parameters are not those of the first request.
 */
export function startStripe(): Promise<Server> {
  const saved = new Map<string, Saved>()
  const server = createServer(async (incoming, outgoing) => {
    const answer = (status: number, body: string) =>
      outgoing.writeHead(status, { 'content-type': 'application/json' }).end(body)
    const { method, url, headers } = incoming
    if (url !== '/v1/payment_intents' || !headers.authorization?.startsWith('Basic ')) return answer(404, '{}')
    if (method === 'GET') {
      const data = [...saved.values()].map(({ body }) => body)
      return answer(200, `{"object":"list","data":[${data}]}`)
    }
    const parameters = await text(incoming)
    const key = String(headers['idempotency-key'])
    const first = saved.get(key)
    if (first !== undefined && first.parameters !== parameters) {
      return answer(400, JSON.stringify({ error: { type: 'idempotency_error' } }))
    }
    const amount = Number(new URLSearchParams(parameters).get('amount'))
    const made = JSON.stringify({ id: `pi_${saved.size + 1}`, object: 'payment_intent', amount })
    const body = first?.body ?? made
    saved.set(key, { parameters, body })
    return answer(200, body)
  })
  return listen(server)
}
