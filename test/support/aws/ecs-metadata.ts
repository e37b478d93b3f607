import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { onTestFinished } from 'vitest'
import { listen } from '../servers.ts'

const file = new URL('../../fixtures/aws/ecs-task-metadata-v4.json', import.meta.url)

/** The answers of the metadata endpoint to a container on Fargate. `FARGATE` has what they say. */
export const TASK = JSON.parse(readFileSync(file, 'utf8'))
export const CONTAINER = TASK.Containers[0]

/** A process that is asked to wait for a limit waits forever, since a busy machine may not meet it. */
const PATIENT = '--import data:text/javascript,AbortSignal.timeout=()=>new%20AbortController().signal'

/** No answer is sent before both requests have arrived. One that is null never comes, and a text is sent as it is. */
export async function serveMetadata({ container = CONTAINER, task = TASK }: { container?: unknown; task?: unknown }) {
  const asked: string[] = []
  const send: (() => void)[] = []
  const server = createServer(({ url = '' }, response) => {
    asked.push(url)
    const answer = url === '/v4/abc/task' ? task : container
    send.push(() => {
      if (answer !== null) response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
    })
    if (send.length === 2) for (const one of send.splice(0)) one()
  })
  const { endpoint, stop } = await listen(server)
  onTestFinished(stop)
  const env = { ECS_CONTAINER_METADATA_URI_V4: `${endpoint}/v4/abc`, NODE_OPTIONS: PATIENT }
  return { asked, env }
}
