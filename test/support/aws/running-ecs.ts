import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { Loose } from '../cli.ts'
import { listen, type Server } from '../servers.ts'

/** Runs the containers of tasks, which moto only records. `isLost`: the request gets no answer. Tables change slowly. */
export async function startRunningEcs(
  { endpoint }: Pick<Server, 'endpoint'>,
  run: (
    family: string,
    overrides: Readonly<Record<string, string>>,
    command: readonly string[] | undefined,
    taskArn: string,
  ) => Promise<number>,
  isLost: () => boolean = () => false,
): Promise<Server> {
  const ended = new Map<string, Promise<number>>()
  /** How many more answers say that a table is not active. */
  const busy = new Map<string, number>()
  const server = createServer(async (incoming, outgoing) => {
    const body = await buffer(incoming)
    if (isLost()) return void incoming.destroy()
    const ofTable = /^DynamoDB_20120810\.(.*)/.exec(String(incoming.headers['x-amz-target']))?.[1] ?? ''
    const { TableName, TargetTableName = TableName } = ofTable === '' ? {} : JSON.parse(body.toString())
    const left = busy.get(TargetTableName) ?? 0
    if (/^(Update|Delete)Table$/.test(ofTable) && left > 0) {
      const type = 'com.amazonaws.dynamodb.v20120810#ResourceInUseException'
      const message = `Attempt to change a resource which is still in use: Table: ${TableName}`
      outgoing.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' })
      return void outgoing.end(JSON.stringify({ __type: type, message }))
    }
    if (/^(UpdateTable|RestoreTable.*)$/.test(ofTable)) busy.set(TargetTableName, 3)
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
      ended.set(taskArn, run(/task-definition\/(.*):/.exec(taskDefinitionArn)?.[1] ?? '', variables, command, taskArn))
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
    if (asked.ok && ofTable === 'DescribeTable' && left > 0) {
      busy.set(TableName, left - 1)
      text = text.replace('"TableStatus": "ACTIVE"', '"TableStatus": "UPDATING"')
      text = text.replace('"TableStatus":"ACTIVE"', '"TableStatus":"UPDATING"')
    }
    outgoing.writeHead(asked.status, { 'content-type': asked.headers.get('content-type') ?? '' }).end(text)
  })
  return listen(server)
}
