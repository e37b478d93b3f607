import { setTimeout as delay } from 'node:timers/promises'
import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  GetItemCommand,
  type KeysAndAttributes,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb'
import { spread } from '../../core/duration.ts'
import { LedgerError, quote } from '../../core/errors.ts'
import { isNoted } from '../../core/row/rejections.ts'
import { fieldsOf, integer, object, rowName, shownTask } from '../../core/row/stored-fields.ts'
import { decodeNotes, decodeRow, readableOrDamaged } from '../../core/row/stored-row.ts'
import { type Key, type Rejection, type Row, SCHEMA_VERSION, type StoredRow } from '../../core/types.ts'
import { isRowKey, listedSlot, slotBounds, storedKey, TASK_ENTRY } from '../page.ts'
import type { CallOptions, ListQuery, Page, Store, StoredKey } from '../store.ts'
import { connect, type Dynamo, type DynamoOptions } from './client.ts'
import { areOfRole } from './credentials.ts'
import { errorOfWrite, isByPolicy, isUnknownClient } from './errors.ts'
import {
  dayKeysQuery,
  entryKey,
  entryPut,
  firstPut,
  keysRequest,
  nextPut,
  noteUpdate,
  pageQueryInput,
  slotsQueryInput,
  TASKS_QUERY,
} from './expressions.ts'
import { fromItem, type Item, toItem } from './item.ts'

const KEYS_PER_BATCH = 100

/** The last wait is at most 0.8 s. If the table still throttles after that, the caller must ask again. */
const BATCH_TRIES = 6
const FIRST_BATCH_WAIT_MS = 50

/** The notes have three brackets, and a row only moves up. The fourth try is for a row that was deleted. */
const NOTE_TRIES = 4

/** A claim and a finish are one request each. Region and credentials come from the SDK. */
export function openDynamoStore(options: DynamoOptions): Store {
  const dynamo = withNewRole(connect(options), areOfRole(options.env))
  const TableName = dynamo.table

  return {
    close: dynamo.close,

    async get(key, call) {
      const item = await fetchItem(dynamo, storedKey(key), call)
      return item === null ? null : decodeRow(fromItem(item))
    },

    async put(row, expected, call) {
      const write = expected === 'absent' ? insert(dynamo, row, call) : update(dynamo, nextPut(row, expected), call)
      const failed = await unlessConflict(write, row, dynamo, call)
      if (failed === null) return { kind: 'ok' }
      return { kind: 'conflict', found: failed.found === null ? null : decodeRow(fromItem(failed.found)) }
    },

    note: (key, rejection, call) => note(dynamo, key, rejection, call),
    list: (query, call) => listPage(dynamo, query, call),

    async listSlots({ task, ...range }, call) {
      const bounds = slotBounds(range)
      if (bounds.first > bounds.last) return { slots: [] }
      const send = new QueryCommand({ TableName, ...slotsQueryInput(task, bounds) })
      const reply = await dynamo.ask('Query', (client, how) => client.send(send, how), call)
      const slots = (reply.Items ?? []).map((item) => {
        const outcome = item['attempts']?.L?.[0]?.M?.['outcome']?.S
        return listedSlot(task, { slot: item['slot']?.S, state: item['state']?.S, outcome })
      })
      const next = reply.LastEvaluatedKey && slots.at(-1)?.slot
      return { slots, ...(next !== undefined && { next }) }
    },

    async readEntry(key, call) {
      const item = await fetchItem(dynamo, entryKey(key), call)
      if (item === null) return null
      const fields = fieldsOf(fromItem(item), `the record of task ${shownTask(key.task)}`)
      return { version: integer(fields, 'version'), document: object(fields, 'document').values }
    },

    async writeEntry(key, entry, expected, call) {
      const command = new PutItemCommand({ TableName, ...entryPut(key, entry, expected) })
      try {
        await dynamo.ask('PutItem', (client, how) => client.send(command, how), call)
        return 'ok'
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return 'conflict'
        throw errorOfWrite(error)
      }
    },

    async listTasks(call, days = []) {
      const tasks = new Set<string>()
      const read = async (query: typeof TASKS_QUERY) => {
        for (let ExclusiveStartKey: Item | undefined; ; ) {
          const send = new QueryCommand({ TableName, ...query, ExclusiveStartKey })
          const reply = await dynamo.ask('Query', (client, how) => client.send(send, how), call)
          for (const item of reply.Items ?? []) tasks.add(keyOfItem(fromItem(item)).task)
          ExclusiveStartKey = reply.LastEvaluatedKey
          if (ExclusiveStartKey === undefined) return
        }
      }
      await Promise.all([TASKS_QUERY, ...days.map(dayKeysQuery)].map(read))
      return [...tasks].sort()
    },

    async readTaskEntries(tasks, call) {
      const keys = tasks.map((task) => entryKey({ task, kind: TASK_ENTRY }))
      const items = (await fetchBatch(dynamo, keysRequest(keys), call)).map(fromItem)
      // The reader says what is wrong with a document. That of one task must not hide the others.
      return new Map(items.map(({ task, version, document }) => [String(task), { version: Number(version), document }]))
    },
  }
}

