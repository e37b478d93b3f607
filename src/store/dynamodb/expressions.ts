import type {
  KeysAndAttributes,
  PutItemCommandInput,
  QueryCommandInput,
  UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb'
import { FIRST_REJECTIONS, NOTED_RUN_IDS } from '../../core/row/rejections.ts'
import type { StoredDocument, StoredValue } from '../../core/row/stored-fields.ts'
import { encodeRow, OWNER_FIELDS, REJECTION } from '../../core/row/stored-row.ts'
import { type Rejection, type Row, SCHEMA_VERSION } from '../../core/types.ts'
import { slotBounds, storedKey, TASK_ENTRY } from '../page.ts'
import type { Entry, EntryKey, Expected, ListQuery, StoredKey } from '../store.ts'
import { type Item, toAttribute, toItem } from './item.ts'

// Expressions contain attribute names only as `#name`, because DynamoDB reserves hundreds of words (`state`, `owner`,
// `zone`…).

export const DAY_INDEX = 'by-day'

type Put = Omit<PutItemCommandInput, 'TableName'>
type Update = Omit<UpdateItemCommandInput, 'TableName'>
type Query = Omit<QueryCommandInput, 'TableName'>

/** Returns the write that makes a row if there is none. Notes exist only in a row, so it cannot overwrite any. */
export function firstPut(row: Row): Put {
  return {
    Item: toItem(encodeRow(row)),
    ConditionExpression: 'attribute_not_exists(#task)',
    ExpressionAttributeNames: names('task'),
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
}

/** Sets the owner's attributes and removes those that are absent, so the data that `note` wrote stays. */
export function nextPut(row: Row, expected: Exclude<Expected, 'absent'>): Update {
  const { task: _, slot: __, ...owned }: StoredDocument = encodeRow(row)
  const set = OWNER_FIELDS.filter((name) => owned[name] !== undefined).map((name) => `#${name} = :${name}`)
  const removed = OWNER_FIELDS.filter((name) => owned[name] === undefined).map((name) => `#${name}`)
  return {
    Key: toItem({ ...storedKey(row) }),
    UpdateExpression: `SET ${set.join(', ')}${removed.length === 0 ? '' : ` REMOVE ${removed.join(', ')}`}`,
    ConditionExpression:
      '#version = :expectedVersion AND #ownerRunId = :expectedOwner AND #schemaVersion = :schemaVersion',
    ExpressionAttributeNames: names(...OWNER_FIELDS),
    ExpressionAttributeValues: values({
      ...owned,
      expectedVersion: expected.version,
      expectedOwner: expected.ownerRunId,
    }),
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
}

/** Counts a rejection once. The form of the update depends on the count in the row. If that is wrong, the condition fails. */
export function noteUpdate(key: StoredKey, rejection: Rejection, count: number): Update {
  const entry = REJECTION.encode(rejection)
  const [condition, set, add, own] = noteBracket(count, entry)
  const { runId, kind, commandHash } = rejection
  const counters = [
    'rejectionCount',
    ...(kind === 'refused' ? ['refusalCount'] : []),
    ...(commandHash === undefined ? [] : ['otherCommandCount']),
  ]
  return {
    Key: toItem({ ...key }),
    UpdateExpression: `SET ${set} ADD ${counters.map((name) => `#${name} :one`).join(', ')}${add}`,
    ConditionExpression: `#schemaVersion = :schemaVersion AND NOT contains(#rejectedBy, :runId) AND ${condition}`,
    ExpressionAttributeNames: names('schemaVersion', 'rejectedBy', ...counters, ...own.names),
    ExpressionAttributeValues: {
      ...values({ schemaVersion: SCHEMA_VERSION, runId, one: 1, ...own.values }),
      ...(add === '' ? {} : { ':runIds': { SS: [runId] } }),
    },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
}

interface Own {
  readonly names: readonly string[]
  readonly values: StoredDocument
}

function noteBracket(count: number, entry: StoredDocument): [condition: string, set: string, add: string, own: Own] {
  const remember = ', #rejectedBy :runIds'
  if (count < FIRST_REJECTIONS) {
    return [
      '(attribute_not_exists(#rejectionCount) OR #rejectionCount < :most)',
      '#rejections = list_append(if_not_exists(#rejections, :none), :entries)',
      remember,
      { names: ['rejections'], values: { most: FIRST_REJECTIONS, none: [], entries: [entry] } },
    ]
  }
  if (count < NOTED_RUN_IDS) {
    return [
      '#rejectionCount >= :least AND #rejectionCount < :most',
      '#latestRejection = :entry',
      remember,
      { names: ['latestRejection'], values: { least: FIRST_REJECTIONS, most: NOTED_RUN_IDS, entry } },
    ]
  }
  return [
    '#rejectionCount >= :least AND #latestRejection.#runId <> :runId',
    '#latestRejection = :entry',
    '',
    { names: ['latestRejection', 'runId'], values: { least: NOTED_RUN_IDS, entry } },
  ]
}

export function pageQueryInput(query: ListQuery, cursor = query.cursor): Query {
  const isOfDay = query.kind === 'day'
  return {
    ...(isOfDay ? dayKeysQuery(query.day) : slotsOf(query.task, slotBounds(query))),
    ...(!isOfDay && query.consistent && { ConsistentRead: true }),
    ScanIndexForward: false,
    Limit: query.limit,
    ...(cursor && { ExclusiveStartKey: toItem({ ...cursor, ...(isOfDay && { day: query.day }) }) }),
  }
}

/** Returns the query for the slots of a task, with what `listSlots` returns of each row. A page has at most 1 MB of rows. */
export function slotsQueryInput(task: string, bounds: ReturnType<typeof slotBounds>): Query {
  return {
    ...slotsOf(task, bounds),
    ProjectionExpression: '#slot, #state, #attempts[0].#outcome',
    ExpressionAttributeNames: names('task', 'slot', 'state', 'attempts', 'outcome'),
    ScanIndexForward: false,
  }
}

export const dayKeysQuery = (day: string) => inDay(day, 'begins_with(#slot, :day)')

/** A batch may write any item with this `day` into the partition of its own task, so the slot must fit, too. */
function inDay(day: string, slotFits: string): Query {
  return {
    IndexName: DAY_INDEX,
    KeyConditionExpression: `#day = :day AND ${slotFits}`,
    ExpressionAttributeNames: names('day', 'slot'),
    ExpressionAttributeValues: values({ day }),
  }
}

function slotsOf(task: string, { first, last }: ReturnType<typeof slotBounds>): Query {
  return {
    KeyConditionExpression: '#task = :task AND #slot BETWEEN :first AND :last',
    ExpressionAttributeNames: names('task', 'slot'),
    ExpressionAttributeValues: values({ task, first, last }),
  }
}

/** The `day` of every task record, under which the index lists them: its slot. It is not a date, so no day has a task record. */
const TASKS_DAY = TASK_ENTRY

/** Returns the key of an entry. A query for rows never returns it, because `#` sorts before every slot. */
export function entryKey({ task, kind }: EntryKey): StoredKey {
  return { task, slot: kind }
}

/** Only a task record has a `day`, so the overlap lock is not in the index. */
export function entryPut(key: EntryKey, { version, document }: Entry, expected: number | 'absent'): Put {
  return {
    Item: toItem({
      ...entryKey(key),
      ...(key.kind === TASK_ENTRY && { day: TASKS_DAY }),
      version,
      document,
    }),
    ...(expected === 'absent'
      ? { ConditionExpression: 'attribute_not_exists(#task)', ExpressionAttributeNames: names('task') }
      : {
          ConditionExpression: '#version = :expected',
          ExpressionAttributeNames: names('version'),
          ExpressionAttributeValues: values({ expected }),
        }),
  }
}

export const TASKS_QUERY: Query = { ...inDay(TASKS_DAY, '#slot = :day'), Limit: 1_000 }

export function keysRequest(keys: readonly StoredKey[]): KeysAndAttributes {
  return { Keys: keys.map((key) => toItem({ ...key })) }
}

function names(...used: readonly string[]): Record<string, string> {
  return Object.fromEntries(used.map((name) => [`#${name}`, name]))
}

function values(used: Readonly<Record<string, StoredValue>>): Item {
  return Object.fromEntries(Object.entries(used).map(([name, value]) => [`:${name}`, toAttribute(value)]))
}
