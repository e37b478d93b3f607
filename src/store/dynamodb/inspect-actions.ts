import {
  type AttributeValue,
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { LedgerError } from '../../core/errors.ts'
import { isTaskPattern } from '../../core/user-text.ts'
import { type InspectSettings, ok, type Role, type SetupFinding, wrong } from '../finding.ts'
import type { CallOptions } from '../store.ts'
import type { Dynamo } from './client.ts'
import { isByPolicy } from './errors.ts'
import { DAY_INDEX, TASKS_QUERY } from './expressions.ts'
import { toItem } from './item.ts'

/** Cannot be the name of a task, a slot or a day. Nothing is ever stored under it. */
const NOTHING = '#check'

/** A condition that holds for no item. The answer shows whether the write would have been allowed. */
const NEVER = {
  ConditionExpression: 'attribute_exists(#task) AND attribute_not_exists(#task)',
  ExpressionAttributeNames: { '#task': 'task' },
} as const

type Probe = Readonly<Record<'task' | 'slot', AttributeValue>>

const PROBES = {
  'dynamodb:GetItem': (TableName: string, Key: Probe) => new GetItemCommand({ TableName, Key, ConsistentRead: true }),
  'dynamodb:PutItem': (TableName: string, Item: Probe) => new PutItemCommand({ TableName, Item, ...NEVER }),
  'dynamodb:PutItem of #told/*': (TableName: string, { slot }: Probe) =>
    new PutItemCommand({ TableName, Item: { task: { S: '#told/#check' }, slot }, ...NEVER }),
  'dynamodb:UpdateItem': (TableName: string, Key: Probe) =>
    new UpdateItemCommand({
      ...NEVER,
      TableName,
      Key,
      UpdateExpression: 'REMOVE #version',
      ExpressionAttributeNames: { ...NEVER.ExpressionAttributeNames, '#version': 'version' },
    }),
  'dynamodb:Query': (TableName: string, { task, slot }: Probe) =>
    new QueryCommand({
      TableName,
      Limit: 1,
      KeyConditionExpression: '#task = :task AND #slot = :slot',
      ExpressionAttributeNames: { '#task': 'task', '#slot': 'slot' },
      ExpressionAttributeValues: { ':task': task, ':slot': slot },
    }),
  'dynamodb:Query on index by-day': (TableName: string) =>
    new QueryCommand({
      TableName,
      Limit: 1,
      IndexName: DAY_INDEX,
      KeyConditionExpression: '#day = :day',
      ExpressionAttributeNames: { '#day': 'day' },
      ExpressionAttributeValues: toItem({ ':day': NOTHING }),
    }),
  'dynamodb:Query on index by-day for #task': (TableName: string) =>
    new QueryCommand({ TableName, ...TASKS_QUERY, Limit: 1 }),
  'dynamodb:BatchGetItem': (table: string, Key: Probe) =>
    new BatchGetItemCommand({ RequestItems: { [table]: { Keys: [Key] } } }),
} as const

type Action = keyof typeof PROBES

const TOLD = 'dynamodb:PutItem of #told/*'
const WRITES = ['dynamodb:PutItem', 'dynamodb:UpdateItem'] as const
const READS = ['dynamodb:Query', 'dynamodb:Query on index by-day', 'dynamodb:BatchGetItem'] as const

/** The actions of each role, as in `schema/iam`. Every role also reads items, which is tried first. */
const NEEDED_ACTIONS: Readonly<Record<Role, readonly Action[]>> = {
  runner: [...WRITES, 'dynamodb:Query'],
  auditor: READS,
  checker: [...READS, TOLD],
  operator: [...WRITES, ...READS],
}

/** A role may be limited to one task, so the key is in its partition, if there is one. Null: the call is allowed. */
export async function tryAction(action: Action, { ask, table }: Dynamo, { task }: InspectSettings, call: CallOptions) {
  // The overloads of `send` take one kind of command each.
  const command = PROBES[action](table, { task: { S: task ?? NOTHING }, slot: { S: NOTHING } }) as GetItemCommand
  const [name = ''] = action.replace('dynamodb:', '').split(' ')
  try {
    await ask(name, (client, how) => client.send(command, how), call)
    return null
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return null
    if (error instanceof LedgerError) return error
    throw error
  }
}

/** Yields the finding about `GetItem`, whose result is `read`, and then tries the other actions of the role. */
export async function* inspectActions(
  dynamo: Dynamo,
  settings: InspectSettings,
  read: LedgerError | null,
  call: CallOptions,
): AsyncGenerator<SetupFinding> {
  const { role, task, after } = settings
  // Only the policy of the runner can be limited to one task.
  const limit = role === 'runner' && task === null ? LIMITED : ''
  for (const action of ['dynamodb:GetItem', ...NEEDED_ACTIONS[role]] as const) {
    const error = action === 'dynamodb:GetItem' ? read : await tryAction(action, dynamo, settings, call)
    const more = isByPolicy(error) ? `${limit}See the policy: cronledger template ${role}-policy` : ''
    yield error === null ? ok(action, 'allowed') : wrong(action, error, more)
  }
  for (const upstream of await after()) {
    const isPrefix = isTaskPattern(upstream)
    // A name that no task has, so that a role which may read only some of the tasks is denied.
    const ofTask = { ...settings, task: isPrefix ? upstream.replace('*', NOTHING) : upstream }
    const error =
      (await tryAction('dynamodb:GetItem', dynamo, ofTask, call)) ??
      (await tryAction('dynamodb:Query', dynamo, ofTask, call)) ??
      (isPrefix ? await tryAction('dynamodb:Query on index by-day for #task', dynamo, ofTask, call) : null)
    const what = `after ${upstream}`
    const found = isPrefix ? 'the tasks can be listed, and the rows of these be read' : 'its rows can be read'
    yield error === null ? ok(what, found) : wrong(what, error, isPrefix ? UPSTREAMS + UPSTREAM : UPSTREAM)
  }
}

const UPSTREAMS = 'A prefix also needs the statement AfterPrefix. '
const UPSTREAM =
  "Add this task to the statement After of the policy: cronledger template runner-policy. If the task that is checked comes after it no longer, record that: cronledger declare … --after ''"
const LIMITED = 'If this role is limited to one task, give --task NAME and check again. '