function insert(dynamo: Dynamo, row: Row, call: CallOptions): Promise<unknown> {
  const command = new PutItemCommand({ TableName: dynamo.table, ...firstPut(row) })
  return dynamo.ask('PutItem', (client, how) => client.send(command, how), call)
}

function update(dynamo: Dynamo, input: Omit<UpdateItemCommandInput, 'TableName'>, call: CallOptions): Promise<unknown> {
  const command = new UpdateItemCommand({ TableName: dynamo.table, ...input })
  return dynamo.ask('UpdateItem', (client, how) => client.send(command, how), call)
}

async function note(dynamo: Dynamo, key: Key, rejection: Rejection, call: CallOptions): Promise<boolean> {
  const stored = storedKey(key)
  let count = 0
  for (let tries = 0; tries < NOTE_TRIES; tries += 1) {
    const write = update(dynamo, noteUpdate(stored, rejection, count), call)
    const failed = await unlessConflict(write, key, dynamo, call)
    if (failed === null) return true
    if (failed.found === null) return false
    const fields = fieldsOf(fromItem(failed.found), rowName(stored.task, stored.slot))
    if (fields.values['schemaVersion'] !== SCHEMA_VERSION) return false
    const notes = decodeNotes(fields)
    if (isNoted(notes, rejection.runId)) return true
    count = notes.count
  }
  throw new LedgerError('unreachable', `the record of slot ${stored.slot} changed with each try`)
}

async function listPage(dynamo: Dynamo, query: ListQuery, call: CallOptions): Promise<Page> {
  const { first, last } = slotBounds(query.kind === 'task' ? query : {})
  if (first > last) return { rows: [] }
  for (let { cursor } = query; ; ) {
    const send = new QueryCommand({ TableName: dynamo.table, ...pageQueryInput(query, cursor) })
    const reply = await dynamo.ask('Query', (client, how) => client.send(send, how), call)
    const items = (reply.Items ?? []).map(fromItem).filter(isRowKey)
    const rows = query.kind === 'task' ? items.map(listedRow) : await fetchRows(dynamo, items.map(keyOfItem), call)
    cursor = reply.LastEvaluatedKey && keyOfItem(fromItem(reply.LastEvaluatedKey))
    // A page without rows says nothing about the next page, because the index may name rows that were deleted.
    if (cursor === undefined) return { rows }
    if (rows.length > 0) return { rows, next: cursor }
  }
}

/** The waits after a denial of the first request. IAM makes a new policy known everywhere within some seconds. */
const NEW_POLICY_WAITS_MS = [500, 1_000, 2_000]
/** A stack starts a task with a role that it has just made. No run waits for the answer, so these are a minute. */
const NEW_ROLE_WAITS_MS = [...NEW_POLICY_WAITS_MS, ...Array<number>(14).fill(4_000)]

