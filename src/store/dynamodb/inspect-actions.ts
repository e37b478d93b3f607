import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { LedgerError } from '../../core/errors.ts'
import { type InspectSettings, ok, type Role, type SetupFinding, wrong } from '../finding.ts'
import type { StoredKey } from '../page.ts'
import type { CallOptions } from '../store.ts'
import type { Dynamo } from './client.ts'
import { isByPolicy } from './errors.ts'
import { DAY_INDEX } from './expressions.ts'
import { toItem } from './item.ts'

/** Cannot be the name of a task, a slot or a day. Nothing is ever stored under it. */
const NOTHING = '#check'

/** A condition that holds for no item. The answer shows whether the write would have been allowed. */
const NEVER = {
  ConditionExpression: 'attribute_exists(#task) AND attribute_not_exists(#task)',
  ExpressionAttributeNames: { '#task': 'task' },
} as const

type Probe = (dynamo: Dynamo, key: StoredKey, call: CallOptions) => Promise<unknown>

/** Harmless calls. Each needs the permission after which it is named. */
const PROBES = {
  'dynamodb:GetItem': ({ ask, table }, key, call) => {
    const command = new GetItemCommand({ TableName: table, Key: toItem({ ...key }), ConsistentRead: true })
    return ask('GetItem', (client, how) => client.send(command, how), call)
  },
  'dynamodb:PutItem': ({ ask, table }, key, call) => {
    const command = new PutItemCommand({ TableName: table, Item: toItem({ ...key }), ...NEVER })
    return ask('PutItem', (client, how) => client.send(command, how), call)
  },
  'dynamodb:UpdateItem': ({ ask, table }, key, call) => {
    const command = new UpdateItemCommand({
      TableName: table,
      Key: toItem({ ...key }),
      UpdateExpression: 'REMOVE #version',
      ConditionExpression: NEVER.ConditionExpression,
      ExpressionAttributeNames: { ...NEVER.ExpressionAttributeNames, '#version': 'version' },
    })
    return ask('UpdateItem', (client, how) => client.send(command, how), call)
  },
  'dynamodb:Query': (dynamo, { task, slot }, call) => {
    const condition = {
      KeyConditionExpression: '#task = :task AND #slot = :slot',
      ExpressionAttributeNames: { '#task': 'task', '#slot': 'slot' },
      ExpressionAttributeValues: toItem({ ':task': task, ':slot': slot }),
    }
    return query(dynamo, condition, call)
  },
  'dynamodb:Query on index by-day': (dynamo, _, call) => {
    const condition = {
      IndexName: DAY_INDEX,
      KeyConditionExpression: '#day = :day',
      ExpressionAttributeNames: { '#day': 'day' },
      ExpressionAttributeValues: toItem({ ':day': NOTHING }),
    }
    return query(dynamo, condition, call)
  },
  'dynamodb:BatchGetItem': ({ ask, table }, key, call) => {
    const command = new BatchGetItemCommand({ RequestItems: { [table]: { Keys: [toItem({ ...key })] } } })
    return ask('BatchGetItem', (client, how) => client.send(command, how), call)
  },
} as const satisfies Record<string, Probe>

type Action = keyof typeof PROBES

const WRITES = ['dynamodb:PutItem', 'dynamodb:UpdateItem'] as const
const READS = ['dynamodb:Query', 'dynamodb:Query on index by-day', 'dynamodb:BatchGetItem'] as const

/** The actions of each role, as in `schema/iam`. Every role also reads items, which is tried first. */
const NEEDED_ACTIONS: Readonly<Record<Role, readonly Action[]>> = {
  runner: [...WRITES, 'dynamodb:Query'],
  auditor: READS,
  operator: [...WRITES, ...READS],
}

export interface ActionInspection {
  /** Tries to read an item. Returns null if the read is allowed, otherwise its error. */
  readItem(call: CallOptions): Promise<LedgerError | null>
  /** Yields the finding about `GetItem`, whose result is `read`, and then tries the other actions of the role. */
  others(read: LedgerError | null, call: CallOptions): AsyncGenerator<SetupFinding>
}

/**
 * Tries the actions of a role with harmless calls: no item is written, and none exists under the key that is read. If a
 * task is given, the key is in the partition of that task, because a role may be limited to it. Otherwise the key is in
 * a partition that no task can have.
 */
export function inspectActions(dynamo: Dynamo, { role, task }: InspectSettings): ActionInspection {
  const key = { task: task ?? NOTHING, slot: NOTHING }
  // Only the policy of the runner can be limited to one task.
  const limit = role === 'runner' && task === null ? LIMITED : ''

  function findingOf(action: Action, error: LedgerError | null): SetupFinding {
    if (error === null) return ok(action, 'allowed')
    return wrong(action, error, isByPolicy(error) ? `${limit}See the policy: cronledger template ${role}-policy` : '')
  }

  return {
    readItem: (call) => attempt('dynamodb:GetItem', dynamo, key, call),
    async *others(read, call) {
      yield findingOf('dynamodb:GetItem', read)
      for (const action of NEEDED_ACTIONS[role]) yield findingOf(action, await attempt(action, dynamo, key, call))
    },
  }
}

const LIMITED = 'If this role is limited to one task, give --task NAME and check again. '

/** Returns null if the call would have been allowed, otherwise its error. */
async function attempt(action: Action, dynamo: Dynamo, key: StoredKey, call: CallOptions): Promise<LedgerError | null> {
  try {
    await PROBES[action](dynamo, key, call)
    return null
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return null
    if (error instanceof LedgerError) return error
    throw error
  }
}

function query({ ask, table }: Dynamo, condition: Partial<QueryCommandInput>, call: CallOptions): Promise<unknown> {
  const command = new QueryCommand({ TableName: table, ...condition, Limit: 1 })
  return ask('Query', (client, how) => client.send(command, how), call)
}
