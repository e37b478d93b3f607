import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { Loose } from '../cli.ts'
import { listen, type Server } from '../servers.ts'

/**
 * Puts a server before moto that runs the containers of tasks, which moto only records. `run` gets the family of a task
 * definition and the variables and the command of the overrides, and returns the exit code. `DescribeTasks` is answered when the
 * tasks have ended, so that nothing waits for the next poll. A request for which `isLost` returns true gets no answer.
 */
export async function startRunningEcs(
  { endpoint }: Pick<Server, 'endpoint'>,
  run: (family: string, overrides: Readonly<Record<string, string>>, command?: readonly string[]) => Promise<number>,
  isLost: () => boolean = () => false,
): Promise<Server> {
  const ended = new Map<string, Promise<number>>()
  const server = createServer(async (incoming, outgoing) => {
    const body = await buffer(incoming)
    if (isLost()) return void incoming.destroy()
    const { host: _, connection: __, ...headers } = incoming.headers
    const asked = await fetch(endpoint + incoming.url, {
      method: incoming.method ?? 'POST',
      headers: headers as Record<string, string>,
      ...(body.length > 0 && { body: new Uint8Array(body) }),
    })
    const action = /^AmazonEC2ContainerService.*\.(.*)/.exec(String(headers['x-amz-target']))?.[1]
    let text = await asked.text()
    if (asked.ok && action === 'RunTask') {
      const [{ taskArn, taskDefinitionArn, overrides }] = JSON.parse(text).tasks
      const [{ command, environment = [] }] = overrides.containerOverrides
      const variables = Object.fromEntries(environment.map((one: Loose) => [one['name'], one['value']]))
      ended.set(taskArn, run(/task-definition\/(.*):/.exec(taskDefinitionArn)?.[1] ?? '', variables, command))
    }
    if (asked.ok && action === 'DescribeTasks') {
      const answer = JSON.parse(text)
      for (const task of answer.tasks) {
        const exitCode = await ended.get(task.taskArn)
        // GuardDuty adds a container of its own.
        const containers = [
          { name: 'aws-guardduty-agent', exitCode: 143 },
          { ...task.containers[0], exitCode },
        ]
        Object.assign(task, { lastStatus: 'STOPPED', containers })
      }
      text = JSON.stringify(answer)
    }
    outgoing.writeHead(asked.status, { 'content-type': asked.headers.get('content-type') ?? '' }).end(text)
  })
  return listen(server)
}
