import { once } from 'node:events'
import { connect } from 'node:net'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { listen } from '../../../src/web/server/listen.ts'
import { gate } from '../../support/gate.ts'

/** Long enough for a request of a busy machine to arrive. */
const STALLED_MS = 2_000

test('an answer that takes longer than a stalled client may is sent', async () => {
  const app = new Hono()
  const asked = gate()
  const ready = gate()
  app.get('/', async (context) => {
    asked.open()
    await ready.opened
    return context.text('the answer')
  })
  const url = await listen(app, '127.0.0.1', 0, STALLED_MS)
  const answer = fetch(url).then((response) => response.text())
  await asked.opened
  // The server closes this connection when it was silent for as long as a client may be. The request is older.
  const silent = connect(Number(new URL(url).port), '127.0.0.1').resume()
  await once(silent, 'close')
  ready.open()
  expect(await answer).toBe('the answer')
})

test('a client that does not read its answer is disconnected', async () => {
  const app = new Hono()
  const cancelled = gate()
  app.get('/', (context) =>
    context.body(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
        cancel: () => cancelled.open(),
      }),
    ),
  )
  const { port } = new URL(await listen(app, '127.0.0.1', 0, STALLED_MS))
  const client = connect(Number(port), '127.0.0.1').pause()
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await cancelled.opened
  client.destroy()
})