/** Repeats the first request while it is denied, because the role or its permissions may be a few seconds old. */
function withNewRole(dynamo: Dynamo, isOfRole: boolean): Dynamo {
  let isKnown = false
  const isNew = (error: unknown) => isByPolicy(error) || (isOfRole && isUnknownClient(error))
  return {
    ...dynamo,
    async ask(action, send, call) {
      const ofRole = isOfRole ? NEW_ROLE_WAITS_MS : NEW_POLICY_WAITS_MS
      const waits = isKnown ? [] : ofRole
      for (const waitMs of waits) {
        try {
          const answer = await dynamo.ask(action, send, call)
          isKnown = true
          return answer
        } catch (error) {
          if (!isNew(error)) {
            isKnown = !(error instanceof LedgerError && error.kind === 'unreachable')
            throw error
          }
          if (!(await delay(waitMs, true, { signal: call.signal }).catch(() => false))) throw error
        }
      }
      isKnown = true
      return dynamo.ask(action, send, call)
    },
  }
}

async function fetchItem(dynamo: Dynamo, key: StoredKey, call: CallOptions): Promise<Item | null> {
  const input = { TableName: dynamo.table, Key: toItem({ ...key }), ConsistentRead: true }
  const { Item } = await dynamo.ask('GetItem', (client, how) => client.send(new GetItemCommand(input), how), call)
  return Item ?? null
}

/** Returns the row on which the condition failed, which is read if the server does not return it. Null: it was written. */
async function unlessConflict(write: Promise<unknown>, key: Key, dynamo: Dynamo, call: CallOptions) {
  try {
    await write
    return null
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw errorOfWrite(error)
    if (error.Item !== undefined) return { found: error.Item }
    try {
      return { found: await fetchItem(dynamo, storedKey(key), call) }
    } catch (failure) {
      // The condition may have failed because an earlier try of this same write was applied.
      throw errorOfWrite(failure, error)
    }
  }
}

/** Reads the rows of keys from the index, in their order. The index lags, so a key may have no row. */
async function fetchRows(dynamo: Dynamo, keys: readonly StoredKey[], call: CallOptions): Promise<readonly StoredRow[]> {
  const rows = new Map<string, StoredRow>()
  const nameOf = ({ task, slot }: StoredKey) => `${slot} ${task}`
  for (let start = 0; start < keys.length; start += KEYS_PER_BATCH) {
    for (const item of await fetchBatch(dynamo, keysRequest(keys.slice(start, start + KEYS_PER_BATCH)), call)) {
      const row = listedRow(fromItem(item))
      rows.set(nameOf(storedKey(row)), row)
    }
  }
  return keys.flatMap((key) => rows.get(nameOf(key)) ?? [])
}

function listedRow(stored: Readonly<Record<string, unknown>>): StoredRow {
  return readableOrDamaged({ task: stored['task'], slot: stored['slot'] }, () => decodeRow(stored))
}

async function fetchBatch(dynamo: Dynamo, request: KeysAndAttributes, call: CallOptions): Promise<readonly Item[]> {
  const items: Item[] = []
  let rest: Record<string, KeysAndAttributes> = { [dynamo.table]: request }
  for (let tries = 1; ; tries += 1) {
    const send = new BatchGetItemCommand({ RequestItems: rest })
    const reply = await dynamo.ask('BatchGetItem', (client, how) => client.send(send, how), call)
    items.push(...Object.values(reply.Responses ?? {}).flat())
    rest = reply.UnprocessedKeys ?? {}
    if (Object.keys(rest).length === 0) return items
    if (tries === BATCH_TRIES)
      throw new LedgerError(
        'unreachable',
        `DynamoDB throttles dynamodb:BatchGetItem on table ${quote(dynamo.table)}. Try again later.`,
      )
    const waitMs = spread(FIRST_BATCH_WAIT_MS * 2 ** (tries - 1), Math.random())
    // An abort ends the wait, and then the next `ask` throws.
    await delay(waitMs, undefined, { signal: call.signal }).catch(() => undefined)
  }
}

function keyOfItem(item: Record<string, unknown>): StoredKey {
  return { task: String(item['task']), slot: String(item['slot']) }
}
