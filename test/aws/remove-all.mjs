import { setTimeout as delay } from 'node:timers/promises'

/** What AWS says of something that is not there, or not any more. */
const GONE = /NoSuchEntity|NotFound|NonExistent|not exist|not found|could not be found/i

/** A restore, and the end of a change of a table, can take an hour. The waiters of the command line give up after eight minutes. */
const TABLE_LIMIT_MS = 90 * 60_000

/** Waits until a table is active. Returns false if there is none. */
export async function untilActive(aws, table, pollMs) {
  for (const began = Date.now(); ; await delay(pollMs)) {
    const answer = await aws('dynamodb', 'describe-table', '--table-name', table).catch((error) => {
      if (GONE.test(`${error.message} ${error.stderr}`)) return null
      throw error
    })
    if (answer === null || answer.Table.TableStatus === 'DELETING') return false
    if (answer.Table.TableStatus === 'ACTIVE') return true
    if (Date.now() - began > TABLE_LIMIT_MS) throw new Error(`the table ${table} is still ${answer.Table.TableStatus}`)
  }
}

/** Removes the stacks, what they keep, and what the command made itself. Returns the names of what is still there. */
export async function removeAll({ aws, name, prefix, state, save, stacks, roles, pollMs }) {
  const unlessGone = (call) =>
    call.catch((error) => {
      if (!GONE.test(`${error.message} ${error.stderr}`)) throw error
      return null
    })
  const all = (...args) => unlessGone(aws(...args))

  for (const stack of [stacks.second, stacks.first, stacks.ledger]) {
    // The list is kept first: a stack that is gone does not tell what it left.
    const resources = await all('cloudformation', 'describe-stack-resources', '--stack-name', stack)
    for (const { ResourceType: type, PhysicalResourceId: id } of resources?.StackResources ?? []) {
      if (id && !state.resources.some((one) => one.id === id)) state.resources.push({ type, id })
    }
    save()
    await all('cloudformation', 'delete-stack', '--stack-name', stack)
    await all('cloudformation', 'wait', 'stack-delete-complete', '--stack-name', stack)
  }

  async function removeRole(id) {
    const role = ['--role-name', id]
    const attached = await all('iam', 'list-attached-role-policies', ...role)
    for (const { PolicyArn } of attached?.AttachedPolicies ?? [])
      await all('iam', 'detach-role-policy', ...role, '--policy-arn', PolicyArn)
    const inline = await all('iam', 'list-role-policies', ...role)
    for (const one of inline?.PolicyNames ?? []) await all('iam', 'delete-role-policy', ...role, '--policy-name', one)
    await all('iam', 'delete-role', ...role)
  }
  async function removeTable(id) {
    const table = ['--table-name', id]
    // While a table is made, restored or changed, it can be neither changed nor deleted.
    if (await untilActive(aws, id, pollMs))
      await all('dynamodb', 'update-table', ...table, '--no-deletion-protection-enabled')
    if (await untilActive(aws, id, pollMs)) await all('dynamodb', 'delete-table', ...table)
    await all('dynamodb', 'wait', 'table-not-exists', ...table)
  }
  const REMOVE = {
    'AWS::StepFunctions::StateMachine': (id) => all('stepfunctions', 'delete-state-machine', '--state-machine-arn', id),
    'AWS::IAM::Role': removeRole,
    'AWS::DynamoDB::Table': removeTable,
    'AWS::IAM::ManagedPolicy': (id) => all('iam', 'delete-policy', '--policy-arn', id),
    'AWS::Logs::LogGroup': (id) => all('logs', 'delete-log-group', '--log-group-name', id),
    'AWS::Scheduler::ScheduleGroup': (id) => all('scheduler', 'delete-schedule-group', '--name', id),
    'AWS::SNS::Topic': (id) => all('sns', 'delete-topic', '--topic-arn', id),
    'AWS::SQS::Queue': (id) => all('sqs', 'delete-queue', '--queue-url', id),
  }
  // A policy cannot go before the roles that have it.
  for (const [type, remove] of Object.entries(REMOVE)) {
    for (const { id } of state.resources.filter((one) => one.type === type)) await remove(id)
  }
  for (const role of Object.values(roles)) await removeRole(role)
  await removeTable(`${name}-restored`)
  await removeTable(name)
  const definitions = async () => {
    const { taskDefinitionArns } = await aws('ecs', 'list-task-definitions', '--status', 'ACTIVE')
    const ours = taskDefinitionArns.filter((arn) => arn.includes(`/${prefix}`))
    const shown = await Promise.all(ours.map((arn) => aws('ecs', 'describe-task-definition', '--task-definition', arn)))
    const active = shown.filter(({ taskDefinition }) => taskDefinition.status === 'ACTIVE')
    return active.map(({ taskDefinition }) => taskDefinition.taskDefinitionArn)
  }
  for (const arn of await definitions()) await all('ecs', 'deregister-task-definition', '--task-definition', arn)
  const { taskArns } = (await all('ecs', 'list-tasks', '--cluster', name)) ?? { taskArns: [] }
  for (const task of taskArns) await all('ecs', 'stop-task', '--cluster', name, '--task', task)
  if (taskArns.length > 0) await all('ecs', 'wait', 'tasks-stopped', '--cluster', name, '--tasks', ...taskArns)
  await all('ecs', 'delete-cluster', '--cluster', name)

  const { TableNames } = await aws('dynamodb', 'list-tables')
  const { Roles } = await aws('iam', 'list-roles')
  const { Policies } = await aws('iam', 'list-policies', '--scope', 'Local')
  const { logGroups } = await aws('logs', 'describe-log-groups', '--log-group-name-prefix', `/ecs/${prefix}`)
  const names = [
    ...TableNames,
    ...Roles.map(({ RoleName }) => RoleName),
    ...Policies.map(({ PolicyName }) => PolicyName),
    ...logGroups.map(({ logGroupName }) => logGroupName),
    ...(await definitions()),
  ]
  return names.filter((one) => one.includes(name) || one.includes(prefix))
}
